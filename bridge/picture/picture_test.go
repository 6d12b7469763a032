package picture

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/png"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/tiff"
	"pgregory.net/rapid"
)

func TestEveryFormatIsTaken(t *testing.T) {
	t.Parallel()
	img := halves(40, 30)
	gray := image.NewGray16(img.Rect)
	draw.Draw(gray, gray.Rect, img, image.Point{}, draw.Src)
	for name, data := range map[string][]byte{
		"PNG":                asPNG(t, img),
		"JPEG":               asJPEG(t, img),
		"GIF":                asGIF(t, img),
		"BMP":                asBMP(t, img),
		"TIFF":               asTIFF(t, img, tiff.Uncompressed),
		"TIFF with deflate":  asTIFF(t, img, tiff.Deflate),
		"PNG of 16 bits":     asPNG(t, gray),
		"JPEG, progressive":  fixture(t, "progressive.jpg"),
		"JPEG of CMYK":       fixture(t, "cmyk.jpg"),
		"WebP, lossy":        fixture(t, "lossy.webp"),
		"WebP, lossless":     fixture(t, "transparent.webp"),
		"WebP, lossy, alpha": fixture(t, "lossy_alpha.webp"),
	} {
		out, err := PNG(t.Context(), data, MaxApple)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if size := decodePNG(t, out).Bounds().Size(); size != image.Pt(40, 30) {
			t.Errorf("%s: %v", name, size)
		}
	}
}

func TestAPNGThatFitsStaysAsItIs(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&file, clouds(60, 40, 1)); err != nil {
		t.Fatal(err)
	}
	data := file.Bytes() // which nothing here would write so
	out, err := PNG(t.Context(), data, len(data))
	if err != nil || !bytes.Equal(out, data) {
		t.Errorf("%d bytes of %d, %v", len(out), len(data), err)
	}
	if out, err = PNG(t.Context(), data, len(data)-1); err != nil || len(out) >= len(data) {
		t.Errorf("%d bytes of %d, %v", len(out), len(data), err)
	}
}

func TestColoursAndTransparencyStay(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"transparent.webp", "lossy_alpha.webp"} {
		out, err := PNG(t.Context(), fixture(t, name), MaxApple)
		if err != nil {
			t.Fatal(name, err)
		}
		img := decodePNG(t, out)
		r, g, b, a := img.At(20, 15).RGBA()
		if r < 0xf000 || g > 0x1000 || b > 0x1000 || a != 0xffff {
			t.Errorf("%s: the middle is %v", name, img.At(20, 15))
		}
		if _, _, _, a := img.At(0, 0).RGBA(); a != 0 {
			t.Errorf("%s: the corner is %v", name, img.At(0, 0))
		}
	}
}

func TestTransparencyStaysInFewColours(t *testing.T) {
	t.Parallel()
	img := clouds(300, 300, 1)
	for y := range 300 {
		for x := range 100 {
			img.SetRGBA(x, y, color.RGBA{})
		}
		for x := 200; x < 300; x++ {
			draw.DrawMask(img, image.Rect(x, y, x+1, y+1), img, image.Pt(x, y), image.NewUniform(color.Alpha{A: 128}), image.Point{}, draw.Src)
		}
	}
	out, err := PNG(t.Context(), asPNG(t, img), 40_000)
	if err != nil {
		t.Fatal(err)
	}
	small := decodePNG(t, out)
	if _, ok := small.(*image.Paletted); !ok {
		t.Fatalf("%T: the case does not test what it should", small)
	}
	w, h := small.Bounds().Dx(), small.Bounds().Dy()
	for x, want := range map[int]uint32{w / 6: 0, w / 2: 0xff, w * 5 / 6: 0x80} {
		if _, _, _, a := small.At(x, h/2).RGBA(); a>>8 > want+6 || a>>8+6 < want {
			t.Errorf("alpha at %d of %d is %#x, want %#x", x, w, a>>8, want)
		}
	}
}

