// Package fileform makes multipart/form-data requests of customers' files. They are never held in memory: one file can be
// streamed through, several are kept in the temporary folder.
package fileform

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"mime/multipart"
	"net/textproto"
	"os"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
)

func header(field string, file message.Attachment) textproto.MIMEHeader {
	header := textproto.MIMEHeader{"Content-Disposition": {multipart.FileContentDisposition(field, file.Name)}}
	if file.MIMEType != "" {
		header.Set("Content-Type", file.MIMEType)
	}
	return header
}

// Stream is a form of one file, around its stream.
func Stream(field string, file message.Attachment, stream io.Reader) (contentType string, body io.Reader, size int64) {
	var around bytes.Buffer
	form := multipart.NewWriter(&around)
	_, _ = form.CreatePart(header(field, file)) // nothing fails in memory
	before := around.Len()
	_ = form.Close()
	text := around.Bytes()
	body = io.MultiReader(bytes.NewReader(text[:before]), httpclient.Exactly(stream, file.Size), bytes.NewReader(text[before:]))
	return form.FormDataContentType(), body, int64(len(text)) + file.Size
}

// Form is a form in the temporary folder: its length is known, and it can be read more than once.
type Form struct {
	ContentType string
	Size        int64
	file        *os.File
}

// Writer writes the parts of a form. Errors are those of the disk.
type Writer struct {
	*multipart.Writer
	file   *os.File
	logger *slog.Logger
}

// Write makes a form of what fill writes. Remove it. The error is a [*message.Failure].
func Write(logger *slog.Logger, fill func(*Writer) error) (*Form, error) {
	file, err := os.CreateTemp("", "bizbridge-*")
	if err != nil {
		return nil, &message.Failure{Class: message.Transient, Reason: "there is no temporary folder for the files of a message", Err: err}
	}
	writer := &Writer{multipart.NewWriter(file), file, logger}
	form := &Form{ContentType: writer.FormDataContentType(), file: file}
	if err = fill(writer); err == nil {
		err = writer.Close()
	}
	if err == nil {
		form.Size, err = file.Seek(0, io.SeekCurrent)
	}
	if err != nil {
		form.Remove()
		return nil, &message.Failure{Class: message.Transient, Reason: "the files of a message cannot be kept in the temporary folder", Err: err}
	}
	return form, nil
}

// Open gives the form from its beginning. Several can be read at once.
func (f *Form) Open() io.Reader { return io.NewSectionReader(f.file, 0, f.Size) }

// Remove removes it from the temporary folder.
func (f *Form) Remove() {
	_ = f.file.Close()
	_ = os.Remove(f.file.Name())
}

// AddFile adds a file. One that does not come whole is left out, and false: the message must not wait for it.
func (w *Writer) AddFile(ctx context.Context, field string, file message.Attachment) (ok bool, err error) {
	before, err := w.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return false, err
	}
	stream, err := file.Open(ctx)
	if err == nil {
		defer stream.Close()
		var part io.Writer
		part, err = w.CreatePart(header(field, file))
		if err != nil {
			return false, err
		}
		_, err = io.Copy(part, stream)
	}
	if err == nil {
		return true, nil
	}
	w.logger.WarnContext(ctx, "a customer's file goes to the helpdesk as a link only", "id", file.ID, "error", err)
	if err := w.file.Truncate(before); err != nil {
		return false, err
	}
	_, err = w.file.Seek(before, io.SeekStart)
	return false, err
}
