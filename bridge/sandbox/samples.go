package sandbox

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"math"
	"net/http"
	"sync"
	"time"
)

// sample is a content that the desk can send, in the bridge's canonical JSON.
type sample struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Title   string `json:"title"`
	Content obj    `json:"content"`
}

// obj and arr are JSON.
type (
	obj = map[string]any
	arr = []any
)

// serveSamples is GET /api/desk/samples.
func (s *Sandbox) serveSamples(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, samples(s.now()))
}

// samples are good contents of every kind. Slots are on the days to come.
func samples(now time.Time) []sample {
	pictures := samplePictures()
	made := []sample{
		{Name: "quick_reply", Title: "Quick reply", Content: obj{
			"kind": "quick_reply", "prompt": "How can we help?",
			"options": arr{option("order", "Order status"), option("hours", "Opening hours"), option("agent", "Talk to an agent")},
		}},
		{Name: "list_picker_text", Title: "List, text only", Content: obj{
			"kind":     "list_picker",
			"received": obj{"title": "What would you like to drink?", "subtitle": "Tap to choose"},
			"reply":    obj{"title": "Your drink"},
			"sections": arr{obj{"title": "Coffee", "items": arr{
				obj{"id": "espresso", "title": "Espresso", "subtitle": "Short and strong"},
				obj{"id": "latte", "title": "Latte", "subtitle": "With steamed milk"},
				obj{"id": "filter", "title": "Filter coffee"},
			}}},
		}},
		sampleShop(pictures),
		sampleSlots("time_picker_device", "Appointment, device's time zone", "", now),
		sampleSlots("time_picker_fixed", "Appointment, time zone of the store", "America/Phoenix", now),
		sampleForm(pictures, now),
		{Name: "rich_link_image", Title: "Link with a picture", Content: obj{
			"kind": "rich_link", "url": "https://www.example.com/lamps/aurora", "title": "Aurora, a lamp for long evenings",
			"image": obj{"data": pictures["sun"]},
		}},
		{Name: "rich_link_video", Title: "Link with a video", Content: obj{
			"kind": "rich_link", "url": "https://www.example.com/lamps/aurora/film", "title": "Aurora in 30 seconds",
			"image": obj{"data": pictures["play"]},
			"video": obj{"url": "https://www.example.com/aurora.mp4", "mime_type": "video/mp4"},
		}},
		{Name: "rich_link_app_clip", Title: "App Clip", Content: obj{
			"kind": "rich_link", "url": "https://appclip.example.com/item/1", "app_clip": true, "store_region": "US",
		}},
		{Name: "app", Title: "Message to an app", Content: obj{
			"kind": "app", "app_id": 123456789, "app_name": "Seats", "team_id": "ABCDE12345", "extension_id": "com.example.seats.MessagesExtension",
			"url": "?event=42&step=seats", "received": obj{"title": "Choose your seats", "subtitle": "Tap to open the plan"},
			"icon": obj{"data": pictures["leaf"]}, "link": "https://www.example.com/seats/42",
		}},
		{Name: "signin", Title: "Ask the customer to sign in", Content: obj{
			"kind": "signin", "received": obj{"title": "Sign in to see your orders"},
		}},
		samplePayment(pictures),
		{Name: "text_url", Title: "Text with an address", Content: obj{
			"kind": "text", "text": "You find the manual at https://www.example.com/manual, and all our lamps at https://www.example.com/lamps.",
		}},
	}
	for i := range made {
		made[i].Kind, _ = made[i].Content["kind"].(string)
	}
	return made
}

func option(id, title string) obj { return obj{"id": id, "title": title} }

func sampleShop(pictures map[string]string) sample {
	item := func(id, title, subtitle, picture string) obj {
		return obj{"id": id, "title": title, "subtitle": subtitle, "image": picture, "style": "small"}
	}
	return sample{Name: "list_picker_images", Title: "List with pictures, sections, several choices", Content: obj{
		"kind":     "list_picker",
		"received": obj{"title": "Choose your lamps", "subtitle": "Several are possible", "style": "small", "image": "sun"},
		"reply":    obj{"title": "Your lamps", "style": "small", "image": "sun"},
		"sections": arr{
			obj{"title": "Lamps", "multiple": true, "items": arr{
				item("aurora", "Aurora", "Warm white, 49 €", "sun"), item("fern", "Fern", "Green glass, 65 €", "leaf"), item("lagoon", "Lagoon", "Blue glass, 72 €", "drop"),
			}},
			obj{"title": "Delivery", "items": arr{
				obj{"id": "post", "title": "By post", "subtitle": "Two days"}, obj{"id": "store", "title": "Collect in the store"},
			}},
		},
		"images": picturesNamed(pictures, "sun", "leaf", "drop"),
	}}
}

