package picture

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"image/color"
	"math"
	"runtime"

	"golang.org/x/sync/semaphore"
)

// The memory that images may take together, in the whole process: a container of 512 MB must bear them beside everything
// else, and a collector that lets the heap grow to twice of what is alive. Files and work are two accounts, since whoever
// has a file waits for work: of one account, files alone could take so much that none of them is ever worked on.
const (
	maxFiles = 42_000_000  // bytes of files that wait
	maxWork  = 150_000_000 // bytes of images that are being decoded and encoded; also the most that one of them may take
)

var (
	files = semaphore.NewWeighted(maxFiles)
	work  = semaphore.NewWeighted(maxWork)

	// slots bounds how many images are worked on at a time: with more of them than processors all end late, and with a
	// deadline none in time.
	slots = make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))
)

// Room is memory that was set aside for a file. A file is read after there is room for it, and the room is freed when
// nobody needs the file any more.
type Room struct{ bytes int64 }

// NewRoom waits until a file of so many bytes may be read. Whoever has a room asks for no other.
func NewRoom(ctx context.Context, bytes int64) (*Room, error) {
	bytes = min(bytes, maxFiles)
	if err := files.Acquire(ctx, bytes); err != nil {
		return nil, err
	}
	return &Room{bytes}, nil
}

// Shrink gives back what is above so many bytes.
func (r *Room) Shrink(bytes int64) {
	if bytes < r.bytes {
		files.Release(r.bytes - bytes)
		r.bytes = bytes
	}
}

// Free gives everything back.
func (r *Room) Free() { r.Shrink(0) }

// takeWork waits for a slot and for the memory.
func takeWork(ctx context.Context, bytes int64) (done func(), err error) {
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := work.Acquire(ctx, bytes); err != nil {
		<-slots
		return nil, err
	}
	return func() {
		work.Release(bytes)
		<-slots
	}, nil
}

// need is what an image takes, by what its header says.
type need struct {
	decoding, decoded int    // bytes, while it is decoded and afterwards
	least             int    // of both together: what a decoder may take besides, if the file is made for that
	name, advice      string // for the one who sent it
}

const (
	oneImage = 3_000_000 // bytes of what does not grow with an image: an encoder, its output, a palette

	// While an image is scaled and encoded: itself, scaled, and in few colours. Turning it takes less.
	workingBytes = 10
)

// bytesFor is how much memory an image takes at most at a time. An error says that it is too much.
func bytesFor(known format, config image.Config, data []byte) (int64, error) {
	pixels := config.Width * config.Height
	needed := needOf(known, config, data)
	factor := reduction(config.Width, config.Height, workPixels)
	working := ceilDiv(config.Width, factor) * ceilDiv(config.Height, factor)
	band := 4 * config.Width * factor
	bytes := oneImage + max(needed.decoding, needed.decoded+4*working+band, workingBytes*working)
	if bytes > maxWork {
		return 0, refusedf(nil, "has %d megapixels, for which %s needs %d MB of memory; at most %d are taken: %s",
			(pixels+999_999)/1_000_000, needed.name, bytes/1_000_000, maxWork/1_000_000, needed.advice)
	}
	return int64(min(maxWork, bytes+needed.least)), nil
}

// needOf knows what the decoders keep. The figures are of their code, and of measurements where that is not plain.
func needOf(known format, config image.Config, data []byte) need {
	pixels := config.Width * config.Height
	needed := need{name: "a " + known.name, advice: "make it smaller"}
	switch each := bytesPerPixel(config.ColorModel); known.name {
	case "JPEG":
		return needOfJPEG(config, data)
	case "PNG":
		const depth, interlace = 24, 28 // where the header has them
		switch {
		case data[depth] == 16:
			each = 8
		case each < 4 && !isPalette(config.ColorModel): // grey; a transparent colour, which comes later, makes it 4
			each = 4
		}
		needed.decoding, needed.decoded = each*pixels, each*pixels
		if data[interlace] != 0 { // each pass is an image of its own
			needed.decoding *= 2
			needed.name = "an interlaced PNG"
		}
	case "GIF": // the frame, the same in its order, and the canvas
		needed.decoding, needed.decoded = 6*pixels, 5*pixels
	case "WebP":
		if string(data[12:16]) == "VP8 " {
			needed.decoding, needed.decoded = 2*pixels, 2*pixels
			break
		}
		// 4 bytes as they are stored and up to 2 before a palette is applied, or 1.5 beside a mask of 4 and 1. The trees of
		// codes are as many as there are tiles, and a byte of the file makes 256 of them.
		const maxTrees, perTree, perTile = 2600, 52_000, 16
		needed.decoding, needed.decoded = 7*pixels, 4*pixels
		needed.least = min(maxTrees*perTree, pixels/perTile*perTree, 256*len(data))
	case "TIFF": // the image, and a strip or tile that may be as large, in a buffer that grew
		needed.decoding, needed.decoded = 3*each*pixels, each*pixels
	default:
		needed.decoding, needed.decoded = each*pixels, each*pixels
	}
	return needed
}

