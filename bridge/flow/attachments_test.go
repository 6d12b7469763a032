package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/attachment"
	"bizbridge/bridge/message"
)

// uploader is a helpdesk that takes files.
type uploader struct {
	*desk
	on bool
}

func (u *uploader) UploadsFiles() bool { return u.on }

// links makes links that say what they are to.
type links struct{ err error }

var expiry = time.Date(2030, 1, 1, 12, 0, 0, 0, time.FixedZone("elsewhere", 3600))

func (l *links) New(source attachment.Source) (string, time.Time, error) {
	return "https://bridge.example.com/media/" + source.Name, expiry, l.err
}

type inboundRig struct {
	*filesRig
	links    *links
	uploader *uploader
}

func newInboundRig(t *testing.T) *inboundRig {
	t.Helper()
	r := &inboundRig{links: &links{}, uploader: &uploader{desk: &desk{}, on: true}}
	r.filesRig = newFilesRig(t, func(o *Options) {
		o.Links = r.links
		o.Desks[business] = &Desk{Name: "desk", Connector: r.uploader}
	})
	r.apple.fetch = func(_ context.Context, source attachment.Source) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(strings.Repeat("x", int(source.Size)))), nil
	}
	return r
}

// withFiles is a message of the customer with files of these sizes; a negative one cannot be had.
func withFiles(words string, sizes ...int64) *apple.Incoming {
	in := text(words)
	for i, size := range sizes {
		name := fmt.Sprint(i)
		in.Event.Data.Attachments = append(in.Event.Data.Attachments, message.Attachment{ID: "id-" + name, Name: name, Size: max(size, 0)})
		var source *attachment.Source
		if size >= 0 {
			source = &attachment.Source{Name: name, Size: size}
		}
		in.Files = append(in.Files, source)
	}
	return in
}

// got is the last event that the helpdesk was given.
func (r *inboundRig) got() message.Event {
	return r.uploader.plainDesk.got[len(r.uploader.plainDesk.got)-1]
}

// ways tells how each file of the last event can be had.
func (r *inboundRig) ways() string {
	var ways []string
	for _, file := range r.got().Data.Attachments {
		way := "nothing"
		switch {
		case file.Open != nil && file.URL == "https://bridge.example.com/media/"+file.Name:
			way = "stream" // and a link, should it not come
		case file.Open != nil:
			way = "stream without a link"
		case file.URL == "https://bridge.example.com/media/"+file.Name && file.ExpiresAt.Equal(expiry) && file.ExpiresAt.Location() == time.UTC:
			way = "link"
		case file.URL != "":
			way = "wrong link"
		}
		ways = append(ways, way)
	}
	return strings.Join(ways, " ")
}

func TestFilesOfACustomerComeAsStreamsWhereSizeAllowsElseAsLinks(t *testing.T) {
	sizes := []int64{0, 1, inlineMax, inlineMax + 1, maxFile, maxFile + 1, -1}
	for name, test := range map[string]struct {
		prepare func(*inboundRig)
		want    string
		counted map[string]int
	}{
		"a helpdesk that takes uploads": {
			func(*inboundRig) {}, "stream stream stream link link nothing nothing",
			map[string]int{"linked": 2, "refused": 1, "failed": 1},
		},
		"one that is configured not to": {
			func(r *inboundRig) { r.uploader.on = false }, "link link link link link nothing nothing",
			map[string]int{"linked": 5, "refused": 1, "failed": 1},
		},
		"one that cannot": {
			func(r *inboundRig) { r.Desks[business].Connector = r.uploader.desk }, "link link link link link nothing nothing",
			map[string]int{"linked": 5, "refused": 1, "failed": 1},
		},
		"no links can be made": {
			func(r *inboundRig) { r.links.err = errors.New("too long") }, "stream without a link stream without a link stream without a link nothing nothing nothing nothing",
			map[string]int{"refused": 1, "failed": 3},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newInboundRig(t)
			test.prepare(r)
			wantNil(t, r.Inbound(t.Context(), withFiles("look", sizes...)))
			wantEqual(t, "the files come as", r.ways(), test.want)
			r.wantFiles(t, "inbound", test.counted)
			for i, file := range r.got().Data.Attachments {
				wantEqual(t, "id", file.ID, fmt.Sprintf("id-%d", i))
				wantEqual(t, "size", file.Size, max(sizes[i], 0))
			}
		})
	}
}

func TestAMessageWithoutFilesGetsNoList(t *testing.T) {
	r := newInboundRig(t)
	wantNil(t, r.Inbound(t.Context(), text("hello")))
	if files := r.got().Data.Attachments; files != nil {
		t.Errorf("files %v", files)
	}
	r.wantFiles(t, "inbound", nil)
}

