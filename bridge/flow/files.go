package flow

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/attachment"
	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
)

// FileOpener fetches what a URL inside a message names; [httpclient.Downloader] implements it. The error is a
// [*message.Failure].
type FileOpener interface {
	Open(ctx context.Context, url string) (*httpclient.Download, error)
}

// outgoingFiles are the files of one message, ready for Apple. close must be called when the message is done.
type outgoingFiles struct {
	files []apple.File
	close func()
}

// prepareFiles opens every file of a message, so that its size and type are known before Apple is asked for a place. A
// fault names the file by its pointer.
func (f *Flow) prepareFiles(ctx context.Context, opener FileOpener, content message.Files) (*outgoingFiles, *message.Failure) {
	var closers []func()
	prepared := &outgoingFiles{close: func() {
		for _, closeFile := range closers {
			closeFile()
		}
	}}
	for i, file := range content.Files {
		ready, closeFile, err := f.prepareFile(ctx, opener, file)
		if err != nil {
			prepared.close()
			return nil, atFile(i, file, message.FailureOf(err))
		}
		closers = append(closers, closeFile)
		prepared.files = append(prepared.files, ready)
	}
	return prepared, nil
}

// atFile says of which file a failure is.
func atFile(i int, file message.File, failure *message.Failure) *message.Failure {
	if failure.Class != message.Invalid {
		return failure
	}
	member := "url"
	if file.URL == "" {
		member = "data"
	}
	located := *failure
	located.Reason = "a file cannot be sent"
	located.Faults = []message.Fault{{Pointer: fmt.Sprintf("/data/content/files/%d/%s", i, member), Rule: "file", Message: failure.Reason}}
	return &located
}

func (f *Flow) prepareFile(ctx context.Context, opener FileOpener, file message.File) (apple.File, func(), error) {
	switch {
	case file.Path != "":
		return f.localFile(file, file.Path, func() {})
	case file.URL == "":
		data, err := base64.StdEncoding.DecodeString(file.Data)
		if err != nil {
			return apple.File{}, nil, message.Failuref(message.Invalid, "is not base64")
		}
		ready := f.named(file, "", "", data[:min(len(data), sniffLength)])
		ready.Size = int64(len(data))
		ready.Open = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		return ready, func() {}, f.sizeFault(ready.Size)
	}
	download, err := opener.Open(ctx, file.URL)
	if err != nil {
		return apple.File{}, nil, err
	}
	if download.Size < 0 {
		defer download.Body.Close()
		return f.spool(file, download)
	}
	return f.remoteFile(opener, file, download)
}

const sniffLength = 512

// named settles the name and the type of a file: what the sender says, else what the server says, else what the bytes
// say.
func (f *Flow) named(file message.File, name, mimeType string, head []byte) apple.File {
	if file.Name != "" {
		name = file.Name
	}
	if file.MIMEType != "" {
		mimeType = file.MIMEType
	}
	mimeType = attachment.MIMEType(mimeType, name, head)
	return apple.File{Name: attachment.FileName(name, mimeType), MIMEType: mimeType}
}

func (f *Flow) sizeFault(size int64) error {
	if size > f.MaxFile {
		return message.Failuref(message.Invalid, "has %d bytes; at most %d are possible (media.max_size, and Apple's limit)", size, f.MaxFile)
	}
	if size == 0 {
		return message.Failuref(message.Invalid, "is empty")
	}
	return nil
}

// remoteFile streams from the sender's address into Apple's store. The first try uses the stream that is open already;
// another one fetches the file again.
func (f *Flow) remoteFile(opener FileOpener, file message.File, download *httpclient.Download) (apple.File, func(), error) {
	if err := f.sizeFault(download.Size); err != nil {
		_ = download.Body.Close()
		return apple.File{}, nil, err
	}
	buffered := bufio.NewReaderSize(download.Body, sniffLength)
	head, err := buffered.Peek(int(min(sniffLength, download.Size)))
	if err != nil {
		_ = download.Body.Close()
		return apple.File{}, nil, brokenOff(err)
	}
	ready := f.named(file, download.Name, download.MIMEType, head)
	ready.Size = download.Size
	var mu sync.Mutex
	first := &openFile{Reader: buffered, Closer: download.Body}
	ready.Open = func(ctx context.Context) (io.ReadCloser, error) {
		mu.Lock()
		defer mu.Unlock()
		if opened := first; opened != nil {
			first = nil
			return opened, nil
		}
		again, err := opener.Open(ctx, file.URL)
		if err != nil {
			return nil, err
		}
		return &openFile{Reader: again.Body, Closer: again.Body}, nil
	}
	return ready, func() { _ = download.Body.Close() }, nil
}

func brokenOff(err error) *message.Failure {
	return &message.Failure{Class: message.Transient, Reason: "the file's server broke off", Err: err}
}

// openFile is a file that is being read: an error of its source is the sender's, not Apple's.
type openFile struct {
	io.Reader
	io.Closer
}

func (o *openFile) Read(p []byte) (int, error) {
	n, err := o.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, brokenOff(err)
	}
	return n, err
}

// spool keeps a file of unknown size on disk until it is sent: Apple wants to know the size first.
func (f *Flow) spool(file message.File, download *httpclient.Download) (apple.File, func(), error) {
	temporary, err := os.CreateTemp("", "bizbridge-*")
	if err != nil {
		return apple.File{}, nil, &message.Failure{
			Class: message.Transient, Err: err,
			Reason: "the file's server does not say how large it is, and there is no temporary folder to find out",
		}
	}
	remove := func() {
		_ = temporary.Close()
		_ = os.Remove(temporary.Name())
	}
	if _, err := io.Copy(temporary, io.LimitReader(download.Body, f.MaxFile+1)); err != nil {
		remove()
		return apple.File{}, nil, brokenOff(err)
	}
	file.Name = firstOf(file.Name, download.Name)
	file.MIMEType = firstOf(file.MIMEType, download.MIMEType)
	ready, closeFile, err := f.localFile(file, temporary.Name(), remove)
	if err != nil {
		remove()
	}
	return ready, closeFile, err
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

func (f *Flow) localFile(file message.File, path string, done func()) (apple.File, func(), error) {
	opened, err := os.Open(path)
	if err != nil {
		return apple.File{}, nil, err
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return apple.File{}, nil, err
	}
	if err := f.sizeFault(info.Size()); err != nil {
		return apple.File{}, nil, err
	}
	head := make([]byte, sniffLength)
	n, err := io.ReadFull(opened, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return apple.File{}, nil, err
	}
	ready := f.named(file, "", "", head[:n])
	ready.Size = info.Size()
	ready.Open = func(context.Context) (io.ReadCloser, error) { return os.Open(path) }
	return ready, done, nil
}
