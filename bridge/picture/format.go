package picture

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// maxScans is far above what encoders write (about 10). Each scan of a progressive JPEG goes over the whole image, and a
// few bytes make one.
const maxScans = 64

var startOfScan = []byte{0xff, 0xda}

// format is a kind of image that can be read. The decoders of the standard library are named one by one rather than
// registered, so that no other package's registration adds a format here.
type format struct {
	name   string
	is     func(data []byte) bool
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

var formats = []format{
	{"PNG", begins("\x89PNG\r\n\x1a\n"), png.DecodeConfig, png.Decode},
	{"JPEG", begins("\xff\xd8\xff"), jpeg.DecodeConfig, jpeg.Decode},
	{"GIF", begins("GIF87a", "GIF89a"), gif.DecodeConfig, firstFrame},
	{"WebP", isWebP, webp.DecodeConfig, webp.Decode},
	{"TIFF", begins("II*\x00", "MM\x00*"), tiff.DecodeConfig, tiff.Decode},
	{"BMP", isBMP, bmp.DecodeConfig, bmp.Decode},
}

// sniff tells the format from the bytes: what a sender calls it is often wrong.
func sniff(data []byte) (format, bool) {
	for _, candidate := range formats {
		if candidate.is(data) {
			return candidate, true
		}
	}
	return format{}, false
}

func begins(prefixes ...string) func([]byte) bool {
	return func(data []byte) bool {
		for _, prefix := range prefixes {
			if bytes.HasPrefix(data, []byte(prefix)) {
				return true
			}
		}
		return false
	}
}

func isWebP(data []byte) bool {
	return len(data) >= 16 && string(data[:4]) == "RIFF" && string(data[8:15]) == "WEBPVP8"
}

// isAnimatedWebP looks at the flags of the extended header, which comes first where there is one. The decoder knows no
// animations.
func isAnimatedWebP(data []byte) bool {
	const animation = 1 << 1
	return len(data) > 20 && string(data[12:16]) == "VP8X" && data[20]&animation != 0
}

// isBMP wants the length of the second header too: many a text begins with BM.
func isBMP(data []byte) bool {
	if len(data) < 18 || string(data[:2]) != "BM" {
		return false
	}
	length := binary.LittleEndian.Uint32(data[14:18])
	return length >= 12 && length <= 124
}

// firstFrame decodes the first frame of a GIF, and puts it where it belongs on the canvas.
func firstFrame(r io.Reader) (image.Image, error) {
	var header bytes.Buffer
	config, err := gif.DecodeConfig(io.TeeReader(r, &header))
	if err != nil {
		return nil, err
	}
	frame, err := gif.Decode(io.MultiReader(&header, r))
	if err != nil {
		return nil, err
	}
	canvas := image.Rect(0, 0, config.Width, config.Height)
	if frame.Bounds() == canvas {
		return frame, nil
	}
	whole := image.NewRGBA(canvas)
	draw.Draw(whole, frame.Bounds(), frame, frame.Bounds().Min, draw.Src)
	return whole, nil
}
