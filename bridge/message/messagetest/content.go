// Package messagetest generates valid contents and answers for property tests. Only tests import it.
//
// What the generators give is canonical: it validates, and decodes from its own JSON to itself.
package messagetest

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"bizbridge/bridge/message"

	"pgregory.net/rapid"
)

// Content gives contents of every kind.
func Content() *rapid.Generator[message.Content] {
	return rapid.OneOf(
		content(Text()), content(Files()), content(RichLink()), content(QuickReply()), content(ListPicker()), content(TimePicker()),
		content(Form()), content(App()), content(SignInRequest()), content(PaymentRequest()), content(Typing()), content(Template()), content(Saved()),
	)
}

// Interactive gives what a customer can answer by a tap: quick replies, both pickers, forms and apps.
func Interactive() *rapid.Generator[message.Content] {
	return rapid.OneOf(content(QuickReply()), content(ListPicker()), content(TimePicker()), content(Form()), content(App()))
}

func content[C message.Content](of *rapid.Generator[C]) *rapid.Generator[message.Content] {
	return rapid.Map(of, func(c C) message.Content { return c })
}

// Text gives texts of any characters, also of several paragraphs.
func Text() *rapid.Generator[message.Text] {
	return rapid.Map(words(), func(text string) message.Text { return message.Text{Text: text} })
}

// words are texts with something to read in them.
func words() *rapid.Generator[string] {
	return rapid.Map(rapid.String(), func(text string) string {
		return "x" + strings.ReplaceAll(text, string(message.AttachmentMark), "")
	})
}

// Files gives files by URL and with their bytes.
func Files() *rapid.Generator[message.Files] {
	return rapid.Custom(func(t *rapid.T) message.Files {
		files := message.Files{Files: rapid.SliceOfN(file(), 1, message.MaxFiles).Draw(t, "files")}
		files.Text = optional(words()).Draw(t, "text")
		return files
	})
}

func file() *rapid.Generator[message.File] {
	return rapid.Custom(func(t *rapid.T) message.File {
		asset := Asset().Draw(t, "file")
		return message.File{
			URL: asset.URL, Data: asset.Data, Name: optional(rapid.StringN(0, 200, -1)).Draw(t, "name"),
			MIMEType: rapid.SampledFrom([]string{"", "image/png", "application/pdf", "text/x-v+card"}).Draw(t, "type"),
		}
	})
}

// Saved gives references to messages that were sent with save.
func Saved() *rapid.Generator[message.Saved] {
	return rapid.Map(id(), func(signature string) message.Saved {
		ref, err := json.Marshal(map[string]any{"bid": "b", "size": 123, "dataRefSig": signature})
		if err != nil {
			panic(err)
		}
		return message.Saved{DataRef: ref}
	})
}

// Typing gives both states.
func Typing() *rapid.Generator[message.Typing] {
	return rapid.Map(rapid.SampledFrom([]message.TypingState{message.TypingOn, message.TypingOff}), func(s message.TypingState) message.Typing {
		return message.Typing{State: s}
	})
}

// Template gives templates with variables of every JSON type.
func Template() *rapid.Generator[message.Template] {
	name := rapid.StringMatching(`[a-z0-9][a-z0-9_-]{0,20}`)
	value := rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) any { return s }), rapid.Map(rapid.Float64Range(-1e9, 1e9), func(f float64) any { return f }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Just[any](nil), rapid.Just[any]([]any{"a", 1.0}),
		rapid.Just[any](map[string]any{"a": "b"}),
	)
	return rapid.Custom(func(t *rapid.T) message.Template {
		template := message.Template{
			Name: name.Draw(t, "name"), Vars: rapid.MapOfN(name, value, 0, 4).Draw(t, "vars"),
			Locale: rapid.SampledFrom([]string{"", "de_DE"}).Draw(t, "locale"),
		}
		if len(template.Vars) == 0 {
			template.Vars = nil
		}
		return template
	})
}

// RichLink gives links with and without a picture, a video and an App Clip.
func RichLink() *rapid.Generator[message.RichLink] {
	return rapid.Custom(func(t *rapid.T) message.RichLink {
		link := message.RichLink{
			URL: URL().Draw(t, "url"), Title: optional(Label()).Draw(t, "title"), Image: maybe(Asset()).Draw(t, "image"),
			AppClip: rapid.Bool().Draw(t, "app clip"), StoreRegion: rapid.SampledFrom([]string{"", "US", "DE"}).Draw(t, "region"),
		}
		if !link.AppClip && rapid.Bool().Draw(t, "video") {
			link.Video = &message.Video{
				URL:      "https" + strings.TrimPrefix(strings.TrimPrefix(URL().Draw(t, "video url"), "https"), "http"),
				MIMEType: rapid.SampledFrom([]string{"video/mp4", "video/x-m4v", "video/x_y+z"}).Draw(t, "video type"),
			}
		}
		return link
	})
}

