package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func decodeInto(t *testing.T, raw []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
}

const testBID = "com.apple.messages.MSMessageExtensionBalloonPlugin:0000000000:com.apple.icloud.apps.messages.business.extension"

// noisePNG is a picture that does not compress: of 4 bytes per pixel.
func noisePNG(side int) string {
	img := image.NewNRGBA(image.Rect(0, 0, side, side))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range img.Pix {
		img.Pix[i] = byte(random.Uint32())
	}
	var out bytes.Buffer
	_ = png.Encode(&out, img)
	return base64.StdEncoding.EncodeToString(out.Bytes())
}

// picker is an interactive message.
func picker() map[string]any {
	return map[string]any{
		"bid":             testBID,
		"receivedMessage": map[string]any{"title": "Select produce", "subtitle": "Farm fresh", "style": "small"},
		"replyMessage":    map[string]any{"title": "Selected produce", "style": "small"},
		"data": map[string]any{
			"version": "1.0", "requestIdentifier": "00000000-0000-4000-8000-000000000900",
			"images": []any{map[string]any{"identifier": "0", "data": noisePNG(64)}},
			"listPicker": map[string]any{"sections": []any{map[string]any{"title": "Fruit", "items": []any{
				map[string]any{"identifier": "1", "title": "Apple", "imageIdentifier": "0"}, map[string]any{"identifier": "2", "title": "Pear"},
			}}}},
		},
	}
}

// interact posts an interactive message, and gives the dataRef where there is one.
func (w *world) interact(spoil func(*gatewayRequest)) (gatewayAnswer, map[string]any) {
	w.Helper()
	got := postToGateway(w.T, w.gateway.URL, func(q *gatewayRequest) {
		q.set("destinationId", w.s.phones.threads[0].OpaqueID)
		delete(q.body, "body")
		q.body["type"], q.body["interactiveData"] = "interactive", picker()
		spoil(q)
	})
	var answer struct {
		DataRef map[string]any `json:"dataRef"`
	}
	if got.status == 200 && got.body != "" {
		decodeInto(w.T, []byte(got.body), &answer)
	}
	return got, answer.DataRef
}