func TestOrientation(t *testing.T) {
	t.Parallel()
	// Where the top left corner of what is stored belongs, and whether the image lies on its side (Exif 2.32, 4.6.4).
	for orientation, want := range map[uint16]struct {
		left, top, side bool
	}{
		0: {true, true, false}, 9: {true, true, false}, // no such
		1: {true, true, false}, 2: {false, true, false}, 3: {false, false, false}, 4: {true, false, false},
		5: {true, true, true}, 6: {false, true, true}, 7: {false, false, true}, 8: {true, false, true},
	} {
		img := halves(48, 32)
		draw.Draw(img, img.Rect, image.NewUniform(color.White), image.Point{}, draw.Src)
		draw.Draw(img, image.Rect(0, 0, 16, 16), image.NewUniform(color.Black), image.Point{}, draw.Src)
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			out, err := PNG(t.Context(), withSegment(asJPEG(t, img), exifSegment(order, orientation)), MaxApple)
			if err != nil {
				t.Fatal(orientation, err)
			}
			turned := decodePNG(t, out)
			w, h := turned.Bounds().Dx(), turned.Bounds().Dy()
			if (w < h) != want.side {
				t.Errorf("%v %d: %d by %d", order, orientation, w, h)
			}
			for _, left := range []bool{true, false} {
				for _, top := range []bool{true, false} {
					x, y := w-5, h-5
					if left {
						x = 4
					}
					if top {
						y = 4
					}
					r, _, _, _ := turned.At(x, y).RGBA()
					if black := r < 0x4000; black != (left == want.left && top == want.top) {
						t.Errorf("%v %d: left %v, top %v is black: %v", order, orientation, left, top, black)
					}
				}
			}
		}
	}
}

func TestTheOrientationOfTIFFCounts(t *testing.T) {
	t.Parallel()
	// ImageMagick's and libtiff's order of tags; the encoder of Go writes none.
	data := asTIFF(t, halves(40, 30), tiff.Uncompressed)
	order := binary.LittleEndian
	directory := order.Uint32(data[4:])
	count := order.Uint16(data[directory:])
	var entries []byte
	done := false
	for i := range int(count) {
		entry := data[int(directory)+2+12*i:][:12]
		if !done && order.Uint16(entry) > 0x0112 {
			entries, done = append(entries, exifEntry(order, 0x0112, 6)...), true
		}
		entries = append(entries, entry...)
	}
	order.PutUint32(data[4:], uint32(len(data)))
	data = order.AppendUint16(data, count+1)
	data = append(append(data, entries...), 0, 0, 0, 0)
	out, err := PNG(t.Context(), data, MaxApple)
	if err != nil {
		t.Fatal(err)
	}
	img := decodePNG(t, out)
	if r, _, _, _ := img.At(15, 2).RGBA(); img.Bounds().Size() != image.Pt(30, 40) || r != 0xffff {
		t.Errorf("%v, top %v", img.Bounds(), img.At(15, 2))
	}
}

