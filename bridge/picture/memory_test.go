package picture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	xdraw "golang.org/x/image/draw"
	"golang.org/x/image/tiff"
	"golang.org/x/sync/errgroup"
)

// resized writes other sides into the header of a PNG or a JPEG. What follows does not fill them.
func resized(t testing.TB, data []byte, w, h int) []byte {
	t.Helper()
	data = bytes.Clone(data)
	if bytes.HasPrefix(data, []byte("\x89PNG")) {
		binary.BigEndian.PutUint32(data[16:], uint32(w))
		binary.BigEndian.PutUint32(data[20:], uint32(h))
		binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
		return data
	}
	for marker, segment := range jpegSegments(data) {
		if marker >= 0xc0 && marker <= 0xc2 {
			binary.BigEndian.PutUint16(segment[1:], uint16(h))
			binary.BigEndian.PutUint16(segment[3:], uint16(w))
			return data
		}
	}
	t.Fatal("no frame begins")
	return nil
}

// interlaced says so in the header of a PNG.
func interlaced(data []byte) []byte {
	data = bytes.Clone(data)
	data[28] = 1
	binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
	return data
}

// halfColour is a progressive JPEG whose colours have half of its width and height, as its header says.
func halfColour(t testing.TB, w, h int) []byte {
	data := resized(t, fixture(t, "progressive.jpg"), w, h)
	for marker, segment := range jpegSegments(data) {
		if marker == 0xc2 {
			segment[7] = 0x22
		}
	}
	return data
}

func gray16(w, h int) *image.Gray16 { return image.NewGray16(image.Rect(0, 0, w, h)) }

func TestAnImageThatNeedsTooMuchMemoryIsRefusedInWords(t *testing.T) {
	t.Parallel()
	small := halves(16, 16)
	for name, test := range map[string]struct {
		data []byte
		want string // of the reason; "": it is taken
	}{
		"progressive, all colours": {resized(t, fixture(t, "progressive.jpg"), 6000, 4000), "has 24 megapixels, for which a progressive JPEG needs 363 MB of memory; at most 150 are taken: make it smaller, or save it as a baseline JPEG"},
		"progressive":              {halfColour(t, 6000, 4000), "a progressive JPEG needs 183 MB"},
		"progressive, 12 MP":       {halfColour(t, 4000, 3000), ""},
		"a telephone's":            {resized(t, asJPEG(t, small), 6000, 4000), ""},
		"CMYK":                     {resized(t, fixture(t, "cmyk.jpg"), 4000, 3000), "a progressive JPEG needs 291 MB"},
		"PNG":                      {resized(t, asPNG(t, small), 6000, 4000), ""},
		"PNG of 16 bits":           {resized(t, asPNG(t, gray16(16, 16)), 6000, 4000), "has 24 megapixels, for which a PNG needs 205 MB"},
		"interlaced PNG":           {interlaced(resized(t, asPNG(t, small), 6000, 4000)), "an interlaced PNG needs 195 MB"},
	} {
		_, needed, err := inspect(test.data)
		refused, ok := errors.AsType[*Refused](err)
		switch {
		case test.want == "" && (err != nil || needed < 24_000_000 || needed > maxWork):
			t.Errorf("%s: %d bytes, %v", name, needed, err)
		case test.want != "" && (!ok || !strings.Contains(refused.Reason, test.want)):
			t.Errorf("%s: %d bytes, %v", name, needed, err)
		}
	}
}

