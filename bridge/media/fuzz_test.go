package media

import (
	"testing"
	"time"

	"bizbridge/bridge/attachment"
)

func FuzzOpen(f *testing.F) {
	links := &Links{Ring: ring(f, 1), Now: func() time.Time { return start }}
	payload := encode(sealed{attachment.Source{Business: "b", URL: "https://x/owner", Owner: "owner", Name: "n", Size: 5}, start.Add(time.Hour)})
	seal := func(payload []byte) string { return links.Ring.Seal(Purpose, "", start.Add(time.Hour), payload) }
	for _, token := range []string{seal(payload), seal(nil), seal(payload[:20]), "", "AAAA"} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		file, err := links.open(token)
		if err != nil && file.source.URL != "" {
			t.Fatalf("%v along with %v", file, err)
		}
	})
}

// FuzzPayload reads what nobody without the keys can make, as a replica of another version may.
func FuzzPayload(f *testing.F) {
	f.Add(encode(sealed{attachment.Source{Business: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", URL: "https://x/owner", Owner: "owner", Size: 5}, start}))
	f.Add([]byte{payloadVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, payload []byte) {
		file, err := decode(payload)
		if err != nil {
			return
		}
		again, err := decode(encode(file))
		if err != nil || !same(again, file) {
			t.Fatalf("%+v, %v; want %+v", again, err, file)
		}
	})
}

func FuzzRange(f *testing.F) {
	for _, header := range []string{"bytes=0-1", "bytes=-5", "bytes=5-", "bytes=0-1,2-3", "bytes=9223372036854775807-9223372036854775808", "x", "", "bytes=,", "items=1"} {
		f.Add(header, int64(100))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		got, ok := parseRange(header, size)
		switch {
		case !ok:
		case !got.partial && got != span{0, size, false}:
			t.Fatalf("%q of %d: %+v", header, size, got)
		case got.start < 0 || got.length < 0 || got.length > size || got.start > size-got.length || got.partial && got.length == 0:
			t.Fatalf("%q of %d: %+v", header, size, got)
		}
	})
}
