package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
)

// withCards lets links become cards, with a picture for all of them or without.
func withCards(t testing.TB, picture bool) func(*Options) {
	rules := RichLinks{Enabled: true}
	if picture {
		rules.DefaultImage = dot(t, 1)
	}
	return func(o *Options) { o.RichLinks = map[message.BusinessID]RichLinks{business: rules} }
}

// withPages lets the pages speak for themselves.
func withPages(pages FileOpener) func(*Options) {
	return func(o *Options) {
		rules := o.RichLinks[business]
		rules.Enabled, rules.OpenGraph = true, true
		o.RichLinks, o.Pages = map[message.BusinessID]RichLinks{business: rules}, pages
	}
}

func TestLinksInTextsBecomeCardsBehindThem(t *testing.T) {
	var seven, cards []string
	for i := range 7 {
		seven = append(seven, fmt.Sprintf("https://example.com/%d", i))
		if i < maxLinks {
			cards = append(cards, "card "+seven[i])
		}
	}
	many := strings.Join(seven, " and ")
	tooLong := "https://example.com/" + strings.Repeat("x", maxLinkLength)
	for words, want := range map[string][]string{
		"no link, and no example.com either": {},
		"see https://example.com/a":          {"card https://example.com/a"},
		"see https://example.com/a, or HTTP://example.org (http://example.net/b)!": {
			"card https://example.com/a", "card HTTP://example.org", "card http://example.net/b"},
		many: cards,
		"https://example.com twice: https://example.com": {"card https://example.com"},
		"ftp://example.com mailto:me@example.com":        {},
		"https://me:secret@example.com/ is not for all":  {},
	} {
		r := newRig(t, withCards(t, true))
		result := r.showed(t, phone, message.Text{Text: words})
		r.wantOutgoing(t, append([]string{words}, want...)...)
		wantEqual(t, "parts", len(result.Parts), 1+len(want))
		for i, part := range result.Parts[1:] {
			wantEqual(t, "kind of the part", part.Kind, message.KindRichLink)
			wantEqual(t, "id of the part", part.ID, r.gateway.sent[i+1].ID)
		}
		r.wantFallbacks(t)
	}
	for words, want := range map[string][]string{
		" https://example.com/a\n": {"card https://example.com/a"}, // nothing but a link is its card
		tooLong:                    nil,
	} {
		r := newRig(t, withCards(t, true))
		r.showed(t, phone, message.Text{Text: words})
		if want != nil {
			r.wantOutgoing(t, want...)
			continue
		}
		for _, out := range r.gateway.sent { // no card of a piece of it
			wantEqual(t, "kind", out.Content.Kind(), message.KindText)
		}
	}
}

func TestACardHasATitleAndAPicture(t *testing.T) {
	r := newRig(t, withCards(t, true))
	r.showed(t, phone, message.Text{Text: "see https://www.example.com/a?b=c"})
	card := r.gateway.sent[1]
	wantEqual(t, "title", card.Content.(message.RichLink).Title, "example.com")
	wantEqual(t, "picture", string(card.Pictures[""]), string(dot(t, 1)))
}

func TestLinksStayTextWhereNoCardIsWantedOrPossible(t *testing.T) {
	page := serving("text/html", []byte("<title>A page without pictures</title>"))
	for name, test := range map[string]struct {
		words  string
		change []func(*Options)
		steps  []string
	}{
		"rich links are off":       {"see https://example.com", nil, nil},
		"no picture":               {"see https://example.com", []func(*Options){withCards(t, false)}, []string{"rich_link>text(limit)"}},
		"nor on the page":          {"see https://example.com", []func(*Options){withPages(page)}, []string{"rich_link>text(limit)"}},
		"nothing but a link":       {" https://example.com", []func(*Options){withPages(page)}, []string{"rich_link>text(limit)"}},
		"two, each counted":        {"https://example.com https://example.org", []func(*Options){withCards(t, false)}, []string{"rich_link>text(limit)", "rich_link>text(limit)"}},
		"the page's server panics": {"see https://example.com", []func(*Options){withPages(opener(func(context.Context, string) (*httpclient.Download, error) { panic("bomb") }))}, []string{"rich_link>text(limit)"}},
		"it is not there": {"see https://example.com", []func(*Options){withPages(opener(func(context.Context, string) (*httpclient.Download, error) {
			return nil, message.Failuref(message.Invalid, "the file's address answers 404")
		}))}, []string{"rich_link>text(limit)"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, test.change...)
			result := r.showed(t, phone, message.Text{Text: test.words})
			r.wantOutgoing(t, test.words) // exactly as it was written
			r.wantFallbacks(t, test.steps...)
			wantEqual(t, "steps told", len(result.Fallbacks), len(test.steps))
			if note := "A link was sent as text: no card could be made for it."; len(test.steps) > 0 {
				wantEqual(t, "note", result.Note, note)
			}
			r.idle(t)
		})
	}
}

