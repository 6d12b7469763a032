package picture

import (
	"image"
	"image/draw"
	"math"
)

// workPixels is the most that an image is worked on with, and so the most that one has that had to be encoded anew. No
// telephone shows more in a bubble.
const workPixels = 4_000_000

// reduce makes an image of at most limit pixels, or a little more, by taking the mean of squares of pixels. It goes over
// the image in bands: a scaler of float64 would need several times the memory of the image itself.
func reduce(img image.Image, limit int) *image.RGBA {
	bounds := img.Bounds()
	factor := reduction(bounds.Dx(), bounds.Dy(), limit)
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

// scaleTo makes an image of the given sides, by Catmull and Rom's cubic filter. It scales one row at a time in height and
// then in width: the scaler of golang.org/x/image does it the other way round, and keeps 32 bytes for every pixel between,
// which is 100 MB here.
func scaleTo(img *image.RGBA, size image.Point) *image.RGBA {
	if size == img.Rect.Size() {
		return img
	}
	scaled := image.NewRGBA(image.Rectangle{Max: size})
	columns := sourcesOf(size.X, img.Rect.Dx())
	row := make([]float32, 4*img.Rect.Dx())
	for y, from := range sourcesOf(size.Y, img.Rect.Dy()) {
		clear(row)
		for i, weight := range from.weights {
			for at, value := range img.Pix[(from.first+i)*img.Stride:][:len(row)] {
				row[at] += weight * float32(value)
			}
		}
		scaleRow(scaled.Pix[y*scaled.Stride:][:4*size.X], row, columns)
	}
	return scaled
}

// sources is the pixels of a row or column that one pixel is made of.
type sources struct {
	first   int
	weights []float32
}

func sourcesOf(length, from int) []sources {
	const support = 2 // pixels to both sides, of the coarser of the two
	scale := float64(from) / float64(length)
	stretch := max(1, scale)
	list := make([]sources, length)
	for i := range list {
		center := (float64(i)+0.5)*scale - 0.5
		first := max(0, int(math.Ceil(center-support*stretch)))
		last := min(from-1, int(math.Floor(center+support*stretch)))
		weights, sum := make([]float32, last-first+1), 0.0
		for j := range weights {
			weight := cubic(math.Abs(float64(first+j)-center) / stretch)
			weights[j], sum = float32(weight), sum+weight
		}
		for j := range weights {
			weights[j] /= float32(sum)
		}
		list[i] = sources{first, weights}
	}
	return list
}

func cubic(t float64) float64 {
	switch {
	case t < 1:
		return (1.5*t-2.5)*t*t + 1
	case t < 2:
		return ((-0.5*t+2.5)*t-4)*t + 2
	}
	return 0
}

func scaleRow(row []byte, from []float32, columns []sources) {
	for x, column := range columns {
		var r, g, b, a float32
		pixels := from[4*column.first:][:4*len(column.weights)]
		for i, weight := range column.weights {
			pixel := pixels[4*i : 4*i+4 : 4*i+4]
			r += weight * pixel[0]
			g += weight * pixel[1]
			b += weight * pixel[2]
			a += weight * pixel[3]
		}
		a = max(0, min(a, 255)) // the filter overshoots at edges
		to := row[4*x : 4*x+4 : 4*x+4]
		to[0], to[1], to[2], to[3] = premultiplied(r, a), premultiplied(g, a), premultiplied(b, a), byte(a+0.5)
	}
}

// premultiplied keeps a channel below alpha.
func premultiplied(value, alpha float32) byte { return byte(max(0, min(value, alpha)) + 0.5) }
