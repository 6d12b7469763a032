package sandbox

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	maxInline   = 64 << 10  // a larger file is not sent along, but fetched by the bridge
	maxInlines  = 256 << 10 // of one message's together
	fetchAnswer = 15 * time.Second
	fetchTime   = 10 * time.Minute // the agent may watch a video slowly
)

// deskFile is a file at the desk: its bytes, or where the bridge offers them.
type deskFile struct {
	shownFile

	blob     *blob
	remote   string
	outgoing bool // the agent's own: the bridge may fetch it from the desk's listener
}

// attachment is a file of the customer's as the bridge tells of it, and as the pages show it.
type attachment struct {
	shownFile

	URL       string `json:"url,omitempty"`
	ExpiresAt string `json:"expires_at,omitempty"`
	Remote    bool   `json:"remote,omitempty"` // is fetched only when the agent opens it
}

func (s *Sandbox) stageDeskFile(name, mimeType string, body io.Reader) (shownFile, error) {
	b, err := s.desk.vault.put(body, maxFile)
	if err != nil {
		return shownFile{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keepDeskFile(&deskFile{shownFile: describe("/desk/files/", name, mimeType, b.size), blob: b, outgoing: true}), nil
}

func (s *Sandbox) keepDeskFile(f *deskFile) shownFile {
	s.desk.files.put(f.ID, f)
	return f.shownFile
}

// takeAttachments makes the files of an event ones that the pages can open. Parts are the bytes that came with the
// event, in the order of the attachments.
func (s *Sandbox) takeAttachments(list []attachment, parts []*filePart) []attachment {
	for i := len(list); i < len(parts); i++ {
		list = append(list, attachment{})
	}
	for i := range list {
		a := &list[i]
		f := &deskFile{shownFile: describe("/desk/files/", a.Name, a.MimeType, a.Size)}
		switch target, err := url.Parse(a.URL); {
		case i < len(parts):
			p := parts[i]
			f.shownFile = describe("/desk/files/", first(a.Name, p.name), first(a.MimeType, p.mimeType), p.blob.size)
			f.blob = p.blob
		case err == nil && target.Host != "" && (target.Scheme == "http" || target.Scheme == "https"):
			f.remote = a.URL
		default:
			f.Href = "" // the bridge could not say where it is
		}
		a.shownFile, a.Remote = s.keepDeskFile(f), f.remote != ""
	}
	return list
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// outgoingFile is a file in a message.send.
type outgoingFile struct {
	URL      string `json:"url,omitempty"`
	Data     string `json:"data,omitempty"`
	Name     string `json:"name"`
	MimeType string `json:"mime_type"`
}

// outgoing prepares files for a message: small ones go along, larger ones as an address at the desk's own listener.
func (s *Sandbox) outgoing(ids []string) (files []outgoingFile, shown []attachment, err error) {
	if len(ids) > maxFilesPerMessage {
		return nil, nil, badRequest("these are too many files for one message")
	}
	inline := int64(0)
	for _, id := range ids {
		f, ok := s.desk.files.get(id)
		if !ok || !f.outgoing {
			return nil, nil, conflict("a file is not there any more")
		}
		file := outgoingFile{Name: f.Name, MimeType: f.MimeType}
		if f.Size <= maxInline && inline+f.Size <= maxInlines {
			inline += f.Size
			if file.Data, err = s.inline(f); err != nil {
				return nil, nil, conflict(err.Error())
			}
		} else {
			file.URL = s.desk.base + "/files/" + f.ID + "/" + url.PathEscape(f.Name)
		}
		files = append(files, file)
		shown = append(shown, attachment{shownFile: f.shownFile})
	}
	return files, shown, nil
}

func (s *Sandbox) inline(f *deskFile) (string, error) {
	content, err := s.desk.vault.open(f.blob)
	if err != nil {
		return "", err
	}
	defer content.Close()
	raw, err := io.ReadAll(content)
	return base64.StdEncoding.EncodeToString(raw), err
}

// serveOutgoing is GET /files/… at the desk's listener: the bridge fetching what the agent sent.
func (s *Sandbox) serveOutgoing(w http.ResponseWriter, r *http.Request) {
	x := s.openHop(bridgeToDesk, r.Method, r.URL.RequestURI(), r.Header)
	s.carry(x, nil, "", check{"", "the address itself is the permission"})
	if s.hookFault(w, x) {
		return
	}
	s.mu.Lock()
	f, ok := s.desk.files.get(r.PathValue("id"))
	s.mu.Unlock()
	if !ok || !f.outgoing {
		s.answerHook(w, x, http.StatusNotFound, "no such file")
		return
	}
	content, err := s.desk.vault.open(f.blob)
	if err != nil {
		s.answerHook(w, x, http.StatusNotFound, err.Error())
		return
	}
	defer content.Close()
	counted := &countingWriter{ResponseWriter: w}
	serveFile(counted, r, f.shownFile, content)
	s.closeHop(x, counted.status, "", fileSize(counted.written)+" sent")
}

// serveDeskFile shows the agent a file. One that the bridge offers is fetched from there, each time anew.
func (s *Sandbox) serveDeskFile(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	f, ok := s.desk.files.get(r.PathValue("id"))
	s.mu.Unlock()
	switch {
	case !ok || f.blob == nil && f.remote == "":
		http.NotFound(w, r)
		return
	case f.remote != "":
		s.fetch(w, r, f)
		return
	}
	content, err := s.desk.vault.open(f.blob)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	defer content.Close()
	serveFile(w, r, f.shownFile, content)
}

// fetch passes on what the bridge offers. The page could not load it by itself: its policy allows its own server only.
func (s *Sandbox) fetch(w http.ResponseWriter, r *http.Request, f *deskFile) {
	ctx, cancel := context.WithTimeoutCause(r.Context(), fetchTime, errors.New("the file took too long"))
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	request, err := http.NewRequestWithContext(ctx, r.Method, f.remote, nil)
	if err != nil {
		http.Error(w, "the address is malformed", http.StatusBadGateway)
		return
	}
	for _, name := range []string{"Range", "If-Range"} {
		if value := r.Header.Get(name); value != "" {
			request.Header.Set(name, value)
		}
	}
	x := s.openHop(deskToBridge, r.Method, request.URL.RequestURI(), request.Header)
	s.carry(x, nil, "", check{"", "the link itself is the permission"})
	late := time.AfterFunc(fetchAnswer, cancel)
	response, err := s.client.Do(request)
	late.Stop()
	if err != nil {
		s.closeHop(x, 0, "", "no answer: "+errorText(err))
		http.Error(w, "the bridge gave no answer", http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	if err := passable(response); err != nil {
		reason, _ := io.ReadAll(io.LimitReader(response.Body, shownAnswer))
		s.closeHop(x, response.StatusCode, string(reason), "")
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	n, err := pass(w, response, f)
	note := fileSize(n) + " received"
	if err != nil {
		note += ", then broken off"
	}
	s.closeHop(x, response.StatusCode, "", note)
	if err != nil {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // the viewer must not take the part for the whole
	}
}

func passable(response *http.Response) error {
	switch response.StatusCode {
	case http.StatusOK, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable:
	default:
		return fmt.Errorf("the bridge answered %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	}
	if response.ContentLength > maxFile {
		return errTooLarge
	}
	return nil
}

func pass(w http.ResponseWriter, response *http.Response, f *deskFile) (int64, error) {
	mimeType := response.Header.Get("Content-Type")
	if mimeType == "" || strings.HasPrefix(mimeType, "application/octet-stream") {
		mimeType = f.MimeType
	}
	dressFile(w.Header(), f.Name, mimeType)
	for _, name := range []string{"Content-Range", "Accept-Ranges", "Etag"} {
		if value := response.Header.Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
	if response.ContentLength >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(response.ContentLength, 10))
	}
	w.WriteHeader(response.StatusCode)
	n, err := io.Copy(w, io.LimitReader(response.Body, maxFile+1))
	if n > maxFile {
		err = errTooLarge
	}
	return n, err
}
