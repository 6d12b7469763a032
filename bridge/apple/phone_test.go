package apple

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"bizbridge/bridge/message"
)

type jsonObject = map[string]any

// phone is a customer's device, made from the protocol's pages alone: it reads what the bridge sends, chooses by chance,
// and answers in one of the ways in which devices do.
type phone struct{ *rapid.T }

// tap is what the customer did, in the ids of what was sent.
type tap struct{ page, id, value string }

func (p phone) either(label string) bool { return rapid.Bool().Draw(p.T, label) }

func (p phone) one(label string, n int) int { return rapid.IntRange(0, n-1).Draw(p.T, label) }

// answer gives an interactiveData jsonObject.
func (p phone) answer(sent jsonObject) (answer jsonObject, taps []tap) {
	answer = jsonObject{"bid": sent["bid"]}
	answer[rapid.SampledFrom([]string{"sessionIdentifier", "sessionId"}).Draw(p.T, "session")] = sessionID
	asked, ok := sent["data"].(jsonObject)
	if !ok { // an app
		answer["URL"] = sent["URL"].(string) + "&answer=1"
		answer["receivedMessage"] = jsonObject{"title": "Shown"}
		return answer, []tap{{value: answer["URL"].(string)}}
	}
	data := jsonObject{"requestIdentifier": asked["requestIdentifier"], "receivedMessage": sent["receivedMessage"]}
	data[rapid.SampledFrom([]string{"version", "mspVersion"}).Draw(p.T, "version")] = "1.0"
	if images, ok := asked["images"]; ok && p.either("echo the images") {
		data["images"] = images
	}
	answer["data"] = data
	switch {
	case asked["quick-reply"] != nil:
		delete(data, "receivedMessage")
		data["quick-reply"], taps = p.quickReply(asked["quick-reply"].(jsonObject))
		return answer, taps
	case asked["listPicker"] != nil:
		data["listPicker"], taps = p.listPicker(asked["listPicker"].(jsonObject))
	case asked["event"] != nil:
		var event jsonObject
		event, taps = p.timePicker(asked["event"].(jsonObject))
		data["event"] = event
		if p.either("the old place") {
			delete(data, "event")
			data["timePicker"] = jsonObject{"event": event}
		}
	case asked["dynamic"] != nil:
		data["dynamic"], taps = p.form(asked["dynamic"].(jsonObject)["data"].(jsonObject))
	}
	shown := jsonObject{"style": "icon", "title": "Shown"}
	if p.either("beside data") {
		answer["replyMessage"] = shown
	} else {
		data["replyMessage"] = shown
	}
	return answer, taps
}

func (p phone) quickReply(asked jsonObject) (jsonObject, []tap) {
	items := asked["items"].([]any)
	chosen := p.one("option", len(items))
	id := items[chosen].(jsonObject)["identifier"].(string)
	answer := jsonObject{"items": items, "selectedIndex": float64(chosen), "selectedIdentifier": id}
	switch p.one("how an option is told", 3) {
	case 1:
		delete(answer, "selectedIndex")
	case 2:
		delete(answer, "selectedIdentifier")
	}
	return answer, []tap{{id: id}}
}

func (p phone) listPicker(asked jsonObject) (jsonObject, []tap) {
	var taps []tap
	sections := []any{}
	for _, entry := range asked["sections"].([]any) {
		section := entry.(jsonObject)
		items := p.some(section["items"].([]any), section["multipleSelection"].(bool))
		if len(items) == 0 {
			continue
		}
		for _, item := range items {
			taps = append(taps, tap{id: item.(jsonObject)["identifier"].(string)})
		}
		sections = append(sections, jsonObject{"title": section["title"], "order": section["order"], "multipleSelection": section["multipleSelection"], "items": items})
	}
	return jsonObject{"sections": sections}, taps
}

// some chooses items: any number, or one at most.
func (p phone) some(items []any, multiple bool) []any {
	if !multiple {
		if chosen := p.one("item", len(items)+1); chosen < len(items) {
			return items[chosen : chosen+1]
		}
		return nil
	}
	return slices.DeleteFunc(slices.Clone(items), func(any) bool { return !p.either("item") })
}

func (p phone) timePicker(asked jsonObject) (jsonObject, []tap) {
	slots := asked["timeslots"].([]any)
	slot := slots[p.one("slot", len(slots))].(jsonObject)
	start, err := time.Parse("2006-01-02T15:04+0000", slot["startTime"].(string))
	if err != nil {
		p.Fatal(err)
	}
	layout := rapid.SampledFrom([]string{
		"2006-01-02T15:04+0000", "2006-01-02T15:04:05+0000", "2006-01-02T15:04Z", "2006-01-02T15:04:05Z", "2006-01-02T15:04:05.000Z",
	}).Draw(p.T, "how a time is written")
	chosen := jsonObject{"identifier": slot["identifier"], "startTime": start.Format(layout), "duration": slot["duration"]}
	answer := jsonObject{"identifier": asked["identifier"], "title": asked["title"], "timeslots": []any{chosen}}
	if offset, ok := asked["timezoneOffset"]; ok {
		answer["timezoneOffset"] = offset
	}
	return answer, []tap{{id: slot["identifier"].(string)}}
}

// form goes from page to page until one submits.
func (p phone) form(asked jsonObject) (jsonObject, []tap) {
	pages := make(map[string]jsonObject)
	for _, page := range asked["pages"].([]any) {
		pages[page.(jsonObject)["pageIdentifier"].(string)] = page.(jsonObject)
	}
	var taps []tap
	selections := []any{}
	for id := asked["startPageIdentifier"].(string); ; {
		page, ok := pages[id]
		if !ok || len(selections) > len(pages) {
			p.Fatalf("the form leads from %d pages to %q", len(selections), id)
		}
		next, _ := page["nextPageIdentifier"].(string)
		items := []any{}
		switch page["type"] {
		case "select", "picker":
			all := page["items"].([]any)
			chosen := all[p.one("item", len(all)):][:1]
			if page["multipleSelection"] == true {
				chosen = p.some(all, true)
			}
			for _, entry := range chosen {
				item := entry.(jsonObject)
				if own, ok := item["nextPageIdentifier"].(string); ok {
					next = own
				}
				taps = append(taps, tap{page: id, id: item["identifier"].(string)})
				items = append(items, jsonObject{"identifier": item["identifier"], "title": item["title"], "value": item["value"]})
			}
		default:
			words := rapid.StringMatching(`[a-zA-Z0-9äé😀<& .]{0,8}[a-z0-9]`).Draw(p.T, "words")
			taps = append(taps, tap{page: id, value: words})
			items = append(items, jsonObject{"value": words})
		}
		selections = append(selections, jsonObject{"pageIdentifier": id, "title": page["title"], "items": items})
		if page["submitForm"] == true {
			break
		}
		id = next
	}
	answer := jsonObject{"template": "messageForms", "version": "1.2", "selections": selections}
	if asked["private"] == true {
		answer["private"] = true
	}
	if p.either("nested as the question") {
		return jsonObject{"data": answer}, taps
	}
	return answer, taps
}

// couldBeNumbers are ids and words that devices may write as numbers, and the other way round.
var couldBeNumbers = []string{"identifier", "selectedIdentifier", "pageIdentifier", "value", "title", "duration", "selectedIndex", "order"}

// write puts members into any order, among others that nobody knows, with numbers as strings and strings as numbers.
func (p phone) write(name string, value any) string {
	turn := slices.Contains(couldBeNumbers, name) && p.either("as the other type")
	switch value := value.(type) {
	case jsonObject:
		var members []string
		for _, name := range slices.Sorted(maps.Keys(value)) { // rapid has to find the same order again
			members = append(members, strconv.Quote(name)+":"+p.write(name, value[name]))
		}
		members = append(members, rapid.SampledFrom([]string{`"x":null`, `"unknown":[{}]`, `"style":"icon"`}).Draw(p.T, "member"))
		return "{" + strings.Join(rapid.Permutation(members).Draw(p.T, "order"), " ,\n") + "}"
	case []any:
		var elements []string
		for _, element := range value {
			elements = append(elements, p.write("", element))
		}
		return "[" + strings.Join(elements, ",") + "]"
	case string:
		if number, err := strconv.Atoi(value); turn && err == nil && strconv.Itoa(number) == value {
			return value
		}
	case float64:
		if turn {
			return fmt.Sprintf(`"%v"`, value)
		}
	}
	raw, err := json.Marshal(value)
	if err != nil {
		p.Fatal(err)
	}
	return string(raw)
}

// A content is chosen by chance too.
type contents struct{ *rapid.T }

func (c contents) label(name string) string {
	return rapid.StringMatching(`([A-Za-z0-9äé😀<&"\\] ?){0,9}[A-Za-z0-9]`).Draw(c.T, name)
}

func (c contents) ids(n int) []string {
	id := rapid.OneOf(rapid.StringMatching(`[1-9][0-9]{0,3}|0|007|1\.0|-1`), rapid.StringMatching(`[a-zé<&"\\]([a-z ]{0,9}[a-z])?`))
	return rapid.SliceOfNDistinct(id, n, n, rapid.ID).Draw(c.T, "ids")
}

func (c contents) count(name string, least, most int) int {
	return rapid.IntRange(least, most).Draw(c.T, name)
}

func (c contents) bool(name string) bool { return rapid.Bool().Draw(c.T, name) }

func (c contents) items(ids []string) []any {
	items := make([]any, len(ids))
	for i, id := range ids {
		items[i] = jsonObject{"id": id, "title": c.label("title"), "subtitle": c.label("subtitle")}
	}
	return items
}

func (c contents) draw(kind message.Kind) jsonObject {
	content := jsonObject{"kind": kind, "received": jsonObject{"title": c.label("question"), "image": "i"}, "images": []any{jsonObject{"id": "i", "data": "AA=="}}}
	switch kind {
	case message.KindQuickReply:
		return jsonObject{"kind": kind, "prompt": c.label("prompt"), "options": c.items(c.ids(c.count("options", 2, 5)))}
	case message.KindApp:
		return jsonObject{"kind": kind, "team_id": "ABCDE12345", "extension_id": "a.b", "url": "?a=1", "received": jsonObject{"title": "Q"}}
	case message.KindListPicker:
		sections := []any{}
		for ids := c.ids(c.count("items", 1, 8)); len(ids) > 0; {
			n := c.count("of the section", 1, len(ids))
			sections = append(sections, jsonObject{"multiple": c.bool("multiple"), "items": c.items(ids[:n])})
			ids = ids[n:]
		}
		content["sections"] = sections
	case message.KindTimePicker:
		slots := []any{}
		for _, id := range c.ids(c.count("slots", 1, 5)) {
			zone := time.FixedZone("", 900*c.count("zone", -48, 48))
			start := time.Unix(60*int64(c.count("start", 30_000_000, 40_000_000)), 0).In(zone)
			slots = append(slots, jsonObject{"id": id, "start": start.Format(time.RFC3339), "duration": c.count("duration", 0, 100_000)})
		}
		content["event"] = jsonObject{"slots": slots}
	case message.KindForm:
		content["private"], content["pages"] = c.bool("private"), c.pages()
	}
	return content
}

// pages follow each other; the items of some lead past the next ones.
func (c contents) pages() []any {
	ids := c.ids(c.count("pages", 1, 5))
	pages := make([]any, len(ids))
	for i, id := range ids {
		page := jsonObject{"id": id, "title": c.label("question"), "type": rapid.SampledFrom([]string{"select", "picker", "date_picker", "input"}).Draw(c.T, "type")}
		if page["type"] == "select" || page["type"] == "picker" {
			items := []any{}
			for j, item := range c.ids(c.count("items", 1, 4)) {
				entry := jsonObject{"id": item, "title": c.label("title")}
				if c.bool("value") {
					entry["value"] = rapid.StringMatching(`[a-z0-9]{1,5}`).Draw(c.T, "value")
				}
				if later := ids[i+1:]; page["type"] == "select" && j > 0 && len(later) > 0 && c.bool("branch") {
					entry["next"] = rapid.SampledFrom(later).Draw(c.T, "next")
				}
				items = append(items, entry)
			}
			page["items"] = items
			if page["type"] == "select" && c.bool("multiple") {
				page["multiple"] = true
				for _, item := range items {
					delete(item.(jsonObject), "next")
				}
			}
		}
		pages[i] = page
	}
	return pages
}