func TestLinksBesideFilesAndInFallbacks(t *testing.T) {
	r := newRig(t, withCards(t, true), func(o *Options) { o.MaxFile = maxFile })
	file := message.File{Data: inBase64([]byte("text")), Name: "a.txt"}
	r.showed(t, phone, message.Files{Text: "https://example.com", Files: []message.File{file}})
	r.wantOutgoing(t, "files", "card https://example.com")

	r = newRig(t, withCards(t, true))
	r.showed(t, watch, message.App{Received: message.Bubble{Title: "Chess"}, Link: "https://example.com/chess"})
	r.wantOutgoing(t, "card https://example.com/chess")
	r.wantFallbacks(t, "app>rich_link(device)")

	r = newRig(t, withCards(t, true))
	links := message.QuickReply{Prompt: "https://example.com ?", Options: sizes.Options}
	r.showed(t, watch, links)
	r.wantOutgoing(t, "https://example.com ?\n1. Small\n2. Large")
}

// newPages is a server of pages, by the real downloader.
func newPages(t *testing.T, pages map[string]string) *files {
	f := newFiles(t)
	f.serve["/dot.png"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(dot(t, 7))
	}
	for path, page := range pages {
		f.serve[path] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, page)
		}
	}
	return f
}

func TestAPageGivesItsTitleAndItsPicture(t *testing.T) {
	pages := newPages(t, map[string]string{
		"/whole":   `<meta property="og:title" content="A &amp; B"><meta property="og:image" content="/dot.png">`,
		"/title":   `<title>Only a title</title>`,
		"/picture": `<meta property="og:image" content="dot.png">`,
		"/nothing": `Hello`,
		"/hostile": `<meta property="og:title" content="` + strings.Repeat("very\x07 long\u202e title ", 500) + `"><meta property="og:image" content="javascript:alert(1)"><meta property="og:image" content="/hostile">` +
			strings.Repeat(`<meta property="og:image" content="http://169.254.169.254/">`, 100),
		"/inside": `<meta property="og:title" content="Inside"><meta property="og:image" content="http://169.254.169.254/dot.png">`,
	})
	r := newRig(t, withCards(t, true), withPages(pages))
	host := "127.0.0.1"
	for path, want := range map[string]struct {
		title message.Label
		shade uint8
	}{
		"/whole": {"A & B", 7}, "/title": {"Only a title", 1}, "/picture": {message.Label(host), 7}, "/nothing": {message.Label(host), 1},
		"/gone": {message.Label(host), 1}, "/dot.png": {message.Label(host), 7}, "/inside": {"Inside", 1},
	} {
		r.gateway.sent = nil
		r.showed(t, phone, message.Text{Text: "see " + pages.server.URL + path})
		card := r.gateway.sent[1]
		wantEqual(t, path+": title", card.Content.(message.RichLink).Title, want.title)
		wantEqual(t, path+": picture", string(card.Pictures[""]), string(dot(t, want.shade)))
	}
	r.gateway.sent = nil
	r.showed(t, phone, message.Text{Text: "see " + pages.server.URL + "/hostile"})
	title := string(r.gateway.sent[1].Content.(message.RichLink).Title)
	if utf8.RuneCountInString(title) > message.MaxLabel || strings.ContainsAny(title, "\x07\u202e") || !strings.HasPrefix(title, "very long") {
		t.Errorf("title %q", title)
	}
	wantEqual(t, "picture of the hostile page", string(r.gateway.sent[1].Pictures[""]), string(dot(t, 1)))
	pages.mu.Lock()
	defer pages.mu.Unlock()
	if pages.closed == 0 {
		t.Error("nothing was closed")
	}
}

// What a page says of itself is relative to where it lies, and a short link leads elsewhere.
func TestAPictureIsWhereThePageLiesAfterRedirects(t *testing.T) {
	for _, image := range []string{"dot.png", "../shop/dot.png", "/shop/dot.png"} {
		pages := newPages(t, map[string]string{"/shop/mug": `<meta property="og:image" content="` + image + `">`})
		pages.serve["/shop/dot.png"], pages.serve["/dot.png"] = pages.serve["/dot.png"], nil
		pages.serve["/s/x/y"] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/s", http.StatusMovedPermanently) }
		pages.serve["/s"] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "shop/mug", http.StatusFound) }
		r := newRig(t, withCards(t, true), withPages(pages))
		r.showed(t, phone, message.Text{Text: "see " + pages.server.URL + "/s/x/y"})
		wantEqual(t, "picture "+image, string(r.gateway.sent[1].Pictures[""]), string(dot(t, 7)))
		wantEqual(t, "link", r.gateway.sent[1].Content.(message.RichLink).URL, pages.server.URL+"/s/x/y")
	}
}

