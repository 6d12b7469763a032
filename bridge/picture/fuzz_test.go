package picture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/image/tiff"
)

func FuzzPNG(f *testing.F) {
	img := halves(24, 18)
	for _, seed := range [][]byte{
		asPNG(f, img), asJPEG(f, img), asGIF(f, img), asBMP(f, img), asTIFF(f, img, tiff.Deflate), asTIFF(f, img, tiff.Uncompressed),
		withSegment(asJPEG(f, img), exifSegment(binary.BigEndian, 6)),
		fixture(f, "lossy.webp"), fixture(f, "transparent.webp"), fixture(f, "lossy_alpha.webp"), fixture(f, "animated.webp"),
		fixture(f, "progressive.jpg"), fixture(f, "cmyk.jpg"), []byte("BM"), nil,
	} {
		f.Add(seed, 2_000)
	}
	f.Fuzz(func(t *testing.T, data []byte, limit int) {
		if known, _, err := inspect(data); err == nil {
			// Large ones are for the tests: they are slow, and no other code.
			if config, err := known.config(&source{ctx: context.Background(), data: bytes.NewReader(data)}); err == nil && config.Width*config.Height > 40_000 {
				t.Skip()
			}
		}
		limit = min(limit, MaxApple)
		out, err := PNG(context.Background(), data, limit)
		if err != nil {
			if _, ok := errors.AsType[*Refused](err); !ok || out != nil {
				t.Fatalf("%v", err)
			}
			return
		}
		if decodePNG(t, out); len(out) > limit {
			t.Fatalf("%d bytes", len(out))
		}
	})
}

func FuzzOrientation(f *testing.F) {
	for orientation := range uint16(10) {
		f.Add(exifSegment(binary.LittleEndian, orientation)[4:])
	}
	f.Fuzz(func(t *testing.T, segment []byte) {
		length := min(len(segment)+2, 0xffff)
		header := binary.BigEndian.AppendUint16([]byte{0xff, 0xd8, 0xff, 0xe1}, uint16(length))
		for _, data := range [][]byte{append(header, segment...), append([]byte{0xff, 0xd8}, segment...)} {
			if got := orientation(format{name: "JPEG"}, data); got < 1 || got > 8 {
				t.Fatal(got)
			}
		}
	})
}
