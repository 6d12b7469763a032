package sunshine_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/connectors/sunshine/sunshinetest"
)

// payload reads what Sunshine Conversations sends, or wants to be sent.
func payload(t testing.TB, name string) object {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "payloads", name))
	if err != nil {
		t.Fatal(err)
	}
	var body object
	if err := json.Unmarshal(raw, &body); err != nil {
		t.Fatal(err)
	}
	return body
}

// marked gives a webhook the metadata that this connector writes beside apple_mbid.
func marked(t testing.TB, body object) string {
	t.Helper()
	for _, one := range body["events"].([]any) {
		values := one.(object)["payload"].(object)["conversation"].(object)["metadata"].(object)
		values["apple_business_id"], values["apple_context"] = string(business), "c2VhbGVk"
	}
	return asJSON(t, body)
}

// TestPayloads reads every webhook of the collection, and compares what comes of it with testdata/golden.
func TestPayloads(t *testing.T) {
	files, err := filepath.Glob("testdata/payloads/conversation_*.json")
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	r := newRig(t)
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			outs, err := r.Receive(t.Context(), sunshinetest.PostBody(sunshinetest.WebhookSecret, marked(t, payload(t, name))))
			if err != nil {
				t.Fatal(err)
			}
			for _, out := range outs {
				written, err := json.Marshal(out.Content)
				if err != nil {
					t.Fatal(err)
				}
				if out.Content.Kind() == message.KindTyping {
					continue
				}
				if _, faults := message.DecodeContent(written); len(faults) > 0 {
					t.Errorf("the bridge would refuse %s: %v", written, faults)
				}
			}
			if outs == nil {
				outs = []message.Outbound{}
			}
			golden := filepath.Join("testdata", "golden", name)
			got := asJSON(t, outs)
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || string(want) != got {
				t.Errorf("it becomes\n%s\nwant\n%s (%v)", got, want, err)
			}
			if ignored := strings.Contains(name, "echo") || strings.Contains(name, "read"); ignored != (len(outs) == 0) {
				t.Errorf("%d messages", len(outs))
			}
			// Without a business it is another's conversation.
			outs, err = r.Receive(t.Context(), sunshinetest.PostBody(sunshinetest.WebhookSecret, asJSON(t, payload(t, name))))
			if err != nil || len(outs) > 0 {
				t.Errorf("a conversation that the bridge has not made gives %d messages, %v", len(outs), err)
			}
		})
	}
}

// TestRequests compares what the bridge sends with the collection: all of it is there, and nothing else but metadata.
func TestRequests(t *testing.T) {
	r := newRig(t)
	written := text("Hello from Messages")
	written.Data.ID = "9d1c2b5e-0000-4000-8000-000000000001"
	r.deliver(written)

	user := r.app.Users()[0]
	same(t, "req.create_user.json", object{"externalId": user.ExternalID, "profile": user.Profile, "metadata": user.Metadata}, payload(t, "req.create_user.json"))
	conversation := r.app.Conversations()[0]
	want := payload(t, "req.create_conversation.json")["metadata"].(object)
	want["apple_business_id"], want["apple_context"], want["apple_device"] = string(business), "c2VhbGVk", conversation.Metadata["apple_device"]
	same(t, "req.create_conversation.json", conversation.Metadata, want)
	posted := payload(t, "req.post_message.json")
	same(t, "req.post_message.json", object{"content": r.messages(0)[0]["content"], "metadata": r.messages(0)[0]["metadata"]},
		object{"content": posted["content"], "metadata": posted["metadata"]})
	if external := posted["author"].(object)["userExternalId"]; user.ExternalID != external {
		t.Errorf("the user is %s, want %s", user.ExternalID, external)
	}
}

func same(t *testing.T, what string, got, want object) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: sent is\n%swant\n%s", what, asJSON(t, got), asJSON(t, want))
	}
}
