package apple

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"bizbridge/bridge/message"
)

func BenchmarkReply(b *testing.B) {
	raw := answerTo(b, "in-list-picker-response.json")
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if reply, _ := parseReply(raw); len(reply.Selections) != 1 {
			b.Fatalf("%+v", reply)
		}
	}
}

// BenchmarkInteractive writes a list picker with five pictures.
func BenchmarkInteractive(b *testing.B) {
	picker := message.ListPicker{Received: message.Bubble{Title: "Q"}, Sections: []message.Section{{}}}
	pictures := make(map[string][]byte)
	for i := range 5 {
		id := fmt.Sprint(i)
		pictures[id] = bytes.Repeat([]byte{0xab, byte(i)}, 50_000)
		picker.Images = append(picker.Images, message.Image{ID: id})
		picker.Sections[0].Items = append(picker.Sections[0].Items, message.Item{ID: id, Title: "T", Image: id})
	}
	b.SetBytes(500_000)
	b.ReportAllocs()
	for b.Loop() {
		data, _ := interactive(Outgoing{Content: picker, RequestID: requestID, Pictures: pictures})
		if raw, err := json.Marshal(outgoingWire{InteractiveData: data}); err != nil || len(raw) < 660_000 {
			b.Fatal(len(raw), err)
		}
	}
}
