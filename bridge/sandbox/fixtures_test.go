package sandbox

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fixture is one of the examples in testdata/apple. Their values are neutral, their shapes Apple's.
func fixture(t testing.TB, name string) map[string]any {
	t.Helper()
	raw, err := os.ReadFile("testdata/apple/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// edit alters a member. The path is of names, and of numbers for entries of lists.
type edit struct {
	path  string
	value any
}

// gone as a value removes the member.
var gone = new(int)

func (e edit) in(root map[string]any) {
	steps := strings.Split(e.path, "/")
	var at any = root
	for i, step := range steps {
		last := i == len(steps)-1
		switch inside := at.(type) {
		case map[string]any:
			switch {
			case last && e.value == any(gone):
				delete(inside, step)
			case last:
				inside[step] = e.value
			default:
				at = inside[step]
			}
		case []any:
			n, err := strconv.Atoi(step)
			switch {
			case err != nil:
				panic("no such entry: " + e.path)
			case last:
				inside[n] = e.value
			default:
				at = inside[n]
			}
		default:
			panic("no such member: " + e.path)
		}
	}
}

func edited(m map[string]any, edits ...edit) map[string]any {
	for _, e := range edits {
		e.in(m)
	}
	return m
}

// sends posts a message of the business's with the members of an example.
func (w *world) sends(m map[string]any, headers ...string) (gatewayAnswer, string) {
	w.Helper()
	id := newUUID()
	return postToGateway(w.T, w.gateway.URL, func(q *gatewayRequest) {
		q.body = m
		q.set("id", id)
		q.set("sourceId", testBusiness)
		q.set("destinationId", w.s.phones.threads[0].OpaqueID)
		for i := 0; i < len(headers); i += 2 {
			q.header.Set(headers[i], headers[i+1])
		}
	}), id
}

// asks is sends for a message that must be taken.
func (w *world) asks(m map[string]any) string {
	w.Helper()
	got, id := w.sends(m)
	if got.status != 200 {
		w.Fatalf("%d %s", got.status, got.body)
	}
	return id
}

// TestFixturesAreAccepted: Apple's own examples pass the rules.
func TestFixturesAreAccepted(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	for name, want := range map[string]string{
		"out-quick-reply": kindQuickReply, "out-list-picker-text": kindListPicker, "out-list-picker-images": kindListPicker,
		"out-time-picker-user-tz": kindTimePicker, "out-time-picker-fixed-tz": kindTimePicker, "out-form": kindForm,
		"out-custom-app":      kindApp,
		"out-rich-link-image": "", "out-rich-link-video": "",
	} {
		t.Run(name, func(t *testing.T) {
			got, id := w.sends(fixture(t, name))
			if got.status != 200 || got.body != "" {
				t.Fatalf("%d %s", got.status, got.body)
			}
			b := w.state().Threads[0].bubble(id)
			switch {
			case want == "":
				if b.Link == nil || b.Link.Title == "" || b.Link.Image == "" || (b.Link.Video != nil) != (name == "out-rich-link-video") || b.Link.AppClip {
					t.Errorf("%+v", b.Link)
				}
			case b.Interactive == nil || b.Interactive.Kind != want || b.Interactive.Title == "" || !b.Interactive.Supported ||
				!b.Interactive.Answerable || len(b.Interactive.Content) == 0:
				t.Errorf("%+v", b.Interactive)
			}
		})
	}
}

// TestAppClips: a rich link by reference is what constructPayload gave, and nothing else.
func TestAppClips(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	construct := func(edits ...edit) (httpReply, map[string]any) {
		raw, _ := json.Marshal(edited(fixture(t, "construct-payload-request"), edits...))
		return w.apple("POST", "constructPayload", strings.NewReader(string(raw)), "Content-Type", "application/json", "id", newUUID())
	}
	for _, c := range []struct {
		change edit
		reason string
	}{
		{edit{"link/url", "https://www.example.com/item/1"}, "no App Clip"},
		{edit{"link/url", "http://appclip.example.com/"}, "absolute URL"},
		{edit{"link/url", "appclip.example.com"}, "absolute URL"},
		{edit{"link/url", 1}, "not a string"},
		{edit{"link/storeRegion", "usa"}, "storeRegion"},
		{edit{"link", gone}, "link is missing"},
		{edit{"type", "music"}, "type"},
		{edit{"version", "1.0"}, "version"},
		{edit{"version", 2}, "version"},
		{edit{"version", gone}, "version"},
	} {
		if got, _ := construct(c.change); got.status != 400 || !strings.Contains(string(got.body), c.reason) {
			t.Errorf("%v: %d %s", c.change, got.status, got.body)
		}
	}
	if got, _ := w.apple("POST", "constructPayload", strings.NewReader("{}"), "Content-Type", "application/json"); got.status != 400 {
		t.Errorf("without id: %d", got.status)
	}
	if got, _ := w.apple("POST", "constructPayload", strings.NewReader("{}"), "Authorization", ""); got.status != 401 {
		t.Errorf("without token: %d", got.status)
	}
	got, answer := construct()
	if got.status != 200 || answer["version"] != "1.0" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	ref, _ := answer["richLinkDataRef"].(map[string]any)
	wantRef := fixture(t, "construct-payload-response")["richLinkDataRef"].(map[string]any)
	if diff := cmp.Diff(names(wantRef), names(ref)); diff != "" {
		t.Error(diff)
	}
	send := func(edits ...edit) gatewayAnswer {
		m := fixture(t, "out-rich-link-data-ref")
		copied := map[string]any{}
		for name, value := range ref {
			copied[name] = value
		}
		m["richLinkDataRef"] = copied
		answer, _ := w.sends(edited(m, edits...))
		return answer
	}
	if got := send(); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	bubbles := w.state().Threads[0].Bubbles
	if l := bubbles[len(bubbles)-1].Link; l == nil || !l.AppClip || l.URL != "https://appclip.example.com/item/1" || l.Title == "" {
		t.Errorf("%+v", l)
	}
	for _, change := range []edit{
		{"richLinkDataRef/url", "https://x"}, {"richLinkDataRef/key", "00"}, {"richLinkDataRef/title", gone}, {"richLinkDataRef/x", 1},
		{"richLinkDataRef", "x"}, {"richLinkData", map[string]any{}}, {"interactiveData", map[string]any{}}, {"body", 1},
	} {
		if got := send(change); got.status != 400 {
			t.Errorf("%v: %d %s", change, got.status, got.body)
		}
	}
}

// names are the names of an object's members, each true.
func names(m map[string]any) map[string]bool {
	set := map[string]bool{}
	for name := range m {
		set[name] = true
	}
	return set
}
