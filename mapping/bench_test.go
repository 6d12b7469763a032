package mapping

import (
	"encoding/json"
	"testing"
)

// BenchmarkDeliver is what a mapping costs for one text, beside writing the same event in the bridge's own format.
func BenchmarkDeliver(b *testing.B) {
	event := received("0a11b7a8-6f1d-4a3e-9d7b-000000000001", "Where is my order? 🙂")
	b.Run("own format", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(event); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, file := range map[string]string{
		"one request": oneStep(post, "        extract: {id: .body.id}", "    receipt: $steps.post.id"),
		"rasa":        presetText(b, "rasa"),
		"ticket":      presetText(b, "ticket"),
	} {
		b.Run("mapping "+name, func(b *testing.B) {
			m := load(b, file)
			vars, err := m.Bind(map[string]any{"base": "https://desk.example.com", "authorization": "x", "business_id": "y"})
			if err != nil {
				b.Fatal(err)
			}
			answers := map[string][]Answer{
				"one request": {answer(201, `{"id": 42}`)}, "rasa": {answer(200, `[{"recipient_id":"x","text":"On its way"}]`)},
				"ticket": {answer(200, `{"user":{"id":1}}`), answer(200, `{"tickets":[{"id":2,"status":"open"}]}`), answer(200, `{"audit":{"id":3}}`)},
			}[name]
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Deliver(b.Context(), event, vars, &desk{answers: answers}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func presetText(b *testing.B, name string) string {
	text, err := PresetSource(name)
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}
