// Package picture makes any image fit for Apple: a PNG of at most so many bytes.
//
// Apple's rules of August 2026 for interactive messages, rich links and invitations: every image is a PNG of at most 200
// KB ([MaxApple]). Agents and customers have photographs, logos, stickers and whatever a web page shows, so [PNG] takes
// PNG, JPEG, GIF, WebP, BMP and TIFF, turns photographs upright, and makes the image smaller until it fits.
//
// # True colours or a palette
//
// A photograph as a PNG of true colours takes about 2 bytes for a pixel, as one of 256 colours chosen for it about 0.7.
// Within the same bytes the second has that many more pixels. See [fit] for the figures by which it is chosen.
//
// # What an image costs
//
// The bytes come from anyone. Sides and pixels are checked before anything is decoded, and decoders that panic refuse the
// image. What an image will take is estimated from its header: a photograph of 24 megapixels takes 40 to 90 MB, and 400
// MB as a progressive JPEG with all of its colours, which is refused. Images wait until there is memory for them, and so
// do files before they are read; see [NewRoom]. [Cache] keeps what was made.
//
// A photograph of 12 megapixels takes about a second. A decoder that reads JPEG at a fraction of its size, by leaving out
// coefficients, would save a fifth of that; the standard library has none.
package picture

import (
	"bytes"
	"context"
	"fmt"
	"image"
)

const (
	// MaxApple is Apple's limit for an image, in bytes.
	MaxApple = 200_000

	// MaxIcon is the limit for the icon of an app: below 15 KB (protocol §4.16).
	MaxIcon = 14_500

	maxSide   = 20_000     // pixels
	maxPixels = 24_000_000 // what a telephone's camera makes
	maxBytes  = 32 << 20   // of the file; a photograph of 24 megapixels has about 12 MB
)

// Refused is the error for bytes that are not taken. Reason is a sentence without its subject, for whoever sent the image.
type Refused struct {
	Reason string
	Err    error // what the decoder said, or nil
}

func (r *Refused) Error() string {
	if r.Err != nil {
		return r.Reason + ": " + r.Err.Error()
	}
	return r.Reason
}

func (r *Refused) Unwrap() error { return r.Err }

func refusedf(err error, format string, args ...any) *Refused {
	return &Refused{Reason: fmt.Sprintf(format, args...), Err: err}
}

// PNG makes a PNG of at most limit bytes out of an image, whose format the bytes say. A PNG that fits already is returned
// as it is, once it has been decoded to its end. The error is a [*Refused], or what ctx ended with.
func PNG(ctx context.Context, data []byte, limit int) ([]byte, error) {
	known, needed, err := inspect(data)
	if err != nil {
		return nil, err
	}
	done, err := takeWork(ctx, needed)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := ctx.Err(); err != nil { // which of several is ready is a matter of chance
		return nil, err
	}
	decoded, err := decode(ctx, known, data)
	if err != nil {
		return nil, err
	}
	if known.name == "PNG" && len(data) <= limit {
		return data, nil
	}
	// From here on nothing holds what was decoded, which may be 100 MB.
	working := upright(reduce(decoded, workPixels), orientation(known, data))
	return fit(ctx, working, limit)
}

// inspect finds an image's format, tells how much memory it needs, and refuses what is not worth decoding or too much for
// it.
func inspect(data []byte) (known format, needed int64, err error) {
	known, ok := sniff(data)
	switch {
	case len(data) == 0:
		return known, 0, refusedf(nil, "is empty")
	case !ok:
		return known, 0, refusedf(nil, "is not an image (PNG, JPEG, GIF, WebP, BMP or TIFF)")
	case len(data) > maxBytes:
		return known, 0, refusedf(nil, "has %d bytes; at most %d are taken", len(data), maxBytes)
	case known.name == "JPEG" && bytes.Count(data, startOfScan) > maxScans:
		return known, 0, refusedf(nil, "is a JPEG of more than %d scans", maxScans)
	case known.name == "WebP" && isAnimatedWebP(data):
		return known, 0, refusedf(nil, "is an animated WebP image; a still one is taken")
	}
	config, err := guarded(func() (image.Config, error) { return known.config(bytes.NewReader(data)) })
	if err != nil {
		return known, 0, unreadable(known, err)
	}
	if err := sizeFault(config.Width, config.Height); err != nil {
		return known, 0, err
	}
	needed, err = bytesFor(known, config, data)
	return known, needed, err
}

func sizeFault(width, height int) error {
	switch {
	case width <= 0 || height <= 0:
		return refusedf(nil, "has no pixels")
	case width > maxSide || height > maxSide:
		return refusedf(nil, "has a side of %d pixels; at most %d are taken", max(width, height), maxSide)
	case width*height > maxPixels: // with sides that small it cannot overflow
		return refusedf(nil, "has %d megapixels; at most %d are taken", (width*height+999_999)/1_000_000, maxPixels/1_000_000)
	}
	return nil
}

// decode decodes the whole image. It ends early when ctx does.
func decode(ctx context.Context, known format, data []byte) (image.Image, error) {
	decoded, err := guarded(func() (image.Image, error) {
		return known.decode(&source{ctx: ctx, data: bytes.NewReader(data)})
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, unreadable(known, err)
	}
	// Nothing that a decoder makes may be larger than what its header said.
	if err := sizeFault(decoded.Bounds().Dx(), decoded.Bounds().Dy()); err != nil {
		return nil, err
	}
	return decoded, nil
}

// guarded turns a panic of a decoder into an error.
func guarded[T any](decode func() (T, error)) (result T, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("the decoder panicked: %v", problem)
		}
	}()
	return decode()
}

func unreadable(known format, err error) *Refused {
	return refusedf(err, "is a %s image that is damaged, cut off, or of a kind that is not known", known.name)
}

// source is the bytes of an image until its context ends: some files make a decoder busy for long.
type source struct {
	ctx  context.Context
	data *bytes.Reader
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.data.Read(p)
}

// ReadAt is what the TIFF decoder uses.
func (s *source) ReadAt(p []byte, offset int64) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.data.ReadAt(p, offset)
}
