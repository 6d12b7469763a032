package picture

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

type fataler interface{ Fatal(...any) }

func asJPEG(t fataler, img image.Image) []byte {
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func asPNG(t fataler, img image.Image) []byte {
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func asGIF(t fataler, img image.Image) []byte {
	var out bytes.Buffer
	if err := gif.Encode(&out, img, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func asBMP(t fataler, img image.Image) []byte {
	var out bytes.Buffer
	if err := bmp.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func asTIFF(t fataler, img image.Image, compression tiff.CompressionType) []byte {
	var out bytes.Buffer
	if err := tiff.Encode(&out, img, &tiff.Options{Compression: compression}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// halves is red on the left and blue on the right.
func halves(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, color.RGBA{R: 255, A: 255})
			if x >= w/2 {
				img.SetRGBA(x, y, color.RGBA{B: 255, A: 255})
			}
		}
	}
	return img
}

// exifSegment is an APP1 that holds nothing but an orientation.
func exifSegment(order binary.AppendByteOrder, orientation uint16) []byte {
	header := "II*\x00"
	if order == binary.BigEndian {
		header = "MM\x00*"
	}
	body := append([]byte("Exif\x00\x00"), header...)
	body = order.AppendUint32(body, 8)
	body = order.AppendUint16(body, 2)
	body = append(body, exifEntry(order, 0x010f, 2)...) // the maker, which is not asked for
	body = append(body, exifEntry(order, 0x0112, orientation)...)
	body = order.AppendUint32(body, 0)
	segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(body)+2))
	return append(segment, body...)
}

func exifEntry(order binary.AppendByteOrder, tag, value uint16) []byte {
	entry := order.AppendUint16(nil, tag)
	entry = order.AppendUint16(entry, 3)
	entry = order.AppendUint32(entry, 1)
	return append(order.AppendUint16(entry, value), 0, 0)
}

// withSegment puts a segment behind the start of a JPEG.
func withSegment(image, segment []byte) []byte {
	return bytes.Join([][]byte{image[:2], segment, image[2:]}, nil)
}

func decodePNG(t fataler, data []byte) image.Image {
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// flat is one of few colours from the beginning, which encoders need not look for.
func flat(w, h int) *image.Paletted {
	return image.NewPaletted(image.Rect(0, 0, w, h), color.Palette{color.White, color.Black})
}