// Pages are other people's: their pictures may take less than those that a sender shows, and only a few at a time.
func TestAPictureOfAPageMayTakeLess(t *testing.T) {
	pages := newPages(t, map[string]string{
		"/large":   `<meta property="og:image" content="/known/5000001/large.png">`,
		"/chunked": `<meta property="og:image" content="/chunked/5000001/large.png">`,
		"/padded":  `<meta property="og:image" content="/padded.png">`,
		"/ok":      `<meta property="og:image" content="/ok.png">`,
	})
	for path, size := range map[string]int{"/padded.png": maxPagePicture + 1, "/ok.png": maxPagePicture} {
		pages.serve[path] = func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(append(dot(t, 7), make([]byte, size-len(dot(t, 7)))...))
		}
	}
	r := newRig(t, withCards(t, true), withPages(pages))
	for path, want := range map[string]bool{"/large": false, "/chunked": false, "/padded": false, "/ok": true} {
		r.gateway.sent = nil
		r.showed(t, phone, message.Text{Text: "see " + pages.server.URL + path})
		wantEqual(t, path, string(r.gateway.sent[1].Pictures[""]) != string(dot(t, 1)), want)
	}
	wantRoom(t)
	if err := r.Memory.pictures.pages.Acquire(t.Context(), maxPagePictureRead); err != nil {
		t.Fatal(err)
	}
	r.gateway.sent = nil
	r.showed(t, phone, message.Text{Text: "see " + pages.server.URL + "/dot.png"}) // no more than waiting
	wantEqual(t, "picture while others are read", string(r.gateway.sent[1].Pictures[""]), string(dot(t, 1)))
}

func TestEveryAnswerOfAPageIsClosed(t *testing.T) {
	opened, closed := 0, 0
	pages := opener(func(_ context.Context, url string) (*httpclient.Download, error) {
		opened++
		body := []byte(`<meta property="og:image" content="/picture">`)
		if strings.HasSuffix(url, "/picture") {
			body = dot(t, 7)
		}
		return &httpclient.Download{Body: closing{bytes.NewReader(body), func() { closed++ }}, MIMEType: "text/html"}, nil
	})
	r := newRig(t, withPages(pages))
	r.showed(t, phone, message.Text{Text: "see https://example.com/"})
	wantEqual(t, "opened", opened, 2)
	wantEqual(t, "closed", closed, 2)
}

type closing struct {
	io.Reader
	done func()
}

func (c closing) Close() error { c.done(); return nil }

// Pages are for looks: five that hang cost no more than one, and a message goes in time.
func TestPagesThatHangDoNotHoldAMessageBack(t *testing.T) {
	words := "https://a.example https://b.example https://c.example https://d.example https://e.example"
	slowBody := opener(func(ctx context.Context, _ string) (*httpclient.Download, error) {
		return &httpclient.Download{Body: readerOf(func([]byte) (int, error) { return 0, after(ctx, time.Hour) }), MIMEType: "text/html"}, nil
	})
	for name, pages := range map[string]FileOpener{"no answer": hanging, "no body": slowBody} {
		for patience, most := range map[time.Duration]time.Duration{0: timeout / 3, 30 * time.Second: timeout / 3, time.Second: time.Second / 3} {
			t.Run(fmt.Sprint(name, patience), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, withPages(pages))
					sender := agents
					sender.Timeout = patience
					began := time.Now()
					result, failure := r.showFrom(t, sender, phone, contentFrom(message.SenderAgent, message.Text{Text: words}))
					wantNil(t, failure)
					wantEqual(t, "parts", len(result.Parts), 1)
					r.wantOutgoing(t, words)
					if took := time.Since(began); took > most {
						t.Errorf("took %v, want at most %v", took, most)
					}
					synctest.Wait()
					r.idle(t)
				})
			})
		}
	}
}

