package flow

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/attachment"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// expand reads a large interactive answer. One that cannot be read is delivered all the same, with what is known of it:
// the customer has answered, and the agent must hear of that.
func (f *Flow) expand(ctx context.Context, in apple.Incoming) apple.Incoming {
	ctx, cancel := halfOf(ctx)
	defer cancel()
	var data json.RawMessage
	expansion := apple.ExpansionFailed
	failure := f.protect(apple.Peer, func() (err error) {
		data, expansion, err = f.Gateway.Expand(ctx, *in.Reference)
		return err
	})
	f.Metrics.IDRExpansions.WithLabelValues(string(expansion)).Inc()
	if failure != nil {
		f.Logger.Warn("an interactive answer cannot be read", "id", in.Event.Data.ID, "error", failure)
		return in
	}
	in.Answer(data)
	return in
}

// halfOf bounds what is done for an event before the helpdesk can be told of it: half of the time is left for that.
func halfOf(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/2)
}

// placeFiles makes the files of an event available to the helpdesk: as links and, for one that takes uploads,
// as streams too, where size and time allow. A file that cannot be had is listed without either.
func (f *Flow) placeFiles(ctx context.Context, desk *Desk, event *message.Event, sources []*attachment.Source) {
	if len(sources) == 0 {
		return
	}
	files := make([]message.Attachment, len(sources)) // the event may be shared
	copy(files, event.Data.Attachments)
	event.Data.Attachments = files
	uploads := f.uploads(ctx, desk)
	for i, source := range sources {
		if outcome := f.placeFile(&files[i], source, uploads); outcome != "" {
			f.Metrics.Attachments.WithLabelValues("inbound", outcome).Inc()
		}
	}
	if event.Data.Reply != nil { // of an app: they belong to the answer
		reply := *event.Data.Reply
		reply.Files, event.Data.Reply, event.Data.Attachments = files, &reply, nil
	}
}

// uploads tells whether files can be streamed into the helpdesk now: half of the time has to be left.
func (f *Flow) uploads(ctx context.Context, desk *Desk) bool {
	uploader, ok := desk.Connector.(connectors.Uploader)
	deadline, bounded := ctx.Deadline()
	return ok && uploader.UploadsFiles() && (!bounded || time.Until(deadline) >= f.Timeout/2)
}

// placeFile tells what became of the file; "" for a stream, of which only its end tells.
func (f *Flow) placeFile(file *message.Attachment, source *attachment.Source, uploads bool) (outcome string) {
	switch {
	case source == nil:
		return "failed"
	case source.Size > f.MaxFile:
		return "refused"
	}
	link, expires, err := f.Links.New(*source)
	if err != nil {
		f.Logger.LogAttrs(context.Background(), slog.LevelWarn, "no link to a file can be made", slog.String("id", file.ID), slog.String("error", err.Error()))
		outcome = "failed"
	} else {
		expires = expires.UTC()
		file.URL, file.ExpiresAt = link, &expires
		outcome = "linked"
	}
	switch {
	case uploads && source.Size > f.InlineMax:
		f.Metrics.Fallbacks.WithLabelValues("files", "link", "limit").Inc()
	case uploads:
		file.Open = func(ctx context.Context) (io.ReadCloser, error) { return f.openStream(ctx, source) }
		return ""
	}
	return outcome
}

func (f *Flow) openStream(ctx context.Context, source *attachment.Source) (io.ReadCloser, error) {
	ctx, cancel := halfOf(ctx)
	stream, err := f.Gateway.Fetch(ctx, *source, 0, -1)
	if err != nil {
		cancel()
		f.countStream(0, false)
		return nil, fetchFailure(message.FailureOf(err))
	}
	return &countedStream{ReadCloser: stream, left: source.Size, size: source.Size, done: f.countStream, release: cancel}, nil
}

// fetchFailure is what a failure of a customer's file means for its message: what Apple says of the file is no word of
// the helpdesk's, which may not have got the message.
func fetchFailure(failure *message.Failure) *message.Failure {
	translated := *failure
	switch failure.Class {
	case message.Closed, message.Unreachable, message.Invalid:
		translated.Class = message.Permanent
	case message.Uncertain:
		translated.Class = message.Transient
	}
	translated.Reason = "a file of the message cannot be fetched: " + failure.Reason
	return &translated
}

func (f *Flow) countStream(sent int64, whole bool) {
	outcome := "failed"
	if whole {
		outcome = "streamed"
	}
	f.Metrics.Attachments.WithLabelValues("inbound", outcome).Inc()
	f.Metrics.AttachmentBytes.WithLabelValues("inbound", outcome).Add(float64(sent))
}

// countedStream tells, when it is closed, how many bytes have passed and whether that was all. A transport may still read
// when its caller closes.
type countedStream struct {
	io.ReadCloser
	size    int64
	done    func(sent int64, whole bool)
	release func()
	mu      sync.Mutex
	left    int64
	broken  bool
	closed  bool
}

func (c *countedStream) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left -= int64(n)
	c.broken = c.broken || err != nil && !errors.Is(err, io.EOF)
	return n, err
}

func (c *countedStream) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.release()
	if !c.closed {
		c.closed = true
		c.done(c.size-c.left, c.left == 0 && !c.broken)
	}
	return c.ReadCloser.Close()
}

// countFiles counts what became of the files of one Apple message.
func (f *Flow) countFiles(files []apple.File, failure *message.Failure) {
	outcome := "streamed"
	switch {
	case failure == nil:
	case failure.Class == message.Invalid:
		outcome = "refused"
	default:
		outcome = "failed"
	}
	for _, file := range files {
		f.Metrics.Attachments.WithLabelValues("outbound", outcome).Inc()
		if failure == nil {
			f.Metrics.AttachmentBytes.WithLabelValues("outbound", outcome).Add(float64(file.Size))
		}
	}
}