// What waited in the queue of its conversation for more than half of its time gets links, which take none.
func TestFilesAreStreamedOnlyWhileHalfOfTheTimeIsLeft(t *testing.T) {
	for wait, want := range map[time.Duration]string{0: "stream", timeout/2 - 1: "stream", timeout / 2: "stream", timeout/2 + 1: "link"} {
		t.Run(wait.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newInboundRigIn(t)
				r.uploader.deliver = func(ctx context.Context, event message.Event) error {
					if event.Data.Text == "first" {
						return after(ctx, wait)
					}
					return nil
				}
				if wait > 0 {
					go func() { _ = r.Inbound(context.Background(), text("first")) }()
					synctest.Wait()
				}
				wantNil(t, r.Inbound(t.Context(), withFiles("look", 1)))
				wantEqual(t, "the file comes as", r.ways(), want)
				synctest.Wait()
				r.idle(t)
			})
		})
	}
}

// newInboundRigIn makes a rig without sockets, for a bubble.
func newInboundRigIn(t *testing.T) *inboundRig {
	r := &inboundRig{links: &links{}, uploader: &uploader{desk: &desk{}, on: true}, filesRig: &filesRig{apple: &appleStore{}}}
	r.rig = newRig(t, func(o *Options) {
		o.Gateway, o.Links, o.MaxFile, o.InlineMax = r.apple, r.links, maxFile, inlineMax
		o.Desks[business] = &Desk{Name: "desk", Connector: r.uploader}
	})
	return r
}

// A stream is counted by its end: that it was offered does not say that the helpdesk has got it.
func TestAStreamIsCountedByWhatCameOfIt(t *testing.T) {
	whole := func(context.Context, attachment.Source) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(strings.Repeat("x", 1000))), nil
	}
	for name, test := range map[string]struct {
		fetch   func(context.Context, attachment.Source) (io.ReadCloser, error)
		read    int64
		counted map[string]int
		bytes   map[string]int
	}{
		"read to its end":  {whole, 2000, map[string]int{"streamed": 1}, map[string]int{"streamed": 1000}},
		"read by its size": {whole, 1000, map[string]int{"streamed": 1}, map[string]int{"streamed": 1000}},
		"given up":         {whole, 400, map[string]int{"failed": 1}, map[string]int{"failed": 400}},
		"broken off": {func(context.Context, attachment.Source) (io.ReadCloser, error) {
			return brokenReader(strings.Repeat("x", 300)), nil
		}, 2000, map[string]int{"failed": 1}, map[string]int{"failed": 300}},
		"too long": {func(context.Context, attachment.Source) (io.ReadCloser, error) {
			return brokenReader(strings.Repeat("x", 1000)), nil
		}, 2000, map[string]int{"failed": 1}, map[string]int{"failed": 1000}},
		"not there": {func(context.Context, attachment.Source) (io.ReadCloser, error) {
			return nil, message.Failuref(message.Transient, "no")
		}, 0, map[string]int{"failed": 1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := newInboundRig(t)
			r.apple.fetch = test.fetch
			r.uploader.deliver = func(ctx context.Context, event message.Event) error {
				stream, err := event.Data.Attachments[0].Open(ctx)
				if err != nil {
					return err
				}
				_, _ = io.CopyN(io.Discard, stream, test.read)
				_ = stream.Close()
				return stream.Close() // twice, as some do
			}
			_ = r.Inbound(t.Context(), withFiles("look", 1000))
			r.wantFiles(t, "inbound", test.counted)
			for _, outcome := range []string{"streamed", "failed", "linked", "refused"} {
				r.wantBytes(t, "inbound", outcome, test.bytes[outcome])
			}
		})
	}
}

// A store that hangs must not take the time in which the helpdesk could be told of the message, however many files it has.
func TestAFetchThatHangsLeavesTimeToTellTheHelpdesk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newInboundRigIn(t)
		r.apple.fetch = func(ctx context.Context, source attachment.Source) (io.ReadCloser, error) {
			if source.Name == "0" {
				return nil, after(ctx, time.Hour)
			}
			return readerOf(func([]byte) (int, error) { return 0, after(ctx, time.Hour) }), nil
		}
		r.uploader.deliver = func(ctx context.Context, event message.Event) error {
			for _, file := range event.Data.Attachments {
				if stream, err := file.Open(ctx); err == nil {
					_, _ = io.Copy(io.Discard, stream)
					_ = stream.Close()
				}
			}
			return after(ctx, timeout/16)
		}
		wantNil(t, r.Inbound(t.Context(), withFiles("look", 1, 1, 1)))
		r.wantFiles(t, "inbound", map[string]int{"failed": 3})
		r.idle(t)
	})
}

type readerOf func([]byte) (int, error)

func (r readerOf) Read(p []byte) (int, error) { return r(p) }
func (readerOf) Close() error                 { return nil }

