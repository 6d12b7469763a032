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
		var ready apple.File
		var closeFile func()
		failure := f.protect("the server of a file", func() (err error) {
			ready, closeFile, err = f.prepareFile(ctx, opener, file)
			return err
		})
		if failure != nil {
			prepared.close()
			failure = atFile(i, file, failure)
			f.countFiles(make([]apple.File, len(content.Files)), failure)
			return nil, failure
		}
		open := ready.Open
		ready.Open = func(ctx context.Context) (io.ReadCloser, error) {
			stream, err := open(ctx)
			if err != nil {
				return nil, atFile(i, file, message.FailureOf(err))
			}
			return stream, nil
		}
		closers = append(closers, closeFile)
		prepared.files = append(prepared.files, ready)
	}
	return prepared, nil
}

// atFile says what the failure of a file means for its message, and of which file it is. What a file's server says for
// good, such as 410, is no word of Apple's on the customer: the content is wrong. And fetching can have done nothing.
func atFile(i int, file message.File, failure *message.Failure) *message.Failure {
	located := *failure
	switch {
	case failure.Class == message.Uncertain:
		located.Class = message.Transient
		return &located
	case !failure.Class.Final():
		return failure
	}
	located.Class, located.Reason = message.Invalid, "a file cannot be sent"
	located.Faults = []message.Fault{{Pointer: filePointer(i, file), Rule: "file", Message: failure.Reason}}
	return &located
}

func filePointer(i int, file message.File) string {
	pointer := fmt.Sprintf("/data/content/files/%d", i)
	switch {
	case file.URL != "":
		return pointer + "/url"
	case file.Data != "":
		return pointer + "/data"
	}
	return pointer // it came beside the message
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
		return message.Failuref(message.Invalid, "is larger than %d bytes, which is the most that is possible (media.max_size, and Apple's limit)", f.MaxFile)
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
	first := &openFile{Reader: buffered, Closer: download.Body, left: ready.Size}
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
		return &openFile{Reader: again.Body, Closer: again.Body, left: ready.Size}, nil
	}
	return ready, func() { _ = download.Body.Close() }, nil
}

func brokenOff(err error) *message.Failure {
	return &message.Failure{Class: message.Transient, Reason: "the file's server broke off", Err: err}
}

var errLonger = errors.New("it sends more bytes than it said")

// openFile is a file that is being read: an error of its source, or another size than its source said, is the sender's,
// not Apple's.
type openFile struct {
	io.Reader
	io.Closer
	left int64
}

func (o *openFile) Read(p []byte) (int, error) {
	n, err := o.Reader.Read(p)
	o.left -= int64(n)
	switch {
	case o.left < 0:
		return 0, brokenOff(errLonger)
	case errors.Is(err, io.EOF) && o.left > 0:
		return n, brokenOff(io.ErrUnexpectedEOF)
	case err != nil && !errors.Is(err, io.EOF):
		return n, brokenOff(err)
	}
	return n, err
}

func diskFailure(err error) *message.Failure {
	return &message.Failure{Class: message.Transient, Reason: "the bridge cannot keep the file on its disk", Err: err}
}

// spool keeps a file of unknown size on disk until it is sent: Apple wants to know the size first.
func (f *Flow) spool(file message.File, download *httpclient.Download) (apple.File, func(), error) {
	temporary, err := os.CreateTemp("", "bizbridge-*")
	if err != nil {
		return apple.File{}, nil, diskFailure(err)
	}
	remove := func() {
		_ = temporary.Close()
		_ = os.Remove(temporary.Name())
	}
	source := &sourceReader{Reader: io.LimitReader(download.Body, f.MaxFile+1)}
	if _, err := io.Copy(temporary, source); err != nil {
		remove()
		if source.failed != nil {
			return apple.File{}, nil, brokenOff(source.failed)
		}
		return apple.File{}, nil, diskFailure(err)
	}
	file.Name = firstOf(file.Name, download.Name)
	file.MIMEType = firstOf(file.MIMEType, download.MIMEType)
	ready, closeFile, err := f.localFile(file, temporary.Name(), remove)
	if err != nil {
		remove()
	}
	return ready, closeFile, err
}

// sourceReader remembers that it was the source that failed, and not the disk.
type sourceReader struct {
	io.Reader
	failed error
}

func (s *sourceReader) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.failed = err
	}
	return n, err
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
		return apple.File{}, nil, diskFailure(err)
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return apple.File{}, nil, diskFailure(err)
	}
	if err := f.sizeFault(info.Size()); err != nil {
		return apple.File{}, nil, err
	}
	head := make([]byte, sniffLength)
	n, err := io.ReadFull(opened, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return apple.File{}, nil, diskFailure(err)
	}
	ready := f.named(file, "", "", head[:n])
	ready.Size = info.Size()
	ready.Open = func(context.Context) (io.ReadCloser, error) {
		again, err := os.Open(path)
		if err != nil {
			return nil, diskFailure(err)
		}
		return again, nil
	}
	return ready, done, nil
}