func TestInteractiveRules(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	_, ref := w.interact(func(q *gatewayRequest) { q.header.Set("include-data-ref", "true") })
	for _, name := range []string{"bid", "owner", "url", "size", "signature", "signature-base64", "title", "dataRefSig"} {
		if ref[name] == nil {
			t.Errorf("dataRef has no %s: %v", name, ref)
		}
	}
	if ref["key"] != nil || ref["title"] != "Select produce" {
		t.Errorf("%v", ref)
	}
	byRef := func(change func(map[string]any)) func(*gatewayRequest) {
		return func(q *gatewayRequest) {
			delete(q.body, "interactiveData")
			copied := map[string]any{}
			for k, v := range ref {
				copied[k] = v
			}
			change(copied)
			q.body["interactiveDataRef"] = copied
		}
	}
	data := func(change func(map[string]any)) func(*gatewayRequest) {
		return func(q *gatewayRequest) { change(q.body["interactiveData"].(map[string]any)) }
	}
	for _, c := range []struct {
		name   string
		spoil  func(*gatewayRequest)
		status int
		reason string
	}{
		{"good", func(*gatewayRequest) {}, 200, ""},
		{"by reference", byRef(func(map[string]any) {}), 200, ""},
		{"reference with more", byRef(func(r map[string]any) { r["x"] = 1 }), 200, ""},
		{"both", func(q *gatewayRequest) { q.body["interactiveDataRef"] = ref }, 400, "either"},
		{"neither", func(q *gatewayRequest) { delete(q.body, "interactiveData") }, 400, "either"},
		{"data no object", func(q *gatewayRequest) { q.body["interactiveData"] = "x" }, 400, "not an object"},
		{"no bid", data(func(d map[string]any) { delete(d, "bid") }), 400, "bid"},
		{"no data", data(func(d map[string]any) { delete(d, "data") }), 400, "data is missing"},
		{"no requestIdentifier", data(func(d map[string]any) { d["data"] = map[string]any{"version": "1.0"} }), 400, "requestIdentifier"},
		{"no dataRefSig", byRef(func(r map[string]any) { delete(r, "dataRefSig") }), 400, "dataRefSig"},
		{"unknown dataRefSig", byRef(func(r map[string]any) { r["dataRefSig"] = "AAAA" }), 400, "no message known"},
		{"altered reference", byRef(func(r map[string]any) { r["url"] = "https://example.com" }), 400, "url is not as it was given"},
		{"shortened reference", byRef(func(r map[string]any) { delete(r, "size") }), 400, "size is not as it was given"},
		{"reference no object", func(q *gatewayRequest) { delete(q.body, "interactiveData"); q.body["interactiveDataRef"] = "x" }, 400, "not an object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, _ := w.interact(c.spoil); got.status != c.status || !strings.Contains(got.body, c.reason) || c.status == 200 && got.body != "" {
				t.Errorf("%d %q, want %d and %q", got.status, got.body, c.status, c.reason)
			}
		})
	}
	bubbles := w.state().Threads[0].Bubbles
	if b := bubbles[3].Interactive; b == nil || b.Title != "Select produce" || !b.ByRef {
		t.Errorf("%+v", b)
	}
	id := newUUID()
	again := func(q *gatewayRequest) { q.set("id", id); q.header.Set("include-data-ref", "true") }
	_, one := w.interact(again)
	_, two := w.interact(again)
	if diff := cmp.Diff(one, two); diff != "" || one == nil {
		t.Error("a repeat gives another reference", diff)
	}
}

// TestAnswerByReference walks an answer through MMCS and decodePayload, in every form there is.
func TestAnswerByReference(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	w.interact(func(*gatewayRequest) {})
	asked := w.state().Threads[0].Bubbles[1]
	for _, format := range []string{"json", "bplist"} {
		id, _ := w.call("/api/phone/answer", map[string]any{"customer": w.customer, "id": asked.ID, "format": format}, 202)["id"].(string)
		w.eventually("delivery", func(s state) bool { b := s.Threads[0].bubble(id); return b != nil && b.Status != sending })
		posts := w.bridge.posts()
		post := posts[len(posts)-1].body
		ref, _ := post["interactiveDataRef"].(map[string]any)
		if post["type"] != "interactive" || post["interactiveData"] != nil || ref["bid"] != testBID || ref["title"] != "Selected produce" || ref["signature"] != strings.ToLower(ref["signature"].(string)) {
			t.Fatalf("%v", post)
		}
		payload := w.fetched(ref)
		if size, _ := ref["size"].(float64); int(size) != len(payload) {
			t.Errorf("size %v for %d bytes", ref["size"], len(payload))
		}
		plain, err := unpacked(payload)
		if err != nil || bytes.HasPrefix(plain, []byte("bplist00")) != (format == "bplist") {
			t.Fatalf("%s: %.20q %v", format, plain, err)
		}
		for _, body := range [][]byte{payload, plain} {
			_, wrapped := w.apple("POST", "decodePayload", bytes.NewReader(body), "bid", testBID)
			w.fault(faultDecodeFlat, true)
			_, flat := w.apple("POST", "decodePayload", bytes.NewReader(body), "bid", testBID)
			w.fault(faultDecodeFlat, false)
			if diff := cmp.Diff(wrapped["interactiveData"], any(flat)); diff != "" || wrapped["type"] != "interactive" {
				t.Errorf("A and B differ: %s", diff)
			}
			data, _ := flat["data"].(map[string]any)
			original := picker()
			want := map[string]any{
				"version": "1.0", "requestIdentifier": "00000000-0000-4000-8000-000000000900",
				"receivedMessage": original["receivedMessage"], "replyMessage": map[string]any{"title": "Selected produce", "subtitle": "Apple", "style": "small"},
				"images": original["data"].(map[string]any)["images"],
				"listPicker": map[string]any{"sections": []any{map[string]any{"title": "Fruit", "items": []any{
					map[string]any{"identifier": "1", "title": "Apple", "imageIdentifier": "0"},
				}}}},
			}
			if diff := cmp.Diff(want, data); diff != "" || flat["bid"] != testBID || flat["sessionIdentifier"] == nil {
				t.Errorf("%s: %s", format, diff)
			}
		}
	}
	w.call("/api/phone/answer", map[string]any{"customer": w.customer, "id": asked.ID, "format": "xml"}, 400)
	w.call("/api/phone/answer", map[string]any{"customer": w.customer, "id": w.state().Threads[0].Bubbles[0].ID}, 404)
}