func TestALinkThatTheSenderWrote(t *testing.T) {
	picture := &message.Asset{Data: inBase64(dot(t, 3))}
	page := serving("text/html", []byte(`<title>Of the page</title>`))
	for name, test := range map[string]struct {
		link   message.RichLink
		change func(*Options)
		sent   string
		title  message.Label
		shade  uint8
		steps  []string
	}{
		"whole":                          {message.RichLink{URL: "https://example.com", Title: "Mine", Image: picture}, withCards(t, true), "card https://example.com", "Mine", 3, nil},
		"also where links in texts stay": {message.RichLink{URL: "https://example.com", Title: "Mine", Image: picture}, func(*Options) {}, "card https://example.com", "Mine", 3, nil},
		"no picture":                     {message.RichLink{URL: "https://example.com", Title: "Mine"}, withCards(t, true), "card https://example.com", "Mine", 1, nil},
		"no title":                       {message.RichLink{URL: "https://example.com", Image: picture}, withPages(page), "card https://example.com", "Of the page", 3, nil},
		"no picture anywhere":            {message.RichLink{URL: "https://example.com", Title: "Mine"}, withPages(page), "Mine\nhttps://example.com", "", 0, []string{"rich_link>text(limit)"}},
		"nothing":                        {message.RichLink{URL: "https://example.com"}, withPages(page), "https://example.com", "", 0, []string{"rich_link>text(limit)"}},
		"a host without a name":          {message.RichLink{URL: "https://www./", Image: picture}, withCards(t, true), "card https://www./", "https://www./", 3, nil},
		"a host that cannot be shown":    {message.RichLink{URL: "https://%EE%80%80/", Image: picture}, withCards(t, true), "card https://%EE%80%80/", "https://%EE%80%80/", 3, nil},
		"with a video":                   {message.RichLink{URL: "https://example.com", Image: picture, Video: &message.Video{URL: "https://example.com/v.mp4", MIMEType: "video/mp4"}}, withCards(t, true), "card https://example.com", "example.com", 3, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, test.change)
			result := r.showed(t, phone, test.link)
			r.wantOutgoing(t, test.sent)
			r.wantFallbacks(t, test.steps...)
			wantEqual(t, "parts", len(result.Parts), 1)
			sent := r.gateway.sent[0]
			wantEqual(t, "kind told", result.Parts[0].Kind, sent.Content.Kind())
			card, ok := sent.Content.(message.RichLink)
			if !ok {
				wantEqual(t, "pictures", len(sent.Pictures), 0)
				return
			}
			wantEqual(t, "title", card.Title, test.title)
			wantEqual(t, "picture", string(sent.Pictures[""]), string(dot(t, test.shade)))
			wantEqual(t, "video", card.Video, test.link.Video)
		})
	}
}

func TestAnAppClipsCard(t *testing.T) {
	const card = `{"title":"Clip"}`
	link := message.RichLink{URL: "https://example.com/clip", AppClip: true}
	for name, test := range map[string]struct {
		clip  func(message.RichLink) (json.RawMessage, error)
		card  string
		steps []string
	}{
		"Apple has one": {func(message.RichLink) (json.RawMessage, error) { return json.RawMessage(card), nil }, card, nil},
		"Apple has none": {func(message.RichLink) (json.RawMessage, error) { return nil, message.Failuref(message.Invalid, "no") }, "",
			[]string{"app_clip>rich_link(limit)"}},
		"an error":         {func(message.RichLink) (json.RawMessage, error) { return nil, errors.New("broken") }, "", []string{"app_clip>rich_link(limit)"}},
		"the client fails": {func(message.RichLink) (json.RawMessage, error) { panic("bomb") }, "", []string{"app_clip>rich_link(limit)"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, withCards(t, true))
			r.gateway.clip = test.clip
			result := r.showed(t, phone, link)
			r.wantOutgoing(t, "card https://example.com/clip")
			wantEqual(t, "Apple's card", string(r.gateway.sent[0].Card), test.card)
			r.wantFallbacks(t, test.steps...)
			if test.steps != nil {
				wantEqual(t, "note", result.Note, "Apple gave no card of an App Clip for this link: it was sent as an ordinary link.")
				wantEqual(t, "picture", string(r.gateway.sent[0].Pictures[""]), string(dot(t, 1)))
			}
			r.idle(t)
		})
	}
	r := newRig(t) // neither a clip nor a picture
	result := r.showed(t, phone, link)
	r.wantOutgoing(t, "https://example.com/clip")
	wantEqual(t, "steps", stepNames(result), "app_clip>rich_link(limit) rich_link>text(limit)")
	r.wantFallbacks(t, "app_clip>rich_link(limit)", "rich_link>text(limit)")
}

// Apple's client may take half of the time for the card; the rest is for sending the link without.
func TestAnAppClipThatHangsIsAnOrdinaryLinkInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, withCards(t, true), func(o *Options) { o.Gateway = hangingClips{o.Gateway.(*gateway)} })
		began := time.Now()
		r.showed(t, phone, message.RichLink{URL: "https://example.com/clip", Title: "Clip", AppClip: true})
		wantEqual(t, "time until the answer", time.Since(began), timeout/2)
		r.wantFallbacks(t, "app_clip>rich_link(limit)")
		r.idle(t)
	})
}