func isPalette(model color.Model) bool {
	_, ok := model.(color.Palette)
	return ok
}

// bytesPerPixel is that of an image which is not compressed.
func bytesPerPixel(model color.Model) int {
	if isPalette(model) {
		return 1
	}
	switch model {
	case color.GrayModel:
		return 1
	case color.Gray16Model:
		return 2
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	}
	return 4
}

// needOfJPEG counts samples: a byte each, and 4 more for the coefficients of a progressive image, which are kept until
// its last scan. Colours that are not YCbCr are put into an image of their own.
func needOfJPEG(config image.Config, data []byte) need {
	samples, progressive, ok := samplesOf(config, data)
	if !ok { // the worst, which is above what most images may have
		samples, progressive = 4*config.Width*config.Height, true
	}
	needed := need{decoding: samples, decoded: samples, name: "a JPEG", advice: "make it smaller"}
	if progressive {
		needed.decoding = 5 * samples
		needed.name, needed.advice = "a progressive JPEG", "make it smaller, or save it as a baseline JPEG"
	}
	if config.ColorModel == color.CMYKModel || config.ColorModel == color.RGBAModel || saysRGB(data) {
		needed.decoding += 4 * config.Width * config.Height
		needed.decoded = max(samples, 4*config.Width*config.Height)
	}
	return needed
}

// samplesOf reads how many samples there are, in blocks of 8 by 8, from the start of the frame.
func samplesOf(config image.Config, data []byte) (samples int, progressive, ok bool) {
	const sof0, sof1, sof2 = 0xc0, 0xc1, 0xc2
	for marker, segment := range jpegSegments(data) {
		if marker != sof0 && marker != sof1 && marker != sof2 {
			continue
		}
		components := 0
		if len(segment) >= 6 {
			components = int(segment[5])
		}
		if components == 0 || len(segment) < 6+3*components {
			break
		}
		wide, high, each := 1, 1, 1
		if components > 1 { // else the factors do not count
			each = 0
			for i := range components {
				h, v := int(segment[7+3*i]>>4), int(segment[7+3*i]&0x0f)
				wide, high, each = max(wide, h), max(high, v), each+h*v
			}
		}
		return 64 * each * ceilDiv(config.Width, 8*wide) * ceilDiv(config.Height, 8*high), marker == sof2, true
	}
	return 0, false, false
}

// saysRGB looks for Adobe's segment with an unknown transform, which the decoder takes wherever it stands.
func saysRGB(data []byte) bool {
	const name, transform = "Adobe", 11
	for {
		at := bytes.Index(data, []byte(name))
		if at < 0 || len(data)-at <= transform {
			return false
		}
		if data[at+transform] == 0 {
			return true
		}
		data = data[at+len(name):]
	}
}

// jpegSegments gives the segments before the image, each with its marker and without its length. It ends where a file is
// not as it should be.
func jpegSegments(data []byte) func(yield func(byte, []byte) bool) {
	const sos, eoi = 0xda, 0xd9
	return func(yield func(byte, []byte) bool) {
		rest := data[min(2, len(data)):] // the start of image
		for len(rest) >= 4 && rest[0] == 0xff {
			marker := rest[1]
			if marker == 0xff { // fill
				rest = rest[1:]
				continue
			}
			length := int(binary.BigEndian.Uint16(rest[2:])) // with itself
			if marker == sos || marker == eoi || length < 2 || 2+length > len(rest) || !yield(marker, rest[4:2+length]) {
				return
			}
			rest = rest[2+length:]
		}
	}
}

// reduction is by how much the sides are divided so that at most limit pixels are left, or a little more.
func reduction(width, height, limit int) int {
	factor := int(math.Ceil(math.Sqrt(float64(width*height) / float64(limit))))
	return max(1, min(factor, width/minSide, height/minSide))
}