// What an image needs is said before it is decoded; a decoder that takes more would make the bound worthless.
func TestTheNeedIsAboveWhatADecoderTakes(t *testing.T) { // not in parallel: it looks at all that is allocated
	if testing.Short() {
		t.Skip("decodes for long, and the race detector's own memory would be counted too")
	}
	photo, drawing := clouds(800, 600, 1), flat(1600, 1200)
	deep := gray16(1200, 1000)
	part := &gif.GIF{Image: []*image.Paletted{flat(1598, 1198)}, Delay: []int{0}, Config: image.Config{Width: 1600, Height: 1200}}
	var partly bytes.Buffer
	if err := gif.EncodeAll(&partly, part); err != nil {
		t.Fatal(err)
	}
	colours := image.NewNRGBA64(photo.Rect)
	draw.Draw(colours, colours.Rect, photo, image.Point{}, draw.Src)
	for name, data := range map[string][]byte{
		"JPEG":              asJPEG(t, photo),
		"JPEG, grey":        asJPEG(t, deep),
		"JPEG, progressive": resized(t, fixture(t, "progressive.jpg"), 1600, 1200),
		"JPEG, 4:2:0":       halfColour(t, 1600, 1200),
		"JPEG of CMYK":      resized(t, fixture(t, "cmyk.jpg"), 1600, 1200),
		"PNG":               asPNG(t, photo),
		"PNG, few colours":  asPNG(t, drawing),
		"PNG of 16 bits":    asPNG(t, colours),
		"PNG, grey":         asPNG(t, deep),
		"GIF":               asGIF(t, drawing),
		"GIF, a part":       partly.Bytes(),
		"BMP":               asBMP(t, photo),
		"BMP, few colours":  asBMP(t, drawing),
		"TIFF":              asTIFF(t, photo, tiff.Uncompressed),
		"TIFF with deflate": asTIFF(t, photo, tiff.Deflate),
		"TIFF of 16 bits":   asTIFF(t, colours, tiff.Deflate),
		"WebP, lossy":       fixture(t, "lossy.webp"),
		"WebP, lossless":    fixture(t, "transparent.webp"),
		"WebP, alpha":       fixture(t, "lossy_alpha.webp"),
	} {
		known, _, err := inspect(data)
		if err != nil {
			t.Fatal(name, err)
		}
		config, err := known.config(bytes.NewReader(data))
		if err != nil {
			t.Fatal(name, err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = decode(t.Context(), known, data) // some end too early, with all of their memory taken
		runtime.ReadMemStats(&after)
		took, needed := int(after.TotalAlloc-before.TotalAlloc), needOf(known, config, data)
		most := needed.decoding + 500_000 // of buffers that do not grow with the image
		if known.name == "TIFF" {         // a buffer grew, and what it was before is counted too
			most += needed.decoding / 4
		}
		if took > most {
			t.Errorf("%s took %d bytes, which is above %d", name, took, most)
		}
		if config.Width > 100 && took < needed.decoding/7 {
			t.Errorf("%s took %d bytes, and %d are set aside", name, took, needed.decoding)
		}
	}
}

func TestImagesAreMadeToFitWithinTheirNeed(t *testing.T) {
	img := clouds(2000, 1500, 0) // soft: many sizes are tried
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	scaled := scaleTo(img, image.Pt(1900, 1400))
	runtime.ReadMemStats(&after)
	if took, most := int(after.TotalAlloc-before.TotalAlloc), len(scaled.Pix)+1_000_000; took > most {
		t.Errorf("scaling took %d bytes, which is above %d", took, most)
	}
}

func TestScalingIsThatOfTheLibrary(t *testing.T) {
	t.Parallel()
	img := clouds(157, 93, 1)
	draw.Draw(img, image.Rect(20, 20, 60, 60), image.Transparent, image.Point{}, draw.Src)
	draw.Draw(img, image.Rect(80, 20, 120, 60), image.NewUniform(color.RGBA{R: 100, G: 3, A: 100}), image.Point{}, draw.Src)
	for _, size := range []image.Point{{156, 92}, {100, 60}, {37, 41}, {5, 3}, {1, 1}, {157, 20}} {
		want := image.NewRGBA(image.Rectangle{Max: size})
		xdraw.CatmullRom.Scale(want, want.Rect, img, img.Rect, draw.Src, nil)
		got := scaleTo(img, size)
		for i := range want.Pix {
			if diff := int(want.Pix[i]) - int(got.Pix[i]); diff < -1 || diff > 1 {
				t.Fatalf("%v: byte %d is %d, want %d", size, i, got.Pix[i], want.Pix[i])
			}
		}
	}
}

func TestFilesWaitUntilThereIsRoom(t *testing.T) {
	all, err := NewRoom(t.Context(), maxFiles+1) // as much as there is
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := NewRoom(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("there is more room: %v", err)
	}
	all.Shrink(maxFiles)
	all.Shrink(maxFiles - 10)
	all.Shrink(maxFiles) // cannot grow
	ten, err := NewRoom(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	ten.Free()
	all.Free()
	all.Free()
	if !files.TryAcquire(maxFiles) {
		t.Fatal("room is lost")
	}
	files.Release(maxFiles)
}

func TestImagesWaitUntilThereIsMemory(t *testing.T) {
	data := asPNG(t, halves(20, 20))
	if err := work.Acquire(t.Context(), maxWork); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := PNG(ctx, data, MaxApple); !errors.Is(err, context.DeadlineExceeded) || len(slots) != 0 {
		t.Errorf("%v, and %d slots are taken", err, len(slots))
	}
	work.Release(maxWork)
	for _, one := range [][]byte{data, data[:50], fixture(t, "animated.webp")} {
		_, _ = PNG(t.Context(), one, MaxApple)
	}
	if !work.TryAcquire(maxWork) {
		t.Fatal("memory is lost")
	}
	work.Release(maxWork)
}

// TestThePeakOfManyLargePictures: a container of 512 MB bears 32 large pictures that come at once.
func TestThePeakOfManyLargePictures(t *testing.T) {
	if testing.Short() {
		t.Skip("32 large pictures")
	}
	photo := asJPEG(t, clouds(4032, 3024, 1))
	kinds := [][]byte{photo, blankPNG(6000, 4000), halfColour(t, 5000, 3600), asGIF(t, flat(5000, 4000))}
	debug.FreeOSMemory()
	base := footprint()
	done := make(chan struct{})
	var peak uint64
	var sampling sync.WaitGroup
	sampling.Go(func() {
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				peak = max(peak, footprint())
			}
		}
	})
	var group errgroup.Group
	for i := range 32 {
		group.Go(func() error {
			kind := kinds[i%len(kinds)]
			room, err := NewRoom(t.Context(), int64(len(kind)))
			if err != nil {
				return err
			}
			defer room.Free()
			_, err = PNG(t.Context(), bytes.Clone(kind), MaxApple)
			if _, refused := errors.AsType[*Refused](err); refused { // cut off, after its memory was taken
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	close(done)
	sampling.Wait()
	t.Logf("a peak of %d MB, from %d MB", peak/1_000_000, base/1_000_000)
	if peak > 440_000_000 {
		t.Errorf("a peak of %d MB", peak/1_000_000)
	}
}

// footprint is what the process has of the system, collected or not.
func footprint() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}
