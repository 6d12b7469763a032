package picture

import (
	"image"
	"math"
	"math/rand/v2"
)

// clouds is an image like a photograph: shapes of every size, an edge, and the grain of a sensor. With detail 0 it is
// soft, as a sky; with 1 it is as busy as a street.
func clouds(w, h int, detail float64) *image.RGBA {
	random := rand.New(rand.NewPCG(1, 2))
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	light := make([]float64, w*h*3)
	for octave, amplitude := 0, 90.0; octave < 8; octave, amplitude = octave+1, amplitude*(0.5+0.35*detail) {
		addOctave(light, w, h, 3<<octave, amplitude, random)
	}
	for y := range h {
		for x := range w {
			lit := 128.0
			if math.Hypot(float64(x-w/2), float64(y-h/2)) < float64(h)/3 {
				lit += 40
			}
			lit += random.NormFloat64() * (1 + 3*detail)
			at, from := img.PixOffset(x, y), (y*w+x)*3
			for c := range 3 {
				img.Pix[at+c] = uint8(max(0, min(255, lit+(light[from+c]+light[from])/2)))
			}
			img.Pix[at+3] = 255
		}
	}
	return img
}

// addOctave adds smooth noise of n waves across the image.
func addOctave(light []float64, w, h, n int, amplitude float64, random *rand.Rand) {
	grid := make([]float64, (n+2)*(n+2)*3)
	for i := range grid {
		grid[i] = (random.Float64()*2 - 1) * amplitude
	}
	smooth := func(t float64) float64 { return t * t * (3 - 2*t) }
	for y := range h {
		row, ty := math.Modf(float64(y) / float64(h) * float64(n))
		for x := range w {
			column, tx := math.Modf(float64(x) / float64(w) * float64(n))
			at := (int(row)*(n+2) + int(column)) * 3
			sx, sy := smooth(tx), smooth(ty)
			for c := range 3 {
				above := grid[at+c]*(1-sx) + grid[at+3+c]*sx
				below := grid[at+(n+2)*3+c]*(1-sx) + grid[at+(n+2)*3+3+c]*sx
				light[(y*w+x)*3+c] += above*(1-sy) + below*sy
			}
		}
	}
}
