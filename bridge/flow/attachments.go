package flow

import (
	"context"
	"io"
	"log/slog"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/attachment"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// expand reads a large interactive answer. One that cannot be read is delivered all the same, with what is known of it:
// the customer has answered, and the agent must hear of that.
func (f *Flow) expand(ctx context.Context, in apple.Incoming) message.Event {
	data, expansion, err := f.Gateway.Expand(ctx, *in.Reference)
	f.Metrics.IDRExpansions.WithLabelValues(string(expansion)).Inc()
	if err != nil {
		f.Logger.Warn("an interactive answer cannot be read", "id", in.Event.Data.ID, "error", err)
		return in.Event
	}
	in.Answer(data)
	return in.Event
}

// placeFiles makes the files of an event available to the helpdesk: as streams for one that takes uploads, where size
// and time allow, else as links. A file that cannot be had is listed without either.
func (f *Flow) placeFiles(ctx context.Context, desk *Desk, event *message.Event, sources []*attachment.Source) {
	if len(sources) == 0 {
		return
	}
	files := make([]message.Attachment, len(sources)) // the event may be shared
	copy(files, event.Data.Attachments)
	event.Data.Attachments = files
	uploads := f.uploads(ctx, desk)
	for i, source := range sources {
		outcome := f.placeFile(&files[i], source, uploads)
		f.Metrics.Attachments.WithLabelValues("inbound", outcome).Inc()
	}
}

// uploads tells whether files can be streamed into the helpdesk now: half of the time has to be left.
func (f *Flow) uploads(ctx context.Context, desk *Desk) bool {
	uploader, ok := desk.Connector.(connectors.Uploader)
	deadline, bounded := ctx.Deadline()
	return ok && uploader.UploadsFiles() && (!bounded || time.Until(deadline) >= f.Timeout/2)
}

func (f *Flow) placeFile(file *message.Attachment, source *attachment.Source, uploads bool) (outcome string) {
	switch {
	case source == nil:
		return "failed"
	case source.Size > f.MaxFile:
		return "refused"
	case uploads && source.Size <= f.InlineMax:
		file.Open = func(ctx context.Context) (io.ReadCloser, error) {
			stream, err := f.Gateway.Fetch(ctx, *source, 0, -1)
			if err != nil {
				return nil, err
			}
			return &countedStream{ReadCloser: stream, count: f.Metrics.AttachmentBytes.WithLabelValues("inbound", "streamed").Add}, nil
		}
		return "streamed"
	}
	link, expires, err := f.Links.New(*source)
	if err != nil {
		f.Logger.LogAttrs(context.Background(), slog.LevelWarn, "no link to a file can be made", slog.String("id", file.ID), slog.String("error", err.Error()))
		return "failed"
	}
	expires = expires.UTC()
	file.URL, file.ExpiresAt = link, &expires
	return "linked"
}

// countedStream counts the bytes that pass.
type countedStream struct {
	io.ReadCloser
	count func(float64)
}

func (c *countedStream) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.count(float64(n))
	return n, err
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
