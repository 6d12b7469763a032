package picture

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"sync"
)

const (
	minSide = 16 // pixels, of the shorter side: nothing is made smaller than this

	// smoothDensity is how many bytes a pixel of true colours may take before 256 colours look better; see [fit].
	smoothDensity = 1.4

	maxTries = 3 // encodings of different sizes, in true colours and in few; with the one as it is and the smallest, 8 in all
)

// fit encodes an image within limit bytes, at the cost of its size and, where that helps, of its colours.
//
// Measured at limits where nothing fits as it is, bytes a pixel and likeness with the original in dB, both shown at the
// same size (720 to 800 pixels wide), and in brackets seen from twice as far:
//
//	                       true colours            256 of its own, dithered  Plan 9's 256, dithered
//	circuit board, photo   2.16  27.8 dB (32.7)    0.75  33.3 dB (39.7)      0.49  25.1 dB (36.0)
//	screenshot of a text   1.83  31.4 dB (34.6)    0.82  34.7 dB (39.4)      0.39  24.8 dB (33.9)
//	people, photo          1.82  32.7 dB (41.2)    0.59  34.5 dB (41.7)      0.46  22.0 dB (36.5)
//	soft clouds, made      1.07  47.8 dB (53.5)    0.44  33.7 dB (41.4)      0.34  26.4 dB (39.4)
//
// So what has detail becomes an image of colours chosen for it, with nearly twice the length and width. What is soft keeps
// its true colours, and so does what needs to lose less than half of its pixels for them. Without dithering the same
// colours give 1 to 3 dB more, and bands in every sky. The encoder's best compression saves 1 % and may take six times as
// long.
func fit(ctx context.Context, working *image.RGBA, limit int) ([]byte, error) {
	f := fitter{ctx: ctx, working: working, limit: limit}
	trueColors := func(img *image.RGBA) image.Image { return img }
	f.kind = trueColors
	if palette := exactPalette(working); palette != nil { // a drawing, a logo
		f.kind = func(img *image.RGBA) image.Image { return paletted(img, palette, draw.Src) }
	}
	full := working.Rect.Size()
	if encoded, err := f.encode(full); err != nil || len(encoded) <= limit {
		return encoded, err
	}
	f.kind = trueColors
	soft := int(float64(limit) / smoothDensity)
	if encoded, err := f.search(min(soft, full.X*full.Y/2), soft); err != nil || encoded != nil {
		return encoded, err
	}
	palette := choosePalette(working)
	f.kind = func(img *image.RGBA) image.Image { return paletted(img, palette, draw.FloydSteinberg) }
	if encoded, err := f.search(min(limit, full.X*full.Y), 0); err != nil || encoded != nil {
		return encoded, err
	}
	encoded, err := f.encode(f.sizeOf(0))
	if err == nil && len(encoded) > limit {
		return nil, refusedf(nil, "cannot be made as small as %d bytes", limit)
	}
	return encoded, err
}

// fitter tries sizes of one image.
type fitter struct {
	ctx     context.Context
	working *image.RGBA
	limit   int
	kind    func(*image.RGBA) image.Image // how a size is encoded
}

// search looks for the largest size that fits, beginning with so many pixels. The sizes after the first are estimates:
// bytes grow almost as the pixels do, and rather less. It gives up, with nil, once fewer pixels than the least are left.
func (f *fitter) search(pixels, least int) ([]byte, error) {
	var best []byte
	full := f.working.Rect.Dx() * f.working.Rect.Dy()
	fits, over := 0, full+1 // the most pixels that fit, and the fewest that do not
	for range maxTries {
		size := f.sizeOf(pixels)
		pixels = size.X * size.Y
		encoded, err := f.encode(size)
		if err != nil {
			return nil, err
		}
		if len(encoded) > f.limit {
			over = min(over, pixels)
		} else if pixels > fits {
			best, fits = encoded, pixels
		}
		if fits > 0 && (len(best) > f.limit*9/10 || fits == full) || over <= least {
			break
		}
		next := int(float64(pixels) * 0.96 * float64(f.limit) / float64(len(encoded)))
		if next <= fits || next >= over { // the estimate was of no use
			next = (fits + over) / 2
		}
		if next = min(next, full); f.sizeOf(next) == size {
			break
		}
		pixels = next
	}
	return best, nil
}

// sizeOf gives the sides of about so many pixels, in the image's own proportions.
func (f *fitter) sizeOf(pixels int) image.Point {
	pixels = max(0, pixels)
	size := f.working.Rect.Size()
	short := min(size.X, size.Y)
	scale := math.Sqrt(float64(pixels) / (float64(size.X) * float64(size.Y)))
	scale = min(1, max(scale, float64(minSide)/float64(short)))
	side := func(length int) int { return max(1, int(math.Round(float64(length)*scale))) }
	return image.Pt(side(size.X), side(size.Y))
}

// encode encodes the image at a size. What becomes much too large breaks off, and its length says so.
func (f *fitter) encode(size image.Point) ([]byte, error) {
	if err := f.ctx.Err(); err != nil {
		return nil, err
	}
	out := &limitedBuffer{limit: 4 * f.limit}
	encoder := png.Encoder{CompressionLevel: png.DefaultCompression, BufferPool: &encoderBuffers}
	err := encoder.Encode(out, f.kind(scaleTo(f.working, size)))
	if err != nil && !errors.Is(err, errTooLong) {
		return nil, err
	}
	return out.Bytes(), nil
}

func paletted(img *image.RGBA, palette []color.Color, drawer draw.Drawer) image.Image {
	few := image.NewPaletted(img.Rect, palette)
	drawer.Draw(few, few.Rect, img, image.Point{})
	return few
}

var errTooLong = errors.New("the image becomes too long")

// limitedBuffer stops the encoder after a while.
type limitedBuffer struct {
	bytes.Buffer
	limit int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	n, _ := b.Buffer.Write(p)
	if b.Len() > b.limit {
		return n, errTooLong
	}
	return n, nil
}

// bufferPool keeps what an encoder needs besides the image, about a megabyte.
type bufferPool struct{ sync.Pool }

var encoderBuffers bufferPool

func (p *bufferPool) Get() *png.EncoderBuffer {
	buffer, _ := p.Pool.Get().(*png.EncoderBuffer)
	return buffer
}

func (p *bufferPool) Put(buffer *png.EncoderBuffer) { p.Pool.Put(buffer) }