func TestDecodePayloadRules(t *testing.T) {
	w := newWorld(t)
	archive, err := os.ReadFile("testdata/idr.bplist.gz")
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := unpacked(archive)
	for _, c := range []struct {
		name, body string
		headers    []string
		status     int
	}{
		{"a device's archive, packed", string(archive), nil, 200},
		{"a device's archive", string(plain), nil, 200},
		{"JSON", `{"data":{"requestIdentifier":"x"}}`, nil, 200},
		{"JSON, wrapped", `{"interactiveData":{"data":{"requestIdentifier":"x"}}}`, nil, 200},
		{"JSON, packed", string(gzipped([]byte(`{"data":{}}`))), nil, 200},
		{"no bid", string(archive), []string{"bid", ""}, 400},
		{"no token", string(archive), []string{"Authorization", ""}, 401},
		{"no business", string(archive), []string{"Source-Id", ""}, 400},
		{"nothing", "", nil, 400},
		{"still encrypted", "\x8a\x01\x93\x02", nil, 400},
		{"no data", `{}`, nil, 400},
		{"damaged gzip", string(archive[:100]), nil, 400},
		{"damaged archive", string(plain[:len(plain)-1]), nil, 400},
		{"gzip bomb", string(gzipped(make([]byte, maxPayload+1))), nil, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := w.apple("POST", "decodePayload", strings.NewReader(c.body), append([]string{"bid", testBID}, c.headers...)...)
			if got.status != c.status {
				t.Errorf("%d %s, want %d", got.status, got.body, c.status)
			}
		})
	}
	_, answer := w.apple("POST", "decodePayload", bytes.NewReader(archive), "bid", testBID)
	inner, _ := answer["interactiveData"].(map[string]any)
	data, _ := inner["data"].(map[string]any)
	reply, _ := data["replyMessage"].(map[string]any)
	if inner["sessionIdentifier"] != "00000000-0000-4000-8000-000000000800" || reply["subtitle"] != "Apple" || data["listPicker"] == nil || data["requestIdentifier"] == nil {
		t.Errorf("%v", answer)
	}
	w.fault(faultDecodeForbidden, true)
	if got, _ := w.apple("POST", "decodePayload", bytes.NewReader(archive), "bid", testBID); got.status != 403 {
		t.Errorf("forbidden: %d", got.status)
	}
}

// TestDamagedArchives: no archive, however damaged, does harm.
func TestDamagedArchives(t *testing.T) {
	whole := archiveURL("?data=e30", "session")
	if target, session, err := unarchiveURL(whole); target != "?data=e30" || session != "session" || err != nil {
		t.Fatal(target, session, err)
	}
	for i := range whole {
		for _, b := range []byte{0, 0xff, whole[i] ^ 0x80, whole[i] + 1} {
			spoilt := bytes.Clone(whole)
			spoilt[i] = b
			_, _, _ = unarchiveURL(spoilt)
		}
		_, _, _ = unarchiveURL(whole[:i])
	}
}