// samplePayment has a discount, and goods that are sent somewhere.
func samplePayment(pictures map[string]string) sample {
	line := func(label, amount string) obj { return obj{"label": label, "amount": amount} }
	method := func(id, label, detail, amount string) obj {
		return obj{"id": id, "label": label, "detail": detail, "amount": amount}
	}
	return sample{Name: "payment", Title: "Payment with shipping and a discount", Content: obj{
		"kind": "payment", "currency_code": "USD", "country_code": "US", "merchant_name": "Demo Store",
		"received":   obj{"title": "Your lamps", "subtitle": "Tap to pay", "style": "small", "image": "sun"},
		"reply":      obj{"title": "Thank you for your order", "style": "small", "image": "sun"},
		"line_items": arr{line("Aurora", "49.00"), line("Fern", "65.00"), line("Discount", "-10.00")},
		"total":      obj{"label": "Demo Store", "amount": "104.00"},
		"shipping_methods": arr{
			method("ground", "Ground", "5 to 7 days", "4.50"), method("express", "Express", "Tomorrow", "12.00"), method("store", "Collect in the store", "From this afternoon", "0.00"),
		},
		"required_shipping_contact_fields": arr{"post", "name", "phone", "email"}, "required_billing_contact_fields": arr{"post"},
		"images": picturesNamed(pictures, "sun"),
	}}
}

func picturesNamed(pictures map[string]string, names ...string) (images arr) {
	for _, name := range names {
		images = append(images, obj{"id": name, "data": pictures[name], "description": "A " + name})
	}
	return images
}

func sampleSlots(name, title, zone string, now time.Time) sample {
	day := now.UTC().Truncate(24 * time.Hour)
	slots := arr{}
	for i, hours := range []int{24 + 16, 24 + 18, 48 + 17, 72 + 20, 72 + 22} {
		start := day.Add(time.Duration(hours) * time.Hour)
		slots = append(slots, obj{"id": "slot-" + string(rune('1'+i)), "start": start.Format(time.RFC3339), "duration": 1800})
	}
	event := obj{
		"id": "visit", "title": "Visit our store", "slots": slots,
		"location": obj{"title": "Demo Store, Central Avenue", "latitude": 33.4500, "longitude": -112.0740, "radius": 100},
	}
	if zone != "" {
		event["timezone"] = zone
	}
	return sample{Name: name, Title: title, Content: obj{
		"kind": "time_picker", "event": event,
		"received": obj{"title": "When would you like to come?", "subtitle": "Tap to choose a time"},
		"reply":    obj{"title": "Thank you"},
	}}
}

// sampleForm has pages of every type, and two ways through them.
func sampleForm(pictures map[string]string, now time.Time) sample {
	day := func(ahead int) string { return now.UTC().AddDate(0, 0, ahead).Format(time.DateOnly) }
	choice := func(id, title, next string) obj {
		return obj{"id": id, "title": title, "value": id, "next": next}
	}
	pages := arr{
		obj{"id": "topic", "type": "select", "title": "What is it about?", "subtitle": "Choose one", "items": arr{
			choice("repair", "A repair", "parts"), choice("praise", "Praise", "words"),
		}},
		obj{"id": "parts", "type": "select", "title": "What is broken?", "subtitle": "Choose all that apply", "multiple": true, "next": "age", "items": arr{
			obj{"id": "shade", "title": "The shade", "image": "sun"}, obj{"id": "switch", "title": "The switch"}, obj{"id": "cable", "title": "The cable"},
		}},
		obj{"id": "age", "type": "picker", "title": "How old is the lamp?", "picker_title": "Years", "selected": "1", "next": "day", "items": arr{
			option("0", "Less than a year"), option("1", "One year"), option("2", "Two years or more"),
		}},
		obj{"id": "day", "type": "date_picker", "title": "When can we collect it?", "hint": "From tomorrow", "label": "Day",
			"start": day(2), "min": day(1), "max": day(30), "next": "mail"},
		obj{"id": "mail", "type": "input", "title": "Where can we reach you?", "label": "E-mail", "placeholder": "name@example.com", "required": true,
			"regex": `[^@ ]+@[^@ ]+`, "max_length": 100, "keyboard": "emailAddress", "content_type": "emailAddress", "next": "words"},
		obj{"id": "words", "type": "input", "title": "Anything else?", "hint": "Optional", "multiline": true, "max_length": 300, "submit": true},
	}
	return sample{Name: "form", Title: "Form with every type of page", Content: obj{
		"kind": "form", "summary": true, "start": "topic", "pages": pages,
		"received": obj{"title": "Tell us more", "subtitle": "Takes a minute", "image": "drop"},
		"reply":    obj{"title": "Thank you"},
		"splash":   obj{"header": "Two minutes for your lamp", "text": "A few questions, and we know what to do.", "button": "Begin", "image": "drop"},
		"images":   picturesNamed(pictures, "sun", "drop"),
	}}
}

