package bridge

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/bridge/picture"
	"bizbridge/config"
)

// A template holds the picture that is sent, and one that cannot be sent is a problem with its place.
func TestPicturesOfTemplatesAreMadeToFitAtLoad(t *testing.T) {
	var large bytes.Buffer
	img := image.NewRGBA(image.Rect(0, 0, 400, 300))
	if err := (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&large, img); err != nil {
		t.Fatal(err)
	}
	load := func(data []byte, content string) (templateSet, error) {
		cfg := &config.Config{Dir: t.TempDir(), Templates: []string{"t.yaml"}}
		for name, text := range map[string][]byte{"p.png": data, "t.yaml": []byte("templates:\n  a:\n    content: " + content)} {
			if err := os.WriteFile(filepath.Join(cfg.Dir, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		loaded, err := (&site{config: cfg}).loadTemplates()
		set, _ := loaded.(templateSet)
		return set, err
	}
	const link = `{kind: rich_link, url: "https://example.com/", image: {file: p.png}}`
	set, err := load(large.Bytes(), link)
	if err != nil {
		t.Fatal(err)
	}
	content, failure := set.Expand(message.Template{Name: "a"}, "")
	if failure != nil {
		t.Fatal(failure)
	}
	if data := content.(message.RichLink).Image.Data; len(data) > picture.MaxApple || len(data) < 100 {
		t.Errorf("%d bytes of base64", len(data))
	}
	if _, err := load(large.Bytes()[:large.Len()/2], link); err == nil || !strings.Contains(err.Error(), `t.yaml:3:`) ||
		!strings.Contains(err.Error(), "damaged") || strings.Contains(err.Error(), "EOF") {
		t.Errorf("a picture that is cut off: %v", err)
	}
}
