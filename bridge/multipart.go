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
	r.Body = http.MaxBytesReader(w, &patientBody{r.Body, controller}, s.config.Limits.MaxBody.Bytes()+s.config.Media.MaxSize.Bytes())
	form, err := r.MultipartReader()
	if err != nil {
		return out, done, fmt.Errorf("%w: %w", message.ErrMalformed, err)
	}
	body, err := firstPart(form, s.config.Limits.MaxBody.Bytes())
	if err != nil {
		return out, done, err
	}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && len(files) == message.MaxFiles {
			err = message.Failuref(message.Invalid, "more than %d files came with the message", message.MaxFiles)
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

// partError tells a body that is too large, and a failure of ours, from one that is no multipart.
func partError(err error) error {
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	_, failure := errors.AsType[*message.Failure](err)
	if tooLarge || failure {
		return err
	}
	return fmt.Errorf("%w: %w", message.ErrMalformed, err)
}

func firstPart(form *multipart.Reader, limit int64) ([]byte, error) {
	part, err := form.NextPart()
	if err != nil {
		return nil, partError(err)
	}
	if part.FormName() != "message" {
		return nil, fmt.Errorf(`%w: the first part must be named "message" and hold the JSON`, message.ErrMalformed)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, part, limit))
	if err != nil {
		return nil, partError(err)
	}
	return body, nil
}

// spoolPart keeps a file on disk until it is sent: Apple wants to know its size first.
func (s *site) spoolPart(part *multipart.Part) (message.File, error) {
	temporary, err := os.CreateTemp("", "bizbridge-*")
	if err != nil {
		return message.File{}, &message.Failure{Class: message.Transient, Reason: "there is no temporary folder for files", Err: err}
	}
	defer temporary.Close()
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(temporary, sum), http.MaxBytesReader(nil, part, s.config.Media.MaxSize.Bytes()))
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

// patientBody gives a large body as long as something comes: the server's own limit is for small ones.
type patientBody struct {
	io.ReadCloser
	controller *http.ResponseController
}

func (p *patientBody) Read(buffer []byte) (int, error) {
	_ = p.controller.SetReadDeadline(time.Now().Add(multipartPatience)) // where there is none, the server's limit holds
	return p.ReadCloser.Read(buffer)
}
