package entrypoint_test

import (
	"bytes"
	"encoding/xml"
	"image"
	"image/color"
	_ "image/png"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"pgregory.net/rapid"

	"bizbridge/bridge/entrypoint"
)

const business = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"

// TestALinkSaysWhatItWasGiven to whoever reads its query, whether they know the + of forms or not.
func TestALinkSaysWhatItWasGiven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		link := entrypoint.Link{Business: business, Intent: rapid.String().Draw(t, "intent"), Group: rapid.String().Draw(t, "group"), Body: rapid.String().Draw(t, "body")}
		got, err := url.Parse(link.URL())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(got.RawQuery, "+") || got.Host != "bcrw.apple.com" || got.Path != "/urn:biz:"+business {
			t.Fatalf("%s", got)
		}
		query := got.Query()
		if query.Get("biz-intent-id") != link.Intent || query.Get("biz-group-id") != link.Group || query.Get("body") != link.Body {
			t.Fatalf("%q becomes %s", link, got)
		}
	})
}

// TestCodesAreRead by a reader that shares no code with the writer, from each drawing.
func TestCodesAreRead(t *testing.T) {
	for _, link := range []entrypoint.Link{
		{Business: business},
		{Business: strings.ToUpper(business), Intent: "billing", Group: "1+1"},
		{Business: business, Body: "Grüße, 你好 👋\nI have a question."},
		{Business: business, Body: strings.Repeat("long ", 200)},
	} {
		code, err := link.QR()
		if err != nil {
			t.Fatal(err)
		}
		file, err := code.PNG()
		if err != nil {
			t.Fatal(err)
		}
		drawn, _, err := image.Decode(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		for name, picture := range map[string]image.Image{"PNG": drawn, "SVG": fromSVG(t, code.SVG()), "text": fromText(t, code.Text())} {
			if got := read(t, picture); got != link.URL() {
				t.Errorf("the %s of %s says %q", name, link.URL(), got)
			}
		}
	}
}

func TestALinkThatNoCodeHolds(t *testing.T) {
	if _, err := (entrypoint.Link{Business: business, Body: strings.Repeat("x", 4000)}).QR(); err == nil || !strings.Contains(err.Error(), "shorten the body") {
		t.Errorf("%v", err)
	}
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		link entrypoint.Link
		want string
	}{
		{entrypoint.Link{Intent: "billing", Group: "a b", Body: "one\ntwo\t👋"}, ""},
		{entrypoint.Link{Intent: "two\nlines"}, "intent: holds the control character U+000A"},
		{entrypoint.Link{Group: "\xff"}, "group: is not valid UTF-8"},
		{entrypoint.Link{Body: "a\x00b"}, "body: holds the control character U+0000"},
	} {
		got := ""
		if err := test.link.Check(); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%q: %q, want %q", test.link, got, test.want)
		}
	}
}

func TestMapsPattern(t *testing.T) {
	for address, want := range map[string]string{
		"1 Main Street, Springfield": "1*Main*Street*Springfield*",
		"Hauptstraße 5, München":     "Hauptstra*e*5*M*nchen*",
		" - ":                        "",
		"東京":                         "",
	} {
		if got := entrypoint.MapsPattern(address); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

func read(t *testing.T, picture image.Image) string {
	t.Helper()
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		t.Fatal(err)
	}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true})
	if err != nil {
		t.Fatal(err)
	}
	return result.GetText()
}

var module = regexp.MustCompile(`M(\d+) (\d+)h1v1h-1z`)

func fromSVG(t *testing.T, file []byte) image.Image {
	t.Helper()
	var svg struct {
		ViewBox string `xml:"viewBox,attr"`
		Paths   []struct {
			D string `xml:"d,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal(file, &svg); err != nil || len(svg.Paths) != 2 {
		t.Fatalf("%v: %s", err, file)
	}
	side := number(t, strings.Fields(svg.ViewBox)[3])
	drawn := blank(side, side)
	for _, at := range module.FindAllStringSubmatch(svg.Paths[1].D, -1) {
		blacken(drawn, number(t, at[1]), number(t, at[2]))
	}
	return drawn
}

func fromText(t *testing.T, text string) image.Image {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(strings.NewReplacer("\x1b[97;40m", "", "\x1b[0m", "").Replace(text), "\n"), "\n")
	drawn := blank(len([]rune(lines[0])), 2*len(lines))
	for y, line := range lines {
		for x, r := range []rune(line) {
			if r == ' ' || r == '▄' {
				blacken(drawn, x, 2*y)
			}
			if r == ' ' || r == '▀' {
				blacken(drawn, x, 2*y+1)
			}
		}
	}
	return drawn
}

const zoom = 4

func blank(width, height int) *image.Gray {
	drawn := image.NewGray(image.Rect(0, 0, width*zoom, height*zoom))
	for i := range drawn.Pix {
		drawn.Pix[i] = 255
	}
	return drawn
}

func blacken(drawn *image.Gray, x, y int) {
	for dy := range zoom {
		for dx := range zoom {
			drawn.SetGray(x*zoom+dx, y*zoom+dy, color.Gray{})
		}
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n := 0
	for _, r := range text {
		if r < '0' || r > '9' {
			t.Fatalf("%q is no number", text)
		}
		n = 10*n + int(r-'0')
	}
	return n
}