const pictureSize = 120

// samplePictures are PNGs in base64: a white sign on a coloured square. They are drawn once.
var samplePictures = sync.OnceValue(func() map[string]string {
	drawn := map[string]string{}
	for name, picture := range map[string]struct {
		top, bottom color.NRGBA
		sign        func(x, y float64) float64 // how far outside of the sign a point is
	}{
		"sun":  {color.NRGBA{255, 179, 64, 255}, color.NRGBA{236, 98, 48, 255}, sunSign},
		"leaf": {color.NRGBA{122, 200, 100, 255}, color.NRGBA{32, 128, 88, 255}, leafSign},
		"drop": {color.NRGBA{92, 190, 246, 255}, color.NRGBA{30, 88, 196, 255}, dropSign},
		"play": {color.NRGBA{186, 132, 255, 255}, color.NRGBA{92, 56, 190, 255}, playSign},
	} {
		drawn[name] = drawPicture(picture.top, picture.bottom, picture.sign)
	}
	return drawn
})

func drawPicture(top, bottom color.NRGBA, sign func(x, y float64) float64) string {
	img := image.NewNRGBA(image.Rect(0, 0, pictureSize, pictureSize))
	for py := range pictureSize {
		for px := range pictureSize {
			mix := float64(py) / pictureSize
			white := min(max(0.5-sign(float64(px)-59.5, float64(py)-59.5), 0), 1)
			shade := func(a, b uint8) uint8 {
				ground := float64(a)*(1-mix) + float64(b)*mix
				return uint8(math.Round(ground*(1-white) + 255*white))
			}
			img.SetNRGBA(px, py, color.NRGBA{shade(top.R, bottom.R), shade(top.G, bottom.G), shade(top.B, bottom.B), 255})
		}
	}
	var out bytes.Buffer
	_ = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, img) // a bytes.Buffer takes everything
	return base64.StdEncoding.EncodeToString(out.Bytes())
}

// The signs, as distances in pixels from their edge. (0, 0) is the middle.

func sunSign(x, y float64) float64 {
	distance := math.Hypot(x, y)
	angle := math.Abs(math.Mod(math.Atan2(y, x)+2*math.Pi, math.Pi/4) - math.Pi/8)
	ray := max(distance*math.Sin(angle)-3, 30-distance, distance-44)
	return min(distance-21, ray)
}

func leafSign(x, y float64) float64 {
	leaf := max(math.Hypot(x-18, y-18), math.Hypot(x+18, y+18)) - 50
	vein := math.Abs(x+y)/math.Sqrt2 - 1.8
	return max(leaf, -vein)
}

func dropSign(x, y float64) float64 {
	round := math.Hypot(x, y-12) - 26
	peak := max(math.Abs(x)*0.886-(y+44)*0.464, y) // its sides touch the circle
	return min(round, peak)
}

func playSign(x, y float64) float64 {
	ring := math.Abs(math.Hypot(x, y)-38) - 4
	triangle := max(-x-12, x*0.5+math.Abs(y)*0.87-11)
	return min(ring, triangle)
}

// LinkPicture is a PNG for links to pages that bring none.
func LinkPicture() []byte {
	data, err := base64.StdEncoding.DecodeString(samplePictures()["sun"])
	if err != nil {
		panic(err) // it was encoded here
	}
	return data
}
