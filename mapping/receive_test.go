package mapping

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"bizbridge/bridge/message"
)

const replies = `
mapping: 1
vars: {business: aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee}
outbound:
  - {name: note, when: .body.private, ignored: true}
  - name: reply
    when: .method == "POST" and .body.text != null
    messages: |
      {customer_id: .body.to, business_id: $vars.business, id: .headers["x-id"], context: .query.context,
       content: {kind: "text", text: (.body.text | if type == "string" then . else .[] end)}}
`

func TestReceive(t *testing.T) {
	m := load(t, replies)
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}, "X-Id": {"k1"}}
	for name, c := range map[string]struct {
		in      Incoming
		texts   []string
		ignored bool
	}{
		"JSON":        {Incoming{Method: "POST", Body: []byte(`{"to": "` + customer + `", "text": "Hi"}`)}, []string{"Hi"}, false},
		"a form":      {Incoming{Method: "POST", Header: form, Body: []byte("to=" + url.QueryEscape(customer) + "&text=Hi+you")}, []string{"Hi you"}, false},
		"several":     {Incoming{Method: "POST", Body: []byte(`{"to": "` + customer + `", "text": ["one", "two"]}`)}, []string{"one", "two"}, false},
		"no messages": {Incoming{Method: "POST", Body: []byte(`{"to": "` + customer + `", "text": []}`)}, nil, false},
		"a note":      {Incoming{Method: "POST", Body: []byte(`{"private": true, "text": "x"}`)}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.Query = url.Values{"context": {"c1", "c2"}}
			messages, ignored, err := m.Receive(t.Context(), c.in, Vars{})
			if err != nil || ignored != c.ignored || len(messages) != len(c.texts) {
				t.Fatalf("%v, ignored %t, %v; want %q, ignored %t", messages, ignored, err, c.texts, c.ignored)
			}
			for i, out := range messages {
				text, _ := out.Content.(message.Text)
				if text.Text != c.texts[i] || out.CustomerID != customer || out.Sealed != "c1" || out.Key != c.in.Header.Get("X-Id") {
					t.Errorf("message %d is %+v", i, out)
				}
			}
		})
	}
}

func TestReceiveRefuses(t *testing.T) {
	m := load(t, replies)
	for name, c := range map[string]struct {
		body string
		want string
		code message.Code
	}{
		"no rule":          {`{}`, "mapping: no rule takes this webhook", message.CodeUnsupported},
		"an empty body":    {``, "mapping: no rule takes this webhook", message.CodeUnsupported},
		"a bad message":    {`{"to": "urn:mbid:x", "text": " "}`, `mapping: rule "reply", message 1: the message is not valid: /data/content/text must not be empty`, message.CodeInvalid},
		"the second":       {`{"to": "urn:mbid:x", "text": ["a", "s3cret\uFFFC"]}`, `mapping: rule "reply", message 2: the message is not valid: /data/content/text`, message.CodeInvalid},
		"a wrong type":     {`{"to": "urn:mbid:x", "text": [7]}`, `/data/content/text must be a string`, message.CodeInvalid},
		"no customer":      {`{"text": "s3cret"}`, `/data/customer_id is required`, message.CodeInvalid},
		"a query fails":    {`{"to": "urn:mbid:x", "text": 1}`, `mapping: rule "reply", messages: cannot iterate over: number`, message.CodeInvalid},
		"a body of a list": {`["s3cret"]`, `mapping: rule "note", when: expected an object but got: array`, message.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, ignored, err := m.Receive(t.Context(), Incoming{Method: "POST", Body: []byte(c.body)}, Vars{})
			if ignored {
				t.Error("an error, and ignored")
			}
			if f := failure(t, err, message.Invalid); f.SenderCode() != c.code || !strings.HasPrefix(f.Error(), c.want) && !strings.Contains(f.Error(), c.want) {
				t.Errorf("error %q (%s), want %q (%s)", f, f.SenderCode(), c.want, c.code)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error tells a value: %q", err)
			}
		})
	}
	for _, body := range []string{`{"text": "s3cret`, `{} {}`, "\xff", "null x"} {
		_, _, err := m.Receive(t.Context(), Incoming{Method: "POST", Body: []byte(body)}, Vars{})
		if !errors.Is(err, message.ErrMalformed) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: error %v, want ErrMalformed", body, err)
		}
	}
}

func TestFaultsKeepTheirPointers(t *testing.T) {
	_, _, err := load(t, replies).Receive(t.Context(), Incoming{Method: "POST", Body: []byte(`{"text": " "}`)}, Vars{})
	f := failure(t, err, message.Invalid)
	if len(f.Faults) != 2 || f.Faults[0].Pointer != "/data/customer_id" || f.Faults[1].Pointer != "/data/content/text" {
		t.Errorf("faults %v", f.Faults)
	}
}
