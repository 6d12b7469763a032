package sandbox

import (
	"encoding/hex"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shownFile is a file as the pages show it.
type shownFile struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	MimeType string `json:"mime_type"`
	Size     int64  `json:"size"`
	Kind     string `json:"kind"`             // image, video, audio, or file: shown as an icon
	Broken   bool   `json:"broken,omitempty"` // does not decrypt to its type, and so is an icon, too
	Href     string `json:"href,omitempty"`   // on the pages
}

// phoneFile is a file of the phone's: in MMCS, with the key that only phone and business have.
type phoneFile struct {
	shownFile

	object *object
	key    fileKey
	used   bool // was sent: each message encrypts anew
}

// stagePhoneFile encrypts a file into MMCS while it comes in, to be sent later.
func (s *Sandbox) stagePhoneFile(name, mimeType string, body io.Reader) (shownFile, error) {
	key := newFileKey()
	o, err := s.store(key.encrypt(body), 0x81)
	if err != nil {
		return shownFile{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &phoneFile{shownFile: describe("/phone/files/", name, mimeType, o.size), object: o, key: key}
	f.inspect(s)
	s.phones.files.put(f.ID, f)
	return f.shownFile, nil
}

// receiveFile is the phone reading an attachment of the business's.
func (s *Sandbox) receiveFile(file sentFile) (*shownFile, error) {
	o, err := s.mmcs.uploadOf(file)
	if err != nil {
		return nil, err
	}
	f := &phoneFile{shownFile: describe("/phone/files/", file.name, file.mimeType, o.size), object: o, key: file.key, used: true}
	f.inspect(s)
	s.phones.files.put(f.ID, f)
	return &f.shownFile, nil
}

// inspect looks whether the file decrypts to what it is said to be.
func (f *phoneFile) inspect(s *Sandbox) {
	head := make([]byte, 512)
	sealed, err := s.mmcs.vault.open(f.object.blob)
	if err == nil {
		defer sealed.Close()
		var n int
		n, _ = io.ReadFull(&plainView{sealed, f.key}, head)
		head = head[:n]
	}
	if err != nil || !fits(f.MimeType, head) {
		f.Kind, f.Broken = "file", true
	}
}

// sendFiles is the customer sending files, with or without words.
func (s *Sandbox) sendFiles(customerKey, businessID, text string, ids []string) (string, error) {
	if len(ids) > maxFilesPerMessage {
		return "", badRequest("these are too many files for one message")
	}
	if utf8.RuneCountInString(text) > maxTextRunes || strings.ContainsRune(text, '\uFFFC') {
		return "", badRequest("the text is too long")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.usableThread(customerKey, businessID)
	if err != nil {
		return "", err
	}
	m := t.message("text")
	m.Body = strings.Repeat("\uFFFC", len(ids)) + text
	b := &bubble{Text: m.Body}
	taken := map[string]bool{}
	for _, id := range ids {
		f, ok := s.phones.files.get(id)
		if !ok || f.used || taken[id] {
			return "", conflict("a file is not there, or was sent before")
		}
		taken[id] = true
		m.Attachments = append(m.Attachments, s.attachmentOf(f))
		b.Files = append(b.Files, &f.shownFile)
	}
	id, err := s.customerSends(t, b, m)
	if err == nil {
		for _, each := range ids {
			f, _ := s.phones.files.get(each)
			f.used = true
		}
	}
	return id, err
}

// appleAttachment is a file in a message from Apple: the size is a number, the signature in hex.
type appleAttachment struct {
	Name            string `json:"name"`
	MimeType        string `json:"mimeType"`
	Size            int64  `json:"size"`
	Signature       string `json:"signature"`
	SignatureBase64 string `json:"signature-base64"`
	URL             string `json:"url"`
	Owner           string `json:"owner"`
	Key             string `json:"key"`
}

func (s *Sandbox) attachmentOf(f *phoneFile) appleAttachment {
	a := appleAttachment{
		Name: f.Name, MimeType: f.MimeType, Size: s.announced(f.Size),
		Signature: hex.EncodeToString(f.object.signature), SignatureBase64: f.object.checksum(),
		URL: f.object.url, Owner: f.object.owner, Key: f.key.String(),
	}
	if s.mmcs.made++; s.mmcs.made%2 == 0 { // both cases are seen in the field
		a.Signature, a.Key = strings.ToUpper(a.Signature), strings.ToUpper(a.Key)
	}
	return a
}

// announced is the size that a message tells.
func (s *Sandbox) announced(size int64) int64 {
	if f := s.faults.find(faultSizeLie); f.On {
		f.Count++
		s.publish("faults", s.faults)
		return size + 1000
	}
	return size
}

// servePhoneFile shows a file of the phone's, decrypted.
func (s *Sandbox) servePhoneFile(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	f, ok := s.phones.files.get(r.PathValue("id"))
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	sealed, err := s.mmcs.vault.open(f.object.blob)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	defer sealed.Close()
	serveFile(w, r, f.shownFile, &plainView{sealed, f.key})
}

// describe makes what the pages need to know of a file.
func describe(route, name, mimeType string, size int64) shownFile {
	id, name := newToken(), cleanName(name)
	if mimeType = shorten(mimeType, 100); mimeType == "" {
		mimeType = mime.TypeByExtension(path.Ext(name))
	}
	if mimeType == "" {
		mimeType = "application/octet-stream"
	}
	return shownFile{ID: id, Name: name, MimeType: mimeType, Size: size, Kind: family(mimeType), Href: route + id + "/" + url.PathEscape(name)}
}

// cleanName leaves a name that can stand at the end of a path.
func cleanName(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '/' || r == '\\' || r == utf8.RuneError {
			return '_'
		}
		return r
	}, strings.TrimSpace(name))
	if name = shorten(name, 120); strings.Trim(name, ".") == "" {
		return "file"
	}
	return name
}
