package picture

import (
	"bytes"
	"image/png"
	"testing"
)

func BenchmarkPNG(b *testing.B) {
	for name, data := range map[string][]byte{
		"2MP busy":  asJPEG(b, clouds(1632, 1224, 1)),
		"2MP soft":  asJPEG(b, clouds(1632, 1224, 0)),
		"12MP busy": asJPEG(b, clouds(4032, 3024, 1)),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				out, err := PNG(b.Context(), data, MaxApple)
				if err != nil {
					b.Fatal(err)
				}
				config, err := png.DecodeConfig(bytes.NewReader(out))
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(config.Width), "width")
				b.ReportMetric(float64(len(out)), "bytes")
			}
		})
	}
}
