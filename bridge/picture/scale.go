package picture

import (
	"image"
	"image/draw"
	"math"

	xdraw "golang.org/x/image/draw"
)

// workPixels is the most that an image is worked on with, and so the most that one has that had to be encoded anew. No
// telephone shows more in a bubble.
const workPixels = 4_000_000

// reduce makes an image of at most limit pixels, or a little more, by taking the mean of squares of pixels. It goes over
// the image in bands: a scaler of float64 would need several times the memory of the image itself.
func reduce(img image.Image, limit int) *image.RGBA {
	bounds := img.Bounds()
	factor := int(math.Ceil(math.Sqrt(float64(bounds.Dx()*bounds.Dy()) / float64(limit))))
	factor = max(1, min(factor, bounds.Dx()/minSide, bounds.Dy()/minSide))
	if factor == 1 {
		same := image.NewRGBA(image.Rect(0, 0, bounds.Dx(), bounds.Dy()))
		draw.Draw(same, same.Rect, img, bounds.Min, draw.Src)
		return same
	}
	small := image.NewRGBA(image.Rect(0, 0, ceilDiv(bounds.Dx(), factor), ceilDiv(bounds.Dy(), factor)))
	band := image.NewRGBA(image.Rect(0, 0, bounds.Dx(), factor))
	for y := range small.Rect.Dy() {
		height := min(factor, bounds.Dy()-y*factor)
		draw.Draw(band, image.Rect(0, 0, bounds.Dx(), height), img, bounds.Min.Add(image.Pt(0, y*factor)), draw.Src)
		averageBand(small.Pix[y*small.Stride:][:small.Stride], band, factor, height)
	}
	return small
}

// averageBand fills a row with the means of a band's squares. The last square may be cut off.
func averageBand(row []byte, band *image.RGBA, factor, height int) {
	for x := 0; x < len(row)/4; x++ {
		width := min(factor, band.Rect.Dx()-x*factor)
		var sum [4]int
		for dy := range height {
			for i, value := range band.Pix[dy*band.Stride+4*x*factor:][:4*width] {
				sum[i%4] += int(value)
			}
		}
		for i, total := range sum {
			row[4*x+i] = byte((total + width*height/2) / (width * height))
		}
	}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// scaleTo makes an image of the given sides.
func scaleTo(img *image.RGBA, size image.Point) *image.RGBA {
	if size == img.Rect.Size() {
		return img
	}
	scaled := image.NewRGBA(image.Rectangle{Max: size})
	xdraw.CatmullRom.Scale(scaled, scaled.Rect, img, img.Rect, draw.Src, nil)
	return scaled
}