// App gives apps named in both ways.
func App() *rapid.Generator[message.App] {
	return rapid.Custom(func(t *rapid.T) message.App {
		app := message.App{
			AppID: rapid.Int64Range(0, 1<<53).Draw(t, "app id"), AppName: optional(Label()).Draw(t, "name"),
			TeamID: rapid.StringMatching(`[A-Z][A-Z0-9]{9}`).Draw(t, "team"), ExtensionID: rapid.StringMatching(`com\.example\.[a-zA-Z0-9.-]{1,40}`).Draw(t, "extension"),
			URL:        rapid.OneOf(rapid.StringMatching(`\?[a-z]{1,8}=[A-Za-z0-9&=_-]{0,200}`), URL()).Draw(t, "url"),
			Received:   Bubble(nil).Draw(t, "received"),
			LiveLayout: maybe(rapid.Bool()).Draw(t, "live"), Icon: maybe(Asset()).Draw(t, "icon"),
			SessionID: optional(UUID()).Draw(t, "session"), Link: rapid.SampledFrom([]string{"", "https://example.com/app"}).Draw(t, "link"),
		}
		if rapid.Bool().Draw(t, "bid") {
			app.BID, app.TeamID, app.ExtensionID = app.BundleID(), "", ""
		}
		return app
	})
}

// SignInRequest gives requests with and without bubbles of their own.
func SignInRequest() *rapid.Generator[message.SignInRequest] {
	return rapid.Custom(func(t *rapid.T) message.SignInRequest {
		return message.SignInRequest{
			Provider: rapid.SampledFrom([]string{"", "acme"}).Draw(t, "provider"),
			Received: maybe(Bubble(nil)).Draw(t, "received"), Reply: maybe(Bubble(nil)).Draw(t, "reply"),
		}
	})
}

// Label gives texts as Apple renders them: not empty, up to the longest.
func Label() *rapid.Generator[message.Label] {
	return rapid.OneOf(
		rapid.Map(rapid.StringN(0, 220, -1), func(text string) message.Label { return message.CutLabel("L" + text) }),
		rapid.Map(rapid.StringMatching(`[A-Z][a-zäöü ]{0,40}\?`), message.CutLabel),
	)
}

// Bubble gives bubbles that show one of the images, or none.
func Bubble(images []message.Image) *rapid.Generator[message.Bubble] {
	return rapid.Custom(func(t *rapid.T) message.Bubble {
		return message.Bubble{
			Title: Label().Draw(t, "title"), Subtitle: optional(Label()).Draw(t, "subtitle"), Style: style().Draw(t, "style"),
			Image: imageID(images).Draw(t, "image"),
		}
	})
}

func style() *rapid.Generator[message.Style] {
	return rapid.SampledFrom([]message.Style{"", message.StyleIcon, message.StyleSmall, message.StyleLarge})
}

// Images gives up to four images with different ids; nil for none.
func Images() *rapid.Generator[[]message.Image] {
	return rapid.Custom(func(t *rapid.T) []message.Image {
		var images []message.Image
		for _, id := range ids(0, 4).Draw(t, "image ids") {
			asset := Asset().Draw(t, "image")
			images = append(images, message.Image{ID: id, URL: asset.URL, Data: asset.Data, Description: optional(Label()).Draw(t, "description")})
		}
		return images
	})
}

// imageID gives the id of one of the images, or "".
func imageID(images []message.Image) *rapid.Generator[string] {
	known := []string{""}
	for _, image := range images {
		known = append(known, image.ID)
	}
	return rapid.SampledFrom(known)
}

// Asset gives pictures by URL and with bytes, which are no real picture.
func Asset() *rapid.Generator[message.Asset] {
	return rapid.OneOf(
		rapid.Map(URL(), func(url string) message.Asset { return message.Asset{URL: url} }),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 50), func(b []byte) message.Asset {
			return message.Asset{Data: base64.StdEncoding.EncodeToString(b)}
		}),
	)
}

// URL gives absolute http and https URLs.
func URL() *rapid.Generator[string] {
	return rapid.StringMatching(`https?://(www|cdn|\[::1\])\.?(example\.com)?/[a-zA-Z0-9._~/-]{0,30}(\?[a-z]=[a-z0-9&%2F]{0,3})?(#[a-z]{1,5})?`).
		Filter(func(url string) bool { return valid(message.RichLink{URL: url}) })
}

// UUID gives UUIDs in lower and upper case.
func UUID() *rapid.Generator[string] {
	return rapid.StringMatching(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}`)
}

// id gives what people use for ids: numbers, slugs, UUIDs, paths, words.
func id() *rapid.Generator[string] {
	return rapid.OneOf(rapid.StringMatching(`[0-9]{1,3}`), rapid.StringMatching(`[a-zA-Z][a-z0-9_./:-]{0,30}`), UUID(), rapid.SampledFrom([]string{
		"größe L", `"quoted"`, "a~b", "😀", "null", "L'été",
	}))
}

func ids(least, most int) *rapid.Generator[[]string] {
	return rapid.SliceOfNDistinct(id(), least, most, rapid.ID)
}

// optional gives the zero value now and then.
func optional[V any](of *rapid.Generator[V]) *rapid.Generator[V] {
	var zero V
	return rapid.OneOf(rapid.Just(zero), of)
}

// maybe gives nil now and then.
func maybe[V any](of *rapid.Generator[V]) *rapid.Generator[*V] {
	return rapid.Custom(func(t *rapid.T) *V {
		if !rapid.Bool().Draw(t, "there") {
			return nil
		}
		value := of.Draw(t, "value")
		return &value
	})
}

// valid tells whether the decoder takes a content.
func valid(content message.Content) bool {
	text, err := json.Marshal(content)
	if err != nil || !utf8.Valid(text) {
		return false
	}
	_, faults := message.DecodeContent(text)
	return faults == nil
}
