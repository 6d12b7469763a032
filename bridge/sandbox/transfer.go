package sandbox

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// garbage is the size of what comes from a download address that leads nowhere.
const garbage = 1024

// transferTimeout bounds one upload or download.
const transferTimeout = 2 * time.Minute

// serveTransfer is the part of MMCS that moves bytes: what preUpload and preDownload lead to.
func (s *Sandbox) serveTransfer(w http.ResponseWriter, r *http.Request) {
	x := s.openHop(bridgeToGateway, r.Method, r.RequestURI, r.Header)
	bytesOf := ""
	if r.ContentLength > 0 {
		bytesOf = fmt.Sprintf("binary, %d bytes", r.ContentLength)
	}
	s.carry(x, nil, bytesOf, check{})
	deadline := time.Now().Add(transferTimeout)
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(deadline)
	_ = control.SetWriteDeadline(deadline)
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }() // the connection lives on
	if s.appleDown(w, x) {
		return
	}
	if delay, slow := s.hit(faultMMCSSlow); slow {
		s.pause(delay)
	}
	if r.Header.Get("Authorization") != "" {
		s.answerGateway(w, x, &refusal{http.StatusBadRequest, "no Authorization is wanted here: the address is the permission"})
		return
	}
	switch r.Method {
	case http.MethodPost:
		s.upload(w, r, x)
	case http.MethodGet, http.MethodHead:
		s.download(w, r, x)
	default:
		s.answerGateway(w, x, &refusal{http.StatusMethodNotAllowed, "POST uploads, GET downloads"})
	}
}

// takeSlot judges an upload by all but its bytes. The slot is spent with the first that passes.
func (s *Sandbox) takeSlot(r *http.Request) (*uploadSlot, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slot, ok := s.mmcs.slots.get(r.RequestURI)
	switch {
	case !ok:
		return nil, &refusal{http.StatusNotFound, "no such upload address: was it decoded and encoded again?"}
	case slot.used:
		return nil, &refusal{http.StatusConflict, "this upload address was used before: it is good for one upload"}
	case !s.now().Before(slot.expires):
		return nil, &refusal{http.StatusForbidden, "this upload address has expired"}
	case r.ContentLength < 0 || len(r.TransferEncoding) > 0:
		return nil, &refusal{http.StatusLengthRequired, "the upload is chunked: it needs a Content-Length"}
	case r.ContentLength != slot.size:
		return nil, &refusal{http.StatusBadRequest, fmt.Sprintf("the upload has %d bytes, announced were %d", r.ContentLength, slot.size)}
	case r.Header.Get("Content-Encoding") != "":
		return nil, &refusal{http.StatusBadRequest, "the upload is compressed: raw ciphertext is wanted"}
	}
	slot.used = true
	return slot, nil
}

func (s *Sandbox) upload(w http.ResponseWriter, r *http.Request, x *hop) {
	slot, refused := s.takeSlot(r)
	if refused != nil {
		w.Header().Set("Connection", "close") // the body is not wanted
		s.answerGateway(w, x, refused)
		return
	}
	sum := newSignature()
	b, err := s.mmcs.vault.put(io.TeeReader(r.Body, sum), slot.size)
	if err == nil && b.size != slot.size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		s.answerGateway(w, x, &refusal{http.StatusBadRequest, "the upload could not be taken: " + err.Error()})
		return
	}
	o := slot.object
	o.signature, o.blob = signatureOf(sum, 0x81), b
	s.mu.Lock()
	s.mmcs.objects.put(o.url, &o)
	s.mu.Unlock()
	s.answerJSON(w, x, result{note: fileSize(o.size) + " taken", answer: map[string]any{"singleFile": map[string]any{
		"fileChecksum": o.checksum(), "size": o.size, "receipt": newToken(),
	}}})
}

// download serves a file as often as the address is good for, in ranges where they are asked for.
func (s *Sandbox) download(w http.ResponseWriter, r *http.Request, x *hop) {
	s.mu.Lock()
	link, ok := s.mmcs.links.get(r.RequestURI)
	expired := ok && !s.now().Before(link.expires)
	s.mu.Unlock()
	switch {
	case !ok:
		s.answerGateway(w, x, &refusal{http.StatusNotFound, "no such download address: was it decoded and encoded again?"})
		return
	case expired:
		s.answerGateway(w, x, &refusal{http.StatusForbidden, "this download address has expired"})
		return
	}
	content, size, note, err := s.downloadable(link)
	if err != nil {
		s.answerGateway(w, x, &refusal{http.StatusNotFound, err.Error()})
		return
	}
	defer content.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("ETag", strconv.Quote(r.RequestURI[len(r.RequestURI)-16:]))
	counted := &countingWriter{ResponseWriter: w}
	if _, cut := s.hit(faultMMCSCut); cut {
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		_, _ = io.CopyN(counted, content, size/2)
		_ = http.NewResponseController(w).Flush()
		s.closeHop(x, http.StatusOK, "", "fault: cut off in the middle")
		panic(http.ErrAbortHandler)
	}
	http.ServeContent(counted, r, "", time.Time{}, content)
	s.closeHop(x, counted.status, "", note+fileSize(counted.written)+" sent")
}

// downloadable is what a link leads to: the file, or bytes that mean nothing.
func (s *Sandbox) downloadable(link *downloadLink) (content io.ReadSeekCloser, size int64, note string, err error) {
	if link.object == nil {
		noise := make([]byte, garbage)
		rand.Read(noise)
		return inMemory{bytes.NewReader(noise)}, garbage, "wrong parameters: garbage, ", nil
	}
	if content, err = s.mmcs.vault.open(link.object.blob); err != nil {
		return nil, 0, "", err
	}
	if _, spoilt := s.hit(faultMMCSGarbage); spoilt {
		content, note = &plainView{content, newFileKey()}, "fault: garbage, "
	}
	return content, link.object.size, note, nil
}

// countingWriter remembers the status and counts the bytes that pass.
type countingWriter struct {
	http.ResponseWriter
	status  int
	written int64
}

func (c *countingWriter) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *countingWriter) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	n, err := c.ResponseWriter.Write(p)
	c.written += int64(n)
	return n, err
}

func (c *countingWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }
