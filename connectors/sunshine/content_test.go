package sunshine_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/connectors/sunshine/sunshinetest"
)

func nowhere() time.Time { return time.Unix(1785574930, 0) }

// fit checks what the bridge accepts.
func fit(t *testing.T, content message.Content) {
	t.Helper()
	written, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	if _, faults := message.DecodeContent(written); len(faults) > 0 {
		t.Fatalf("the bridge would refuse %s: %v", written, faults)
	}
}

func button(kind, text, payload string) object {
	return object{"type": kind, "text": text, "payload": payload}
}

func TestContents(t *testing.T) {
	long := strings.Repeat("many words ", 30)
	link := func(title, uri string) object { return object{"type": "link", "text": title, "uri": uri} }
	options := func(pairs ...string) (list []message.Option) {
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, message.Option{ID: pairs[i], Title: message.Label(pairs[i+1])})
		}
		return list
	}
	picker := func(title string, items ...message.Item) message.ListPicker {
		return message.ListPicker{Received: message.Bubble{Title: message.Label(title)}, Sections: []message.Section{{Items: items}}}
	}
	text := func(words string) message.Text { return message.Text{Text: words} }
	for name, c := range map[string]struct {
		content object
		want    []message.Content
	}{
		"HTML":                   {object{"type": "text", "htmlText": "<p>Hi <b>you</b></p>"}, []message.Content{text("Hi you")}},
		"Markdown":               {object{"type": "text", "markdownText": "**Hi** you"}, []message.Content{text("Hi you")}},
		"text before HTML":       {object{"type": "text", "text": "plain", "htmlText": "<p>rich</p>"}, []message.Content{text("plain")}},
		"undocumented":           {object{"type": "text", "text": "Hi", "actions": []object{{"type": "buy", "text": "Buy", "amount": 9.99}}}, []message.Content{text("Hi")}},
		"nothing":                {object{"type": "text", "text": " \ufffc "}, nil},
		"an unknown kind":        {object{"type": "hologram", "text": "look"}, []message.Content{text("look")}},
		"unknown and empty":      {object{"type": "template"}, nil},
		"a link":                 {object{"type": "text", "text": "See", "actions": []object{link("Shop", "https://shop.example")}}, []message.Content{text("See"), message.RichLink{URL: "https://shop.example", Title: "Shop"}}},
		"a link of another kind": {object{"type": "text", "actions": []object{link("Call", "tel:+123")}}, []message.Content{text("Call\ntel:+123")}},
		"a webview": {object{"type": "text", "text": "See", "actions": []object{{"type": "webview", "text": "Open", "uri": "https://w.example", "fallback": "https://f.example"}}},
			[]message.Content{text("See"), message.RichLink{URL: "https://f.example", Title: "Open"}}},
		"a location request": {object{"type": "text", "text": "Where are you?", "actions": []object{{"type": "locationRequest", "text": "Send"}}}, []message.Content{text("Where are you?")}},
		"one reply": {object{"type": "text", "text": "Sure?", "actions": []object{button("reply", "Yes", "y")}},
			[]message.Content{picker("Sure?", message.Item{ID: "y", Title: "Yes"})}},
		"postbacks": {object{"type": "text", "text": "Menu", "actions": []object{button("postback", "A", "a"), button("postback", "B", "b")}},
			[]message.Content{picker("Menu", message.Item{ID: "a", Title: "A"}, message.Item{ID: "b", Title: "B"})}},
		"replies and a link": {object{"type": "text", "text": "Hello\nWhich?", "actions": []object{button("reply", "A", "a"), link("Shop", "https://shop.example"), button("reply", "B", "b")}},
			[]message.Content{text("Hello"), message.RichLink{URL: "https://shop.example", Title: "Shop"}, message.QuickReply{Prompt: "Which?", Options: options("a", "A", "b", "B")}}},
		"payloads that cannot be ids": {object{"type": "text", "text": "Which?", "actions": []object{button("reply", "A", "same"), button("reply", "B", "same"), button("reply", "C", " "), button("reply", "", "d")}},
			[]message.Content{message.QuickReply{Prompt: "Which?", Options: options("same", "A", "choice-2", "B", "choice-3", "C")}}},
		"a long question": {object{"type": "text", "text": long, "actions": []object{button("reply", "A", "a"), button("reply", "B", "b")}},
			[]message.Content{text(strings.TrimSpace(long)), message.QuickReply{Prompt: message.CutLabel(long), Options: options("a", "A", "b", "B")}}},
		"no question": {object{"type": "text", "actions": []object{button("reply", "A", "a"), button("reply", "B", "b")}},
			[]message.Content{message.QuickReply{Prompt: "Please choose", Options: options("a", "A", "b", "B")}}},
		"something to buy": {object{"type": "text", "text": "Fresh", "actions": []object{{"type": "buy", "text": "Buy vinegar", "amount": 8000, "currency": "cad"}}},
			[]message.Content{text("Fresh"), message.PaymentRequest{CurrencyCode: "CAD", Received: &message.Bubble{Title: "Buy vinegar"}, Total: &message.LineItem{Label: "Buy vinegar", Amount: "80.00"}}}},
		"yen":           {object{"type": "text", "actions": []object{{"type": "buy", "text": "Tea", "amount": 500, "currency": "JPY"}}}, []message.Content{message.PaymentRequest{CurrencyCode: "JPY", Received: &message.Bubble{Title: "Tea"}, Total: &message.LineItem{Label: "Tea", Amount: "500"}}}},
		"no such money": {object{"type": "text", "actions": []object{{"type": "buy", "text": "Tea", "amount": 500, "currency": "zzz"}}}, []message.Content{text("Tea")}},
		"a file":        {object{"type": "file", "text": "Here", "mediaUrl": "https://f.example/a.pdf", "mediaType": "application/pdf"}, []message.Content{message.Files{Text: "Here", Files: []message.File{{URL: "https://f.example/a.pdf"}}}}},
		"a broken file": {object{"type": "file", "mediaUrl": "a.pdf"}, []message.Content{text("a.pdf")}},
		"a picture with replies": {object{"type": "image", "mediaUrl": "https://f.example/a.png", "actions": []object{button("reply", "A", "a"), button("reply", "B", "b")}},
			[]message.Content{message.Files{Files: []message.File{{URL: "https://f.example/a.png"}}}, message.QuickReply{Prompt: "Please choose", Options: options("a", "A", "b", "B")}}},
		"a place": {object{"type": "location", "coordinates": object{"lat": 52.5, "long": 13.25}, "location": object{"name": "Shop & Café"}},
			[]message.Content{message.RichLink{URL: "https://maps.apple.com/?ll=52.500000%2C13.250000&q=Shop+%26+Caf%C3%A9", Title: "Shop & Café"}}},
		"a list": {object{"type": "list", "text": "1. Tacos", "items": []object{
			{"title": "Tacos", "description": "Fresh", "size": "large", "mediaUrl": "https://f.example/t.png", "altText": "tacos", "actions": []object{button("postback", "Order", "t"), button("postback", "Save", "ts")}},
			{"title": "Ramen", "mediaUrl": "https://f.example/t.png", "actions": []object{button("postback", "Order", "r")}},
		}, "actions": []object{button("postback", "Show more", "more")}},
			[]message.Content{message.ListPicker{
				Received: message.Bubble{Title: "Please choose"}, Images: []message.Image{{ID: "picture-1", URL: "https://f.example/t.png", Description: "tacos"}},
				Sections: []message.Section{{Items: []message.Item{
					{ID: "t", Title: "Order", Subtitle: "Tacos", Image: "picture-1", Style: message.StyleLarge}, {ID: "ts", Title: "Save", Subtitle: "Tacos", Image: "picture-1", Style: message.StyleLarge},
					{ID: "r", Title: "Ramen", Image: "picture-1"}, {ID: "more", Title: "Show more"},
				}}},
			}}},
		"a carousel of links": {object{"type": "carousel", "items": []object{{"title": "A", "actions": []object{link("View", "https://a.example"), link("Buy", "https://b.example")}}, {"title": "B", "mediaUrl": "ftp://x", "actions": []object{link("View", "https://c.example")}}}},
			[]message.Content{message.RichLink{URL: "https://a.example", Title: "A – View"}, message.RichLink{URL: "https://b.example", Title: "A – Buy"}, message.RichLink{URL: "https://c.example", Title: "B"}}},
		"a form": {object{"type": "form", "text": "About you", "fields": []object{
			{"type": "text", "name": "a name that is longer than allowed", "label": "Your name?", "placeholder": "Name", "maxSize": 30},
			{"type": "text", "name": "age", "label": "Age?", "format": "integer"}, {"type": "text", "name": "height", "label": "Height?", "format": "decimal", "maxSize": 999},
			{"type": "select", "name": "colours", "label": "Colours?", "selectSize": 2, "options": []object{{"name": "r", "label": "Red"}, {"name": "r", "label": "Rose"}}},
			{"type": "select", "name": "none", "label": "None?"}, {"type": "text", "name": "mute"},
		}}, []message.Content{message.Form{Received: message.Bubble{Title: "About you"}, Pages: []message.Page{
			{ID: "field-1", Type: message.PageInput, Title: "Your name?", Placeholder: "Name", Required: true, MaxLength: 30},
			{ID: "age", Type: message.PageInput, Title: "Age?", Required: true, MaxLength: 128, Keyboard: "numberPad"},
			{ID: "height", Type: message.PageInput, Title: "Height?", Required: true, MaxLength: 128, Keyboard: "decimalPad"},
			{ID: "colours", Type: message.PageSelect, Title: "Colours?", Multiple: true, Items: []message.FormItem{{ID: "r", Title: "Red", Value: "r"}, {ID: "option-2", Title: "Rose", Value: "r"}}},
		}}}},
		"an empty form": {object{"type": "form", "text": "About you", "fields": []object{}}, []message.Content{text("About you")}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			var got []message.Content
			for _, out := range r.receive(sunshinetest.Said("1", metadata(), c.content, nil)) {
				fit(t, out.Content)
				got = append(got, out.Content)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("it becomes\n%s\nwant\n%s", asJSON(t, got), asJSON(t, c.want))
			}
			if len(got) == 0 && !strings.Contains(r.log.String(), "left out") {
				t.Error("what is left out must be in the log")
			}
		})
	}
}
