package bridge

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// multipartPatience is how long a sender of files may send nothing.
const multipartPatience = readTimeout

// readSend reads a message.send with the files beside it, if the request is multipart/form-data: the first part is
// named "message" and holds the JSON, the others are files. done removes what was kept on disk meanwhile.
func (s *site) readSend(w http.ResponseWriter, r *http.Request) (out message.Outbound, done func(), err error) {
	done = func() {}
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mediaType != "multipart/form-data" {
		r.Body = http.MaxBytesReader(w, r.Body, s.config.Limits.MaxBody.Bytes())
		body, err := connectors.ReadBody(r)
		if err != nil {
			return out, done, err
		}
		out, err = message.DecodeSend(body)
		return out, done, err
	}
	var files []message.File
	done = func() {
		for _, file := range files {
			_ = os.Remove(file.Path)
		}
	}
	controller := http.NewResponseController(w)
	r.Body = wholeForm(http.MaxBytesReader(w, &patientBody{r.Body, controller}, s.config.Limits.MaxBody.Bytes()+s.config.Media.MaxSize.Bytes()))
	form, err := r.MultipartReader()
	if err != nil {
		return out, done, partError(err)
	}
	body, err := firstPart(form, s.config.Limits.MaxBody.Bytes())
	if err != nil {
		return out, done, err
	}
	for {
		part, err := form.NextPart()
		if err == io.EOF {
			break
		}
		if err == nil && len(files) == message.MaxFiles {
			err = tooManyFiles()
		}
		if err != nil {
			return out, done, partError(err)
		}
		file, err := s.spoolPart(part)
		if err != nil {
			return out, done, partError(err)
		}
		files = append(files, file)
	}
	out, err = message.DecodeSend(body, files...)
	return out, done, err
}

// wholeForm makes a body whose end is an error to package mime/multipart, but for one that follows the last boundary: it
// takes a form that is cut between two files for a whole one. The line end is what some senders leave out there.
func wholeForm(body io.ReadCloser) io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(body, strings.NewReader("\r\n"), cutForm{}), body}
}

type cutForm struct{}

func (cutForm) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// errNoForm is [message.ErrMalformed] in words that fit.
var errNoForm error = noForm{}

type noForm struct{}

func (noForm) Error() string { return "the body is not whole multipart/form-data" }
func (noForm) Unwrap() error { return message.ErrMalformed }

// partError tells a body that is too large, and a failure of ours, from one that is no multipart.
func partError(err error) error {
	if _, failure := errors.AsType[*message.Failure](err); failure {
		return err
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return tooLargeFailure("the request is larger than limits.max_body and media.max_size together")
	}
	return fmt.Errorf("%w: %w", errNoForm, err)
}

func tooLargeFailure(reason string) *message.Failure {
	return &message.Failure{Class: message.Invalid, Code: message.CodeTooLarge, Reason: reason}
}

func tooManyFiles() *message.Failure {
	failure := message.Failuref(message.Invalid, "the message is not valid")
	failure.Faults = []message.Fault{{
		Pointer: "/data/content/files", Rule: "maxItems", Message: fmt.Sprintf("more than %d files came with the message", message.MaxFiles),
	}}
	return failure
}

func firstPart(form *multipart.Reader, limit int64) ([]byte, error) {
	part, err := form.NextPart()
	if err != nil {
		return nil, partError(err)
	}
	if part.FormName() != "message" {
		return nil, fmt.Errorf(`%w: the first part must be named "message" and hold the JSON`, errNoForm)
	}
	body, err := io.ReadAll(io.LimitReader(part, limit+1))
	if err != nil {
		return nil, partError(err)
	}
	if int64(len(body)) > limit {
		return nil, tooLargeFailure(`the part "message" is larger than limits.max_body`)
	}
	return body, nil
}

// spoolPart keeps a file on disk until it is sent: Apple wants to know its size first.
func (s *site) spoolPart(part *multipart.Part) (message.File, error) {
	temporary, err := os.CreateTemp("", "bizbridge-*")
	if err != nil {
		return message.File{}, diskFailure(err)
	}
	defer temporary.Close()
	limit, sum := s.config.Media.MaxSize.Bytes(), sha256.New()
	size, err := io.Copy(io.MultiWriter(diskWriter{temporary}, sum), io.LimitReader(part, limit+1))
	if err == nil && size > limit {
		err = tooLargeFailure("a file is larger than media.max_size")
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
		return message.File{}, err
	}
	file := message.File{Name: part.FileName(), SHA256: hex.EncodeToString(sum.Sum(nil)), Path: temporary.Name()}
	if mediaType, _, err := mime.ParseMediaType(part.Header.Get("Content-Type")); err == nil {
		file.MIMEType = mediaType
	}
	return file, nil
}

func diskFailure(err error) *message.Failure {
	return &message.Failure{Class: message.Transient, Reason: "the bridge cannot keep the files on its disk", Err: err}
}

// diskWriter tells a disk that fails from a sender that does.
type diskWriter struct{ io.Writer }

func (d diskWriter) Write(p []byte) (int, error) {
	n, err := d.Writer.Write(p)
	if err != nil {
		return n, diskFailure(err)
	}
	return n, nil
}

// patientBody gives a large body as long as something comes: the server's own limits, also on when the answer has to be
// out, are for small ones.
type patientBody struct {
	io.ReadCloser
	controller *http.ResponseController
}

func (p *patientBody) Read(buffer []byte) (int, error) {
	now := time.Now()
	_ = p.controller.SetReadDeadline(now.Add(multipartPatience)) // where there is none, the server's limit holds
	_ = p.controller.SetWriteDeadline(now.Add(writeTimeout))
	return p.ReadCloser.Read(buffer)
}