// blankPNG is a PNG of one colour: a few kilobytes for any number of pixels.
func blankPNG(w, h uint32) []byte {
	chunk := func(name string, body []byte) []byte {
		out := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
		out = append(append(out, name...), body...)
		return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
	}
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	var packed bytes.Buffer
	writer, _ := zlib.NewWriterLevel(&packed, zlib.BestSpeed)
	_, _ = io.CopyN(writer, zeros{}, int64(w+1)*int64(h))
	_ = writer.Close()
	return bytes.Join([][]byte{
		[]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(header, 8, 0, 0, 0, 0)), chunk("IDAT", packed.Bytes()), chunk("IEND", nil),
	}, nil)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	photo := asJPEG(t, clouds(200, 100, 1))
	const unknown = "is not an image (PNG, JPEG, GIF, WebP, BMP or TIFF)"
	hugeGIF := asGIF(t, halves(8, 8))
	binary.LittleEndian.PutUint16(hugeGIF[6:], 65535)
	binary.LittleEndian.PutUint16(hugeGIF[8:], 65535)
	noPixels := asBMP(t, halves(8, 8))
	binary.LittleEndian.PutUint32(noPixels[18:], 0)
	binary.LittleEndian.PutUint32(noPixels[22:], 0)
	manyScans := append(bytes.Clone(photo[:len(photo)-2]), bytes.Repeat([]byte("\xff\xda\x00\x02"), 70)...)
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"empty":           {nil, "is empty"},
		"HTML named .png": {[]byte("<!doctype html><title>404</title>"), unknown},
		"SVG":             {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), unknown},
		"PDF":             {[]byte("%PDF-1.7"), unknown},
		"HEIC":            {[]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), unknown},
		"text BM":         {[]byte("BMW sells motorcycles too"), unknown},
		"only a name":     {[]byte("\x89PNG\r\n\x1a\n"), "is a PNG image that is damaged, cut off, or of a kind that is not known"},
		"50 megapixels":   {blankPNG(10_000, 5_000), "has 50 megapixels; at most 24 are taken"},
		"just too many":   {blankPNG(6_001, 4_000), "has 25 megapixels; at most 24 are taken"},
		"a long side":     {blankPNG(20_001, 2), "has a side of 20001 pixels; at most 20000 are taken"},
		"GIF bomb":        {hugeGIF, "has a side of 65535 pixels; at most 20000 are taken"},
		"no pixels":       {noPixels, "has no pixels"},
		"cut JPEG":        {photo[:len(photo)/2], "is a JPEG image that is damaged, cut off, or of a kind that is not known"},
		"cut PNG":         {asPNG(t, clouds(90, 90, 1))[:9000], "is a PNG image that is damaged, cut off, or of a kind that is not known"},
		"cut GIF":         {asGIF(t, clouds(90, 90, 1))[:2000], "is a GIF image that is damaged, cut off, or of a kind that is not known"},
		"cut WebP":        {fixture(t, "lossy_alpha.webp")[:200], "is a WebP image that is damaged, cut off, or of a kind that is not known"},
		"cut BMP":         {asBMP(t, halves(20, 20))[:300], "is a BMP image that is damaged, cut off, or of a kind that is not known"},
		"cut TIFF":        {asTIFF(t, halves(20, 20), tiff.Uncompressed)[:300], "is a TIFF image that is damaged, cut off, or of a kind that is not known"},
		"many scans":      {manyScans, "is a JPEG of more than 64 scans"},
		"animated WebP":   {fixture(t, "animated.webp"), "is an animated WebP image; a still one is taken"},
		"a long file":     {append([]byte("\xff\xd8\xff"), make([]byte, maxBytes)...), "has 33554435 bytes; at most 33554432 are taken"},
	} {
		out, err := PNG(t.Context(), test.data, MaxApple)
		refused, ok := errors.AsType[*Refused](err)
		if !ok || refused.Reason != test.want || out != nil {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

func TestADamagedPNGIsNotPassedOn(t *testing.T) {
	t.Parallel()
	data := asPNG(t, halves(30, 30))
	data[len(data)-20] ^= 1 // in the last data, whose checksum does not fit then
	_, err := PNG(t.Context(), data, MaxApple)
	if refused, ok := errors.AsType[*Refused](err); !ok || !strings.Contains(refused.Reason, "damaged") {
		t.Error(err)
	}
}

func TestAManyFramedGIFIsItsFirstFrame(t *testing.T) {
	t.Parallel()
	var file gif.GIF
	file.Config = image.Config{Width: 40, Height: 30}
	for i := range 50 {
		frame := image.NewPaletted(image.Rect(10, 10, 30, 20), color.Palette{color.RGBA{R: 255, A: 255}, color.RGBA{B: 255, A: 255}})
		if i > 0 {
			frame.Pix[0] = 1
		}
		file.Image, file.Delay = append(file.Image, frame), append(file.Delay, 1)
	}
	var data bytes.Buffer
	if err := gif.EncodeAll(&data, &file); err != nil {
		t.Fatal(err)
	}
	out, err := PNG(t.Context(), data.Bytes(), MaxApple)
	if err != nil {
		t.Fatal(err)
	}
	img := decodePNG(t, out)
	_, _, _, outside := img.At(0, 0).RGBA()
	if r, _, _, _ := img.At(10, 10).RGBA(); img.Bounds().Size() != image.Pt(40, 30) || r != 0xffff || outside != 0 {
		t.Errorf("%v, %v, %v", img.Bounds(), img.At(10, 10), outside)
	}
}

func TestLargeImagesBecomeSmall(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		data           []byte
		limit          int
		paletted       bool
		least, largest int // pixels of the longer side
	}{
		"a busy photograph":   {asJPEG(t, clouds(1632, 1224, 1)), MaxApple, true, 500, 700},
		"a soft photograph":   {asJPEG(t, clouds(1632, 1224, 0)), MaxApple, false, 450, 800},
		"a drawing":           {asBMP(t, halves(3000, 1000)), MaxApple, true, 3000, 3000},
		"a large drawing":     {asGIF(t, flat(6000, 3000)), MaxApple, true, 2000, 3000},
		"a panorama":          {asJPEG(t, clouds(4000, 100, 1)), 100_000, true, 1500, 4000},
		"a strip":             {asJPEG(t, clouds(3000, 17, 1)), 50_000, true, 2700, 3000},
		"as many as possible": {blankPNG(6000, 4000), 4_000, true, 1500, 6000},
	} {
		out, err := PNG(t.Context(), test.data, test.limit)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		img := decodePNG(t, out)
		side := max(img.Bounds().Dx(), img.Bounds().Dy())
		if _, ok := img.(*image.Paletted); ok != test.paletted || side < test.least || side > test.largest || len(out) > test.limit {
			t.Errorf("%s: %T of %v in %d bytes", name, img, img.Bounds(), len(out))
		}
	}
}

func TestWhatCannotFitIsRefused(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{-1, 0, 1, 300} {
		out, err := PNG(t.Context(), asJPEG(t, clouds(200, 100, 1)), limit)
		if refused, ok := errors.AsType[*Refused](err); !ok || out != nil || !strings.Contains(refused.Reason, "cannot be made as small") {
			t.Errorf("%d: %v", limit, err)
		}
	}
	// It would fit if its short side became shorter than 16 pixels.
	if _, err := PNG(t.Context(), asJPEG(t, clouds(2000, 20, 1)), 5_000); err == nil {
		t.Error("a strip was made too narrow")
	}
}

func TestAFewTriesAreEnough(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1_600, 10_000, 40_000} {
		for _, detail := range []float64{0, 0.5, 1} {
			img, tries := clouds(400, 300, detail), 0
			ctx := countingContext{t.Context(), &tries}
			out, err := fit(ctx, img, limit)
			if err != nil || tries > 8 || len(out) > limit || len(out) < limit*6/10 {
				t.Errorf("%d at detail %v: %d bytes in %d tries, %v", limit, detail, len(out), tries, err)
			}
		}
	}
}

