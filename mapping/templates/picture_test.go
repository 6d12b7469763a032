package templates

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/message"
	"bizbridge/bridge/picture"
)

// fake prepares pictures: what it makes says of what, and for which use.
func fake(calls *int) Option {
	return WithPictures(func(data []byte, icon bool) ([]byte, error) {
		*calls++
		if strings.Contains(string(data), "animated") {
			return nil, errors.New("is an animated WebP image; a still one is taken")
		}
		if icon {
			return []byte("icon"), nil
		}
		return []byte("picture"), nil
	})
}

// TestPicturesAreMadeToFitWhenTheyAreLoaded: a template holds what is sent, of every use its own, and files as they are.
func TestPicturesAreMadeToFitWhenTheyAreLoaded(t *testing.T) {
	t.Parallel()
	pixel, err := os.ReadFile("testdata/pixel.png")
	if err != nil {
		t.Fatal(err)
	}
	base := write(t, map[string]string{"p.png": string(pixel), "t.yaml": `
templates:
  app: {content: {kind: app, app_id: 1, bid: "com.apple.messages.MSMessageExtensionBalloonPlugin:ABCDE12345:a.b", url: "?a=b", received: {title: A}, icon: {file: p.png}}}
  link: {content: {kind: rich_link, url: "https://example.com/", image: {file: p.png}}}
  again: {content: {kind: rich_link, url: "https://example.com/", image: {file: p.png}}}
  file: {content: {kind: files, files: [{file: p.png}]}}
`})
	calls := 0
	s, problems := Load([]string{"t.yaml"}, base, fake(&calls))
	if s == nil {
		t.Fatal(lines(problems))
	}
	expand := func(name string) message.Content {
		content, failure := s.Expand(message.Template{Name: name}, "")
		if failure != nil {
			t.Fatal(name, failure)
		}
		return content
	}
	encode := base64.StdEncoding.EncodeToString
	got := map[string]string{
		"app":   expand("app").(message.App).Icon.Data,
		"link":  expand("link").(message.RichLink).Image.Data,
		"again": expand("again").(message.RichLink).Image.Data,
		"file":  expand("file").(message.Files).Files[0].Data,
	}
	want := map[string]string{"app": encode([]byte("icon")), "link": encode([]byte("picture")), "again": encode([]byte("picture")), "file": encode(pixel)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if calls != 2 {
		t.Errorf("%d pictures were made", calls)
	}
	files := []string{filepath.Join(base, "p.png"), filepath.Join(base, "t.yaml")}
	if diff := cmp.Diff(files, s.Files()); diff != "" {
		t.Error(diff)
	}
}

// TestPicturesThatCannotBeShownAreProblemsWithAPlace: by what really makes them.
func TestPicturesThatCannotBeShownAreProblemsWithAPlace(t *testing.T) {
	t.Parallel()
	pixel, err := os.ReadFile("testdata/pixel.png")
	if err != nil {
		t.Fatal(err)
	}
	huge := append([]byte(nil), pixel...)
	huge[16], huge[20] = 1, 1 // 16 million pixels wide and high
	base := write(t, map[string]string{
		"cut.png":  string(pixel[:len(pixel)-20]),
		"huge.png": string(huge),
		"anim.webp": "RIFF\x1e\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x01\x00\x00" +
			"ANIM\x00\x00\x00\x00",
		"good.png": string(pixel),
		"t.yaml": `templates:
  a: {content: {kind: rich_link, url: "https://example.com/", image: {file: good.png}}}
  b: {content: {kind: rich_link, url: "https://example.com/", image: {file: cut.png}}}
  c:
    content:
      kind: rich_link
      url: "https://example.com/"
      image: {file: anim.webp}
  d: {content: {kind: files, files: [{file: cut.png}]}}
  e: {content: {kind: rich_link, url: "https://example.com/", image: {file: huge.png}}}
`})
	prepare := WithPictures(func(data []byte, _ bool) ([]byte, error) {
		return picture.PNG(context.Background(), data, picture.MaxApple)
	})
	s, problems := Load([]string{"t.yaml"}, base, prepare)
	if s != nil || len(problems) != 3 {
		t.Fatal(lines(problems))
	}
	for i, want := range []struct {
		line  int
		words string
	}{
		{3, `the file "cut.png" cannot be shown: it is a PNG image that is damaged`},
		{8, `the file "anim.webp" cannot be shown: it is an animated WebP image`},
		{10, `the file "huge.png" cannot be shown: it`},
	} {
		if got := problems[i]; got.Line != want.line || !strings.Contains(got.Message, want.words) || got.Hint == "" {
			t.Errorf("%v, want line %d, %s", got, want.line, want.words)
		}
	}
	if s, problems = Load([]string{"t.yaml"}, base); s == nil { // without it they only have to look like pictures
		t.Error(lines(problems))
	}
}
