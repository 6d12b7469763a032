package picture

import (
	"cmp"
	"image"
	"image/color"
	"slices"
)

const (
	maxColors  = 256
	maxSamples = 1 << 15 // pixels that a palette is chosen by
)

// exactPalette is the colours of an image, or nil where there are more than a palette holds.
func exactPalette(img *image.RGBA) color.Palette {
	seen := make(map[color.RGBA]bool, maxColors)
	var palette color.Palette
	var last color.RGBA
	for i := 0; i+4 <= len(img.Pix); i += 4 {
		c := colorAt(img.Pix[i:])
		if i > 0 && c == last || seen[c] {
			last = c
			continue
		}
		if len(palette) == maxColors {
			return nil
		}
		seen[c], last = true, c
		palette = append(palette, c)
	}
	return palette
}

func colorAt(pix []byte) color.RGBA {
	return color.RGBA{R: pix[0], G: pix[1], B: pix[2], A: pix[3]}
}

// box is pixels that share a colour of the palette, unless it is cut.
type box struct {
	pixels  [][4]byte
	mean    [4]float64
	channel int     // along which the pixels differ most
	error   float64 // what is lost along it when the pixels share a colour
}

func newBox(pixels [][4]byte) box {
	b := box{pixels: pixels}
	var sum, squares [4]float64
	for _, pixel := range pixels {
		for i, value := range pixel {
			v := float64(value)
			sum[i] += v
			squares[i] += v * v
		}
	}
	n := float64(len(pixels))
	for i := range sum {
		b.mean[i] = sum[i] / n
		if lost := squares[i] - sum[i]*sum[i]/n; lost > b.error {
			b.channel, b.error = i, lost
		}
	}
	return b
}

// choosePalette chooses colours by cutting the box that loses most along the channel where it does, at the mean (a
// median cut by variance, after Wu). Alpha is a channel like the others. A transparent pixel keeps its own entry, since
// half of one shows.
func choosePalette(img *image.RGBA) color.Palette {
	pixels, transparent := samples(img)
	var palette color.Palette
	if transparent {
		palette = append(palette, color.RGBA{})
	}
	if len(pixels) == 0 {
		return palette
	}
	boxes := []box{newBox(pixels)}
	for len(boxes)+len(palette) < maxColors {
		worst := 0
		for i, candidate := range boxes {
			if candidate.error > boxes[worst].error {
				worst = i
			}
		}
		cut := boxes[worst]
		if cut.error <= 0 {
			break
		}
		left := partition(cut.pixels, cut.channel, cut.mean[cut.channel])
		if left == 0 || left == len(cut.pixels) { // equal but for rounding
			boxes[worst].error = 0
			continue
		}
		boxes[worst] = newBox(cut.pixels[:left])
		boxes = append(boxes, newBox(cut.pixels[left:]))
	}
	for _, each := range boxes {
		palette = append(palette, each.color())
	}
	// By brightness, so that neighbours in the image are neighbours as numbers.
	slices.SortStableFunc(palette, func(a, b color.Color) int {
		return cmp.Compare(brightness(a), brightness(b))
	})
	return slices.Compact(palette)
}

func (b box) color() color.RGBA {
	round := func(i int) uint8 { return uint8(b.mean[i] + 0.5) }
	// Premultiplied: no channel is above alpha, in the mean as in every pixel.
	return color.RGBA{R: round(0), G: round(1), B: round(2), A: round(3)}
}

func brightness(c color.Color) uint32 {
	r, g, b, a := c.RGBA()
	return 3*r + 6*g + b + a
}

// partition moves the pixels of at most the threshold to the front, and tells how many there are.
func partition(pixels [][4]byte, channel int, threshold float64) int {
	left := 0
	for i := range pixels {
		if float64(pixels[i][channel]) <= threshold {
			pixels[i], pixels[left] = pixels[left], pixels[i]
			left++
		}
	}
	return left
}

// samples takes pixels evenly, without those that are wholly transparent.
func samples(img *image.RGBA) (pixels [][4]byte, transparent bool) {
	count := len(img.Pix) / 4
	step := max(1, count/maxSamples)
	if step > 1 && step%2 == 0 {
		step++ // an odd step does not stay in the same columns
	}
	for i := 0; i < count; i += step {
		pixel := [4]byte(img.Pix[4*i:])
		if pixel[3] == 0 {
			transparent = true
			continue
		}
		pixels = append(pixels, pixel)
	}
	return pixels, transparent
}