// countingContext counts how often it is asked, which every try does once.
type countingContext struct {
	context.Context
	asked *int
}

func (c countingContext) Err() error {
	*c.asked++
	return c.Context.Err()
}

func TestAtMostAsManyAtATimeAsThereAreSlots(t *testing.T) {
	data := asPNG(t, halves(20, 20))
	for range cap(slots) {
		slots <- struct{}{}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := PNG(ctx, data, MaxApple); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("another one went on: %v", err)
	}
	// What is no image needs no slot.
	if _, err := PNG(t.Context(), []byte("text"), MaxApple); err == nil {
		t.Error("a text is taken")
	}
	<-slots
	if _, err := PNG(t.Context(), data, MaxApple); err != nil {
		t.Error(err)
	}
	for range cap(slots) - 1 {
		<-slots
	}
	if len(slots) != 0 {
		t.Errorf("%d slots are lost", len(slots))
	}
}

func TestAnEndedContextStopsADecoder(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	known, _, err := inspect(fixture(t, "progressive.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := decode(ctx, known, fixture(t, "progressive.jpg")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := fit(ctx, halves(20, 20), MaxApple); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := PNG(ctx, fixture(t, "progressive.jpg"), MaxApple); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAPanicOfADecoderIsARefusal(t *testing.T) {
	t.Parallel()
	known := format{name: "PNG", decode: func(io.Reader) (image.Image, error) { panic("index out of range") }}
	_, err := decode(t.Context(), known, nil)
	if refused, ok := errors.AsType[*Refused](err); !ok || !strings.Contains(refused.Error(), "index out of range") {
		t.Error(err)
	}
}

func TestEveryOutputFits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(1, 260).Draw(t, "width"), rapid.IntRange(1, 260).Draw(t, "height")
		limit := rapid.IntRange(300, 60_000).Draw(t, "limit")
		img := clouds(w, h, rapid.Float64Range(0, 1).Draw(t, "detail"))
		if rapid.Bool().Draw(t, "holes") {
			draw.Draw(img, image.Rect(w/4, h/4, w/2, h/2), image.Transparent, image.Point{}, draw.Src)
		}
		var data []byte
		switch rapid.SampledFrom([]string{"PNG", "JPEG", "GIF", "BMP", "TIFF"}).Draw(t, "format") {
		case "PNG":
			data = asPNG(t, img)
		case "JPEG":
			data = asJPEG(t, img)
		case "GIF":
			data = asGIF(t, img)
		case "BMP":
			data = asBMP(t, img)
		case "TIFF":
			data = asTIFF(t, img, tiff.Deflate)
		}
		out, err := PNG(context.Background(), data, limit)
		if err != nil {
			// The smallest there may be: a byte for a pixel, and the palette.
			scale := min(1, minSide/float64(min(w, h)))
			if smallest := float64(w*h)*scale*scale*1.1 + 1_400; float64(limit) > smallest {
				t.Fatalf("%d bytes are not enough for %.0f: %v", limit, smallest, err)
			}
			return
		}
		bounds := decodePNG(t, out).Bounds()
		if len(out) > limit || min(bounds.Dx(), bounds.Dy()) < min(minSide, w, h) {
			t.Fatalf("%v in %d bytes", bounds, len(out))
		}
		// Within 2 %, or within the half pixel that a side is rounded by.
		long, short := float64(max(w, h)), float64(min(w, h))
		exact := long / short * float64(min(bounds.Dx(), bounds.Dy()))
		got := float64(max(bounds.Dx(), bounds.Dy()))
		if tolerance := max(0.02*exact, 0.5*long/short+0.5); math.Abs(got-exact) > tolerance+0.001 {
			t.Fatalf("%d by %d became %v", w, h, bounds)
		}
	})
}