// selected is what a tap means, in terms of the content.
func selected(content message.Content, tap tap) message.Selection {
	switch content := content.(type) {
	case message.QuickReply:
		for _, option := range content.Options {
			if option.ID == tap.id {
				return message.Selection{ID: option.ID, Title: string(option.Title)}
			}
		}
	case message.ListPicker:
		for _, section := range content.Sections {
			for _, item := range section.Items {
				if item.ID == tap.id {
					return message.Selection{ID: item.ID, Title: string(item.Title), Subtitle: string(item.Subtitle)}
				}
			}
		}
	case message.TimePicker:
		for _, slot := range content.Appoint.Slots {
			if start := slot.Start.UTC(); slot.ID == tap.id {
				return message.Selection{ID: slot.ID, Start: &start, Duration: slot.Duration}
			}
		}
	case message.Form:
		for _, page := range content.Pages {
			if page.ID != tap.page {
				continue
			}
			for _, item := range page.Items {
				if item.ID == tap.id {
					value := item.Value
					if value == "" {
						value = item.ID
					}
					return message.Selection{ID: item.ID, Title: string(item.Title), Value: value, Page: page.ID, Subtitle: string(page.Title)}
				}
			}
			return message.Selection{Value: tap.value, Page: page.ID, Subtitle: string(page.Title)}
		}
	}
	panic(fmt.Sprintf("%+v is not in the content", tap))
}

// What a customer chooses on a phone is what the helpdesk hears of, whatever the content and the phone.
func TestWhatIsChosenIsWhatIsHeardOf(t *testing.T) {
	kinds := map[message.Kind]message.ReplyKind{
		message.KindQuickReply: message.ReplyQuickReply, message.KindListPicker: message.ReplyListPicker, message.KindTimePicker: message.ReplyTimePicker,
		message.KindForm: message.ReplyForm, message.KindApp: message.ReplyApp,
	}
	for kind, replyKind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				raw, err := json.Marshal(contents{t}.draw(kind))
				if err != nil {
					t.Fatal(err)
				}
				content, faults := message.DecodeContent(raw)
				if len(faults) > 0 {
					t.Fatalf("%+v in %s", faults, raw)
				}
				var wire outgoingWire
				out := Outgoing{Content: content, RequestID: requestID, Pictures: map[string][]byte{"i": {0}}}
				if failure := (&Client{}).fill(t.Context(), Business{}, out, &wire); failure != nil {
					t.Fatal(failure)
				}
				sent, err := json.Marshal(wire.InteractiveData)
				if err != nil {
					t.Fatal(err)
				}
				var shown jsonObject
				if err := json.Unmarshal(sent, &shown); err != nil {
					t.Fatal(err)
				}
				device := phone{t}
				answer, taps := device.answer(shown)
				written := device.write("", answer)

				want := message.Reply{Kind: replyKind, RequestID: requestID, SessionID: sessionID, Title: "Shown"}
				if kind == message.KindApp {
					want.URL, want.RequestID, taps = taps[0].value, "", nil
				}
				for _, tap := range taps {
					want.Selections = append(want.Selections, selected(content, tap))
				}
				if form, ok := content.(message.Form); ok {
					want.Private = form.Private
				}
				if kind == message.KindQuickReply {
					want.Title = want.Selections[0].Title
				}
				got, hidden := parseReply(json.RawMessage(written))
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || hidden {
					t.Fatalf("%s\n%s\n%s", sent, written, diff)
				}
			})
		})
	}
}