// What Apple says of a file is no word of the helpdesk's: its address is not gone, and it has not got the message.
func TestTheClassOfAFetchThatFailsIsNotTheHelpdesks(t *testing.T) {
	for class := message.Transient; class <= message.Canceled; class++ {
		t.Run(class.String(), func(t *testing.T) {
			r := newInboundRig(t)
			r.apple.fetch = func(context.Context, attachment.Source) (io.ReadCloser, error) {
				return nil, message.Failuref(class, "said Apple")
			}
			r.uploader.deliver = func(ctx context.Context, event message.Event) error {
				_, err := event.Data.Attachments[0].Open(ctx)
				return err
			}
			want := class
			switch class {
			case message.Closed, message.Unreachable, message.Invalid:
				want = message.Permanent
			case message.Uncertain:
				want = message.Transient
			}
			failure := r.Inbound(t.Context(), withFiles("look", 1))
			wantClass(t, failure, want)
			if !strings.Contains(failure.Reason, "a file of the message") || !strings.Contains(failure.Reason, "said Apple") {
				t.Errorf("reason %q", failure.Reason)
			}
			r.uploader.deliver = nil
			wantNil(t, r.Inbound(t.Context(), withFiles("look", 1)))
			if r.got().Data.PossibleRepeat {
				t.Error("marked as a possible repeat, although the helpdesk was never asked")
			}
		})
	}
}

// Apple delivers the same message more than once, and several goroutines may hold the same event.
func TestTheFilesOfASharedEventAreNotTouched(t *testing.T) {
	r := newInboundRig(t)
	r.uploader.failing(message.Failuref(message.Transient, "down"))
	in := withFiles("look", 1, maxFile, -1)
	before := append([]message.Attachment(nil), in.Event.Data.Attachments...)
	wantClass(t, r.Inbound(t.Context(), in), message.Transient)
	first := r.got().Data.Attachments
	wantNil(t, r.Inbound(t.Context(), in))
	if !reflect.DeepEqual(in.Event.Data.Attachments, before) {
		t.Errorf("Apple's message has now %+v, had %+v", in.Event.Data.Attachments, before)
	}
	if &first[0] == &r.got().Data.Attachments[0] {
		t.Error("two deliveries share one list")
	}
	wantEqual(t, "the files come as", r.ways(), "stream link nothing")
	wantNil(t, r.Inbound(t.Context(), in)) // and a repeat of a success links nothing
	r.wantFiles(t, "inbound", map[string]int{"linked": 2, "failed": 2})
}

func referring(title string) *apple.Incoming {
	in := incoming(message.EventReplied, "interactive", customer, "")
	in.Event.Data.Reply = &message.Reply{Kind: message.ReplyUnknown, Title: title}
	in.Reference = &apple.Reference{Title: title}
	return in
}

// A large answer is read if that is possible, and told of all the same if it is not.
func TestALargeAnswerIsReadAndToldOfInAnyCase(t *testing.T) {
	const answer = `{"data":{"replyMessage":{"title":"Large","subtitle":"Red"}}}`
	for name, test := range map[string]struct {
		expand    func(context.Context) (json.RawMessage, apple.Expansion, error)
		said      string
		expansion apple.Expansion
	}{
		"by Apple": {func(context.Context) (json.RawMessage, apple.Expansion, error) {
			return json.RawMessage(answer), apple.ExpansionDecoded, nil
		}, "Large – Red", apple.ExpansionDecoded},
		"here": {func(context.Context) (json.RawMessage, apple.Expansion, error) {
			return json.RawMessage(answer), apple.ExpansionLocal, nil
		}, "Large – Red", apple.ExpansionLocal},
		"not at all": {func(context.Context) (json.RawMessage, apple.Expansion, error) {
			return nil, apple.ExpansionFailed, message.Failuref(message.Permanent, "no")
		}, "the title", apple.ExpansionFailed},
		"a panic": {func(context.Context) (json.RawMessage, apple.Expansion, error) { panic("bomb") }, "the title", apple.ExpansionFailed},
		"Apple's store hangs": {func(ctx context.Context) (json.RawMessage, apple.Expansion, error) {
			<-ctx.Done()
			return nil, apple.ExpansionFailed, message.FailureOf(ctx.Err())
		}, "the title", apple.ExpansionFailed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newInboundRigIn(t)
				r.apple.expand = test.expand
				r.uploader.deliver = func(ctx context.Context, _ message.Event) error { return after(ctx, time.Second) }
				in := referring("the title")
				wantNil(t, r.Inbound(t.Context(), in))
				wantEqual(t, "type", r.got().Type, message.EventReplied)
				wantEqual(t, "answer", r.got().Data.Reply.Text(), test.said)
				wantEqual(t, "answer of Apple's message", in.Event.Data.Reply.Text(), "the title")
				for _, expansion := range apple.Expansions {
					want := 0.0
					if expansion == test.expansion {
						want = 1
					}
					wantEqual(t, "idr_expansions_total "+string(expansion), value(t, r.Metrics.IDRExpansions.WithLabelValues(string(expansion))), want)
				}
				if failed := test.expansion == apple.ExpansionFailed; failed != strings.Contains(r.logs.String(), "cannot be read") {
					t.Errorf("the log says %s", r.logs)
				}
				r.idle(t)
			})
		})
	}
}
