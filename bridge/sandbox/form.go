package sandbox

import (
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
)

// hookBody is an event's request, read and verified.
type hookBody struct {
	event []byte
	files []*filePart
	shown string // how it travelled, for the traffic panel

	signature error // what is wrong with it
}

// filePart is a file that came with an event.
type filePart struct {
	name, mimeType string
	blob           *blob
}

// readHook reads an event, alone or in a form with files. The signature covers the request's body as it came, so that a
// form is kept whole until it is known to be good.
func (s *Sandbox) readHook(w http.ResponseWriter, r *http.Request) (body hookBody, refused *refusal) {
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "multipart/form-data" {
		raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			refused = unreadable(err, maxBody)
		}
		return hookBody{event: raw, signature: checkWebhook(s.deskKey, r.Header, raw, s.now())}, refused
	}
	mac := newWebhookMAC(s.deskKey, r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"))
	whole, err := s.desk.vault.put(io.TeeReader(http.MaxBytesReader(w, r.Body, maxForm), mac), maxForm)
	if err != nil {
		body.signature = errors.New("not checked")
		return body, unreadable(err, maxForm)
	}
	defer s.desk.vault.drop(whole)
	body.shown = fmt.Sprintf("multipart, %d bytes", whole.size)
	body.signature = checkWebhookMAC(r.Header, func(got []byte) bool { return hmac.Equal(got, mac.Sum(nil)) }, s.now())
	if body.signature != nil {
		return body, nil
	}
	if err := s.readForm(&body, whole, params["boundary"]); err != nil {
		return body, &refusal{http.StatusBadRequest, "the form is malformed: " + err.Error()}
	}
	body.shown += fmt.Sprintf(", %d files", len(body.files))
	return body, nil
}

func (s *Sandbox) readForm(body *hookBody, whole *blob, boundary string) error {
	content, err := s.desk.vault.open(whole)
	if err != nil {
		return err
	}
	defer content.Close()
	for form := multipart.NewReader(content, boundary); ; {
		part, err := form.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := s.readPart(body, part); err != nil {
			return err
		}
	}
	if !json.Valid(body.event) {
		return errors.New("there is no part event with JSON")
	}
	return nil
}

func (s *Sandbox) readPart(body *hookBody, part *multipart.Part) (err error) {
	number, isFile := strings.CutPrefix(part.FormName(), "file")
	switch {
	case part.FormName() == "event" && body.event == nil:
		body.event, err = io.ReadAll(io.LimitReader(part, maxBody))
		return err
	case isFile && number == fmt.Sprint(len(body.files)) && len(body.files) < maxFilesPerMessage:
		b, err := s.desk.vault.put(part, maxFile)
		if err != nil {
			return err
		}
		body.files = append(body.files, &filePart{part.FileName(), part.Header.Get("Content-Type"), b})
		return nil
	}
	return fmt.Errorf("the part %q is unknown, or out of order: event and file0, file1, … are", shorten(part.FormName(), 40))
}
