package libredesk_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
)

// FuzzReceive gives signed bodies of any kind to the parser. What becomes a message names its customer, and what does not is
// refused in one of the ways that are known.
func FuzzReceive(f *testing.F) {
	files, err := filepath.Glob("testdata/desk/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(`{"event":"message.created","payload":{"type":"outgoing","sender_type":"agent","meta":null,"attachments":[{"url":"%"}]}}`))
	desk := answering(f)
	connector := connect(f, desk.URL, func() time.Time { return captured })
	f.Fuzz(func(t *testing.T, body []byte) {
		desk.asked = nil
		outs, err := connector.Receive(t.Context(), webhook(body))
		if err == nil {
			for _, out := range outs {
				if out.CustomerID != customer || out.Key == "" || out.Content == nil {
					t.Errorf("%+v", out)
				}
			}
			return
		}
		_, failed := errors.AsType[*message.Failure](err)
		_, stale := errors.AsType[*signature.Error](err) // a time of another day
		if !failed && !stale && !errors.Is(err, message.ErrMalformed) {
			t.Errorf("%T: %v", err, err)
		}
	})
}
