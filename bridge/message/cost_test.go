package message

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// picturedList is a list picker of usual size: 20 items, and 5 images of 100 KB with their bytes.
func picturedList() []byte {
	items, images := make([]string, 20), make([]string, 5)
	for i := range items {
		items[i] = fmt.Sprintf(`{"id":"%d","title":"Item %[1]d","subtitle":"In stock","image":"%d"}`, i, i%len(images))
	}
	bytes := base64.StdEncoding.EncodeToString(make([]byte, 100_000))
	for i := range images {
		images[i] = fmt.Sprintf(`{"id":"%d","data":"%s"}`, i, bytes)
	}
	return []byte(`{"kind":"list_picker","received":{"title":"Choose"},"sections":[{"items":[` + strings.Join(items, ",") +
		`]}],"images":[` + strings.Join(images, ",") + `]}`)
}

func BenchmarkDecodeContent(b *testing.B) {
	body := picturedList()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, faults := DecodeContent(body); faults != nil {
			b.Fatal(faults)
		}
	}
}
