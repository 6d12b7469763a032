package fallback

import (
	"time"

	"bizbridge/bridge/message"
)

// The devices that customers have, as Apple describes them.
var (
	phone    = message.Device{Agent: "iPhone OS", Capabilities: message.ParseCapabilities("QUICK,LIST,TIME,AUTH,AUTH2,FORM")}
	oldPhone = message.Device{Agent: "iPhone OS", Capabilities: message.ParseCapabilities("LIST,TIME,AUTH")}
	mac      = message.Device{Agent: "Mac OS X", Capabilities: message.ParseCapabilities("QUICK,LIST,TIME,AUTH,AUTH2")}
	watch    = message.Device{Agent: "Watch OS", Capabilities: message.ParseCapabilities("")}      // the header is there, and empty
	silent   = message.Device{Agent: "Mac OS X"}                                                   // the header is missing
	buttons  = message.Device{Agent: "Watch OS", Capabilities: message.ParseCapabilities("QUICK")} // of nothing but buttons
	nameless = message.Device{Locale: "de_DE"}                                                     // nothing is known of it
)

var devices = map[string]message.Device{
	"phone": phone, "old phone": oldPhone, "mac": mac, "watch": watch, "buttons": buttons, "unknown": nameless, "silent": silent,
}

// fit is for what is not too long.
func fit(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, content message.Content, device message.Device) Fitted {
	t.Helper()
	fitted, failure := Fit(content, device)
	if failure != nil {
		t.Fatalf("a %s is refused: %v", content.Kind(), failure)
	}
	return fitted
}

func options(titles ...message.Label) message.QuickReply {
	quick := message.QuickReply{Prompt: "Which size?"}
	for i, title := range titles {
		quick.Options = append(quick.Options, message.Option{ID: string(rune('a' + i)), Title: title})
	}
	return quick
}

var (
	sizes    = options("Small", "Large")
	sixSizes = options("XS", "S", "M", "L", "XL", "XXL")

	sizeList = message.ListPicker{
		Received: message.Bubble{Title: "Your shirt", Subtitle: "Made to order"},
		Sections: []message.Section{{Title: "Size", Items: []message.Item{
			{ID: "s", Title: "Small", Subtitle: "10 €"}, {ID: "l", Title: "Large"},
		}}},
	}
	extras = message.ListPicker{
		Received: message.Bubble{Title: "Extras"},
		Sections: []message.Section{
			{Title: "Extras", Multiple: true, Items: []message.Item{{ID: "c", Title: "Cheese"}, {ID: "h", Title: "Ham"}}},
			{Title: "Drinks", Items: []message.Item{{ID: "w", Title: "Water", Subtitle: "still"}}},
		},
	}

	slots = message.TimePicker{
		Received: message.Bubble{Title: "Your visit"},
		Appoint: message.Appointment{
			Title: "Repair", Timezone: "Europe/Berlin", Location: &message.Location{Title: "Main Street"},
			Slots: []message.Slot{
				{ID: "1", Start: time.Date(2030, 3, 1, 8, 0, 0, 0, time.UTC), Duration: 1800},
				{ID: "2", Start: time.Date(2030, 3, 1, 22, 30, 0, 0, time.UTC), Duration: 7200},
				{ID: "3", Start: time.Date(2030, 3, 2, 8, 0, 0, 0, time.UTC)},
			},
		},
	}

	question = message.Form{
		Received: message.Bubble{Title: "A question"},
		Pages: []message.Page{{ID: "p", Type: message.PageSelect, Title: "Which colour?", Items: []message.FormItem{
			{ID: "r", Title: "Red", Value: "#f00"}, {ID: "b", Title: "Blue"},
		}}},
	}
	questions = message.Form{
		Received: message.Bubble{Title: "About you", Subtitle: "It takes a minute"},
		Pages: []message.Page{
			{ID: "p", Type: message.PageSelect, Title: "Which colour?", Subtitle: "One", Items: []message.FormItem{{ID: "r", Title: "Red"}, {ID: "b", Title: "Blue"}}},
			{ID: "q", Type: message.PageInput, Title: "Your name"},
		},
	}

	game       = message.App{AppName: "Chess", Received: message.Bubble{Title: "Your move", Subtitle: "White to play"}, URL: "?game=1"}
	linkedGame = message.App{AppName: "Chess", Received: message.Bubble{Title: "Your move"}, URL: "?game=1", Link: "https://example.com/chess"}
)
