package webhook_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/connectors/webhook/webhooktest"
)

func contextFor(t testing.TB, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

// send is a message.send with more members of data.
func send(members ...string) string {
	data := append([]string{
		`"business_id":"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"`, `"customer_id":"urn:mbid:AQAAY3VzdG9tZXI="`,
		`"content":{"kind":"text","text":"Hi"}`,
	}, members...)
	return `{"type":"message.send","timestamp":"2026-01-02T03:04:05Z","data":{` + strings.Join(data, ",") + `}}`
}

func TestReceiveReadsAMessage(t *testing.T) {
	connector := connect(t, "http://127.0.0.1:1", func() time.Time { return happened })
	body := `{"type":"message.send","timestamp":"2026-01-02T03:04:05Z","unknown":1,"data":{"id":"42","business_id":"AAAAAAAA-bbbb-4ccc-8ddd-eeeeeeeeeeee",
		"customer_id":"urn:mbid:AQAAY3VzdG9tZXI=","context":"AVNlYWxlZA","sender":{"kind":"bot","name":"Ada"},"content":{"kind":"text","text":"Hi","unknown":2}}}`
	got, err := connector.Receive(t.Context(), webhooktest.Post(webhooktest.VerifySecret, "msg_1", happened, body))
	want := []message.Outbound{{
		Key: "42", BusinessID: "AAAAAAAA-bbbb-4ccc-8ddd-eeeeeeeeeeee", CustomerID: "urn:mbid:AQAAY3VzdG9tZXI=", Sealed: "AVNlYWxlZA",
		Sender: message.Sender{Kind: message.SenderBot, Name: "Ada"}, Content: message.Text{Text: "Hi"},
	}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestReceiveTakesWhatTheLibrarySigns(t *testing.T) {
	library, err := standardwebhooks.NewWebhook(webhooktest.VerifySecret)
	if err != nil {
		t.Fatal(err)
	}
	body, now := send(), time.Now()
	signed, err := library.Sign("msg_1", now, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	req := webhooktest.Post(webhooktest.Secret, "msg_1", now, body)
	req.Header.Set("webhook-signature", req.Header.Get("webhook-signature")+" v1a,AAAA "+signed) // as during a rotation
	if _, err := connect(t, "http://127.0.0.1:1", time.Now).Receive(t.Context(), req); err != nil {
		t.Error(err)
	}
}

func TestReceiveRefusesWhatIsNotGenuine(t *testing.T) {
	connector := connect(t, "http://127.0.0.1:1", func() time.Time { return happened })
	set := func(header, value string) func(*http.Request) {
		return func(req *http.Request) { req.Header.Set(header, value) }
	}
	at := func(age time.Duration) func(*http.Request) {
		return func(req *http.Request) {
			*req = *webhooktest.Post(webhooktest.VerifySecret, "msg_1", happened.Add(-age), send())
		}
	}
	for name, c := range map[string]struct {
		change func(*http.Request)
		reason signature.Reason // "": accepted
	}{
		"genuine":                     {func(*http.Request) {}, ""},
		"unsigned":                    {func(req *http.Request) { req.Header.Del("webhook-signature") }, signature.Missing},
		"no headers at all":           {func(req *http.Request) { req.Header = http.Header{} }, signature.Missing},
		"no id":                       {set("webhook-id", ""), signature.Missing},
		"no timestamp":                {set("webhook-timestamp", ""), signature.Missing},
		"timestamp is no number":      {set("webhook-timestamp", "2026-01-02"), signature.Malformed},
		"signature of another scheme": {set("webhook-signature", "sha256=00ff"), signature.Malformed},
		"signature is too short":      {set("webhook-signature", "v1,AAAA"), signature.Malformed},
		"another id":                  {set("webhook-id", "msg_2"), signature.Mismatch},
		"another timestamp":           {set("webhook-timestamp", strconv.FormatInt(happened.Unix()+1, 10)), signature.Mismatch},
		"another body": {func(req *http.Request) {
			req.Body = webhooktest.Post(webhooktest.Secret, "1", happened, send(`"save":true`)).Body
		}, signature.Mismatch},
		"another secret": {func(req *http.Request) {
			*req = *webhooktest.Post(webhooktest.Secret, "msg_1", happened, send())
		}, signature.Mismatch},
		"five minutes old":      {at(5 * time.Minute), ""},
		"more than that":        {at(5*time.Minute + time.Second), signature.Stale},
		"five minutes ahead":    {at(-5 * time.Minute), ""},
		"further in the future": {at(-5*time.Minute - time.Second), signature.Stale},
	} {
		t.Run(name, func(t *testing.T) {
			req := webhooktest.Post(webhooktest.VerifySecret, "msg_1", happened, send())
			c.change(req)
			outs, err := connector.Receive(t.Context(), req)
			if c.reason == "" {
				if err != nil || len(outs) != 1 {
					t.Errorf("got %d messages and %v, want it accepted", len(outs), err)
				}
				return
			}
			if refused, ok := errors.AsType[*signature.Error](err); !ok || refused.Reason != c.reason || len(outs) > 0 {
				t.Errorf("got %d messages and %v, want it refused as %s", len(outs), err, c.reason)
			}
		})
	}
}

func TestReceiveSaysWhatIsWrongWithAMessage(t *testing.T) {
	connector := connect(t, "http://127.0.0.1:1", func() time.Time { return happened })
	for name, c := range map[string]struct {
		body    string
		pointer string // "": malformed
	}{
		"empty":             {"", ""},
		"no JSON":           {"{", ""},
		"no object":         {`"message.send"`, ""},
		"of another type":   {`{"type":"message.received","data":{}}`, "/type"},
		"unknown kind":      {strings.Replace(send(), `"kind":"text"`, `"kind":"hologram"`, 1), "/data/content/kind"},
		"empty text":        {strings.Replace(send(), `"Hi"`, `" "`, 1), "/data/content/text"},
		"no customer":       {strings.Replace(send(), `"urn:mbid:AQAAY3VzdG9tZXI="`, `""`, 1), "/data/customer_id"},
		"wrong sender":      {send(`"sender":{"kind":"robot"}`), "/data/sender/kind"},
		"key of wrong type": {send(`"id":42`), "/data/id"},
		"key too long":      {send(`"id":"` + strings.Repeat("k", 513) + `"`), "/data/id"},
	} {
		t.Run(name, func(t *testing.T) {
			outs, err := connector.Receive(t.Context(), webhooktest.Post(webhooktest.VerifySecret, "msg_1", happened, c.body))
			if len(outs) > 0 {
				t.Errorf("got %+v", outs)
			}
			if c.pointer == "" {
				if !errors.Is(err, message.ErrMalformed) {
					t.Errorf("error %v, want message.ErrMalformed", err)
				}
				return
			}
			failure, ok := errors.AsType[*message.Failure](err)
			if !ok || failure.Class != message.Invalid {
				t.Fatalf("error %v, want a failure of class %s", err, message.Invalid)
			}
			var pointers []string
			for _, fault := range failure.Faults {
				pointers = append(pointers, fault.Pointer)
			}
			if !strings.Contains(strings.Join(pointers, " ")+" ", c.pointer+" ") {
				t.Errorf("faults at %q, want one at %s", pointers, c.pointer)
			}
		})
	}
}

func TestReceiveTakesTheKeyFromTheMessageFirst(t *testing.T) {
	connector := connect(t, "http://127.0.0.1:1", func() time.Time { return happened })
	long := strings.Repeat("k", 513)
	for name, c := range map[string]struct{ id, header, webhookID, want string }{
		"its own id":        {"own", "header", "msg_1", "own"},
		"the header":        {"", "header", "msg_1", "header"},
		"the webhook's id":  {"", "", "msg_1", "msg_1"},
		"header too long":   {"", long, "msg_1", ""},
		"webhook's too":     {"", "", long, ""},
		"long but not used": {"own", long, "msg_1", "own"},
		"header is no text": {"", "\xff", "msg_1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			body := send()
			if c.id != "" {
				body = send(`"id":"` + c.id + `"`)
			}
			req := webhooktest.Post(webhooktest.VerifySecret, c.webhookID, happened, body)
			if c.header != "" {
				req.Header.Set("Idempotency-Key", c.header)
			}
			outs, err := connector.Receive(t.Context(), req)
			if c.want == "" {
				if failure, ok := errors.AsType[*message.Failure](err); !ok || failure.Class != message.Invalid {
					t.Errorf("error %v, want a failure of class %s", err, message.Invalid)
				}
				return
			}
			if err != nil || outs[0].Key != c.want {
				t.Errorf("key %+v, error %v; want %q", outs, err, c.want)
			}
		})
	}
}

func FuzzReceive(f *testing.F) {
	connector := connect(f, "http://127.0.0.1:1", func() time.Time { return happened })
	for _, body := range []string{
		send(), send(`"id":"1"`), send(`"sender":{"kind":"bot"}`), "", "{", "null", `{"type":"message.send"}`,
		strings.Replace(send(), `{"kind":"text","text":"Hi"}`, `{"kind":"typing","state":"on"}`, 1), strings.Replace(send(), "Hi", `\ud83d`, 1),
	} {
		f.Add(body, "msg_1", "key", true)
		f.Add(body, "", "", false)
	}
	f.Fuzz(func(t *testing.T, body, id, key string, signed bool) {
		req := webhooktest.Post(webhooktest.VerifySecret, id, happened, body)
		req.Header.Set("Idempotency-Key", key)
		if !signed {
			req.Header.Set("webhook-signature", id)
		}
		outs, err := connector.Receive(t.Context(), req)
		if err != nil {
			_, refused := errors.AsType[*signature.Error](err)
			failure, invalid := errors.AsType[*message.Failure](err)
			if len(outs) > 0 || !refused && !errors.Is(err, message.ErrMalformed) && (!invalid || failure.Class != message.Invalid) {
				t.Fatalf("%d messages and an error outside the contract: %T %v", len(outs), err, err)
			}
			return
		}
		if !signed || id == "" {
			t.Fatal("what was not signed is accepted")
		}
		out := outs[0]
		if out.Key == "" || len(out.Key) > 512 || out.Content == nil || out.CustomerID.Fault() != "" || out.BusinessID == "" {
			t.Fatalf("accepted, but not fit to be sent: %+v", out)
		}
		again, err := message.EncodeSend(out, happened)
		if err != nil {
			t.Fatal(err)
		}
		back, err := connector.Receive(t.Context(), webhooktest.Post(webhooktest.VerifySecret, id, happened, string(again)))
		if err != nil || !reflect.DeepEqual(back, outs) {
			t.Fatalf("written again it reads as %+v, %v; was %+v", back, err, outs)
		}
	})
}