type hangingClips struct{ *gateway }

func (hangingClips) AppClip(ctx context.Context, _ message.ID, _ message.BusinessID, _ message.RichLink) (json.RawMessage, error) {
	<-ctx.Done()
	return nil, message.FailureOf(ctx.Err())
}

// A retry sends what is missing, under the ids of the first try, and looks up nothing of what Apple has.
func TestAHalfSentTextWithLinksGoesOnWhereItStopped(t *testing.T) {
	const words = "https://a.example https://b.example https://c.example"
	down := false
	var opened []string
	pages := opener(func(_ context.Context, url string) (*httpclient.Download, error) {
		opened = append(opened, url)
		if down {
			return nil, message.Failuref(message.Transient, "down")
		}
		return serving("image/png", dot(t, 5))(t.Context(), url)
	})
	for name, test := range map[string]struct {
		downAt []int // the tries at which pages cannot be had
		fails  int   // the call to Apple that fails, of the first try
		sent   []string
		told   string // the numbers of the parts in the answer
		steps  []string
		opened int
	}{
		"as it began":           {nil, 3, []string{words, "card https://a.example", "card https://b.example", "card https://b.example", "card https://c.example"}, "0 1 2 3", nil, 4},
		"without the others":    {[]int{2}, 3, []string{words, "card https://a.example", "card https://b.example"}, "0 1", []string{"rich_link>text(limit)", "rich_link>text(limit)"}, 2},
		"with those left out":   {[]int{1}, 1, []string{words, words, "card https://a.example", "card https://b.example", "card https://c.example"}, "0 1 2 3", nil, 6},
		"nothing was there yet": {[]int{2}, 1, []string{words, words}, "0", []string{"rich_link>text(limit)", "rich_link>text(limit)", "rich_link>text(limit)"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, withPages(lockedOpener(pages)))
			r.gateway.failing(append(make([]error, test.fails-1), message.Failuref(message.Auth, "who are you"))...)
			var result message.SendResult
			var failure *message.Failure
			for try := 1; try <= 2; try++ {
				opened, down = nil, false
				for _, at := range test.downAt {
					down = down || at == try
				}
				result, failure = r.show(t, phone, message.Text{Text: words})
				if try == 1 {
					wantClass(t, failure, message.Auth)
					r.wantFallbacks(t)
				}
			}
			wantNil(t, failure)
			r.wantOutgoing(t, test.sent...)
			r.wantFallbacks(t, test.steps...)
			wantEqual(t, "looked up by the second try", len(opened), test.opened)
			out := contentFrom(message.SenderBot, message.Text{Text: words})
			var told []string
			for _, part := range result.Parts {
				for i := range 4 {
					if part.ID == out.PartID(agents.Source, i) {
						told = append(told, fmt.Sprint(i))
					}
				}
				wantEqual(t, "status of a part", part.Status, message.StatusAccepted)
			}
			wantEqual(t, "parts", strings.Join(told, " "), test.told)
			wantEqual(t, "half-sent messages remembered", r.Memory.half.Len(), 0)
		})
	}
}

// lockedOpener lets pages be asked for one at a time.
func lockedOpener(inner opener) opener {
	turn := make(chan struct{}, 1)
	return func(ctx context.Context, url string) (*httpclient.Download, error) {
		turn <- struct{}{}
		defer func() { <-turn }()
		return inner(ctx, url)
	}
}

// Files that Apple has are not fetched again: their server may have forgotten them.
func TestACardBehindFilesDoesNotNeedThemAgain(t *testing.T) {
	r := newFilesRig(t, withCards(t, true))
	gone := false
	r.files.serve["/a.txt"] = func(w http.ResponseWriter, req *http.Request) {
		if gone {
			http.NotFound(w, req)
			return
		}
		_, _ = io.WriteString(w, "text")
	}
	r.apple.failing(nil, message.Failuref(message.Auth, "who are you"))
	_, failure := r.send(t, "see https://example.com", r.files.url("/a.txt"))
	wantClass(t, failure, message.Auth)
	gone = true
	result, failure := r.send(t, "see https://example.com", r.files.url("/a.txt"))
	wantNil(t, failure)
	wantEqual(t, "parts", len(result.Parts), 2)
	wantEqual(t, "the file was opened", r.files.opens(), 1)
	r.wantFiles(t, "outbound", map[string]int{"streamed": 1})
}
