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
// The bytes come from anyone. Sides and pixels are checked before anything is decoded, decoders that panic refuse the
// image, and at most two images are decoded at a time: one of 24 megapixels takes 100 MB, and 400 MB as a progressive
// JPEG.
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

// slots bounds how many images are decoded and encoded at a time, in the whole process.
var slots = make(chan struct{}, 2)

// PNG makes a PNG of at most limit bytes out of an image, whose format the bytes say. A PNG that fits already is returned
// as it is, once it has been decoded to its end. The error is a [*Refused], or what ctx ended with.
func PNG(ctx context.Context, data []byte, limit int) ([]byte, error) {
	known, err := inspect(data)
	if err != nil {
		return nil, err
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := ctx.Err(); err != nil { // select picks by chance where both are ready
		return nil, err
	}
	decoded, err := decode(ctx, known, data)
	if err != nil {
		return nil, err
	}
	if known.name == "PNG" && len(data) <= limit {
		return data, nil
	}
	working := upright(reduce(decoded, workPixels), orientation(known, data))
	decoded = nil // it may be 100 MB, and is not needed any more
	return fit(ctx, working, limit)
}

// inspect finds an image's format and refuses what is not worth decoding, or too much for it.
func inspect(data []byte) (format, error) {
	known, ok := sniff(data)
	switch {
	case len(data) == 0:
		return known, refusedf(nil, "is empty")
	case !ok:
		return known, refusedf(nil, "is not an image (PNG, JPEG, GIF, WebP, BMP or TIFF)")
	case len(data) > maxBytes:
		return known, refusedf(nil, "has %d bytes; at most %d are taken", len(data), maxBytes)
	case known.name == "JPEG" && bytes.Count(data, startOfScan) > maxScans:
		return known, refusedf(nil, "is a JPEG of more than %d scans", maxScans)
	case known.name == "WebP" && isAnimatedWebP(data):
		return known, refusedf(nil, "is an animated WebP image; a still one is taken")
	}
	config, err := guarded(func() (image.Config, error) { return known.config(bytes.NewReader(data)) })
	if err != nil {
		return known, unreadable(known, err)
	}
	return known, sizeFault(config.Width, config.Height)
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
