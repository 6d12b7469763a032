package entrypoint

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// Code is a QR code. Readers want the margin that all drawings of it have.
type Code struct {
	modules image.Image
	size    int // modules on a side
}

// QR is the code of the URL, readable with a seventh of it covered. It fails for a URL that no QR code can hold.
func (l Link) QR() (Code, error) {
	drawn, err := qr.Encode(l.URL(), qr.M, qr.Auto)
	if err != nil {
		return Code{}, errors.New("the link is too long for a QR code: shorten the body")
	}
	return Code{drawn, drawn.Bounds().Dx()}, nil
}

// dark tells whether a module is; outside the code, none is.
func (c Code) dark(x, y int) bool {
	return x >= 0 && y >= 0 && x < c.size && y < c.size && color.GrayModel.Convert(c.modules.At(x, y)).(color.Gray).Y < 128
}

const (
	quiet = 4 // modules around the code, as ISO/IEC 18004 asks
	scale = 8 // pixels for each module of a PNG
)

// PNG draws the code for screens.
func (c Code) PNG() ([]byte, error) {
	side := (c.size + 2*quiet) * scale
	drawn := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range side {
		for x := range side {
			if c.dark(x/scale-quiet, y/scale-quiet) {
				drawn.SetColorIndex(x, y, 1)
			}
		}
	}
	var file bytes.Buffer
	err := png.Encode(&file, drawn)
	return file.Bytes(), err
}

// SVG draws the code for print, at any size.
func (c Code) SVG() []byte {
	var path strings.Builder
	for y := range c.size {
		for x := range c.size {
			if c.dark(x, y) {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	side := c.size + 2*quiet
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges" role="img" aria-label="QR code">`+
		`<path fill="#fff" d="M0 0h%dv%dH0z"/><path d="%s"/></svg>`+"\n", side, side, side, side, path.String())
}

// Text draws the code with half blocks, in white on black whatever the terminal's colours are.
func (c Code) Text() string {
	var drawn strings.Builder
	for y := -quiet; y < c.size+quiet; y += 2 {
		drawn.WriteString("\x1b[97;40m")
		for x := -quiet; x < c.size+quiet; x++ {
			switch above, below := c.dark(x, y), c.dark(x, y+1); {
			case above && below:
				drawn.WriteString(" ")
			case above:
				drawn.WriteString("▄")
			case below:
				drawn.WriteString("▀")
			default:
				drawn.WriteString("█")
			}
		}
		drawn.WriteString("\x1b[0m\n")
	}
	return drawn.String()
}
