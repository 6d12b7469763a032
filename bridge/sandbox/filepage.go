package sandbox

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// filePolicy is for other people's files on the pages' own origin: even a file that is a page can do nothing.
const filePolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'; sandbox"

// addFiles routes what the pages show and send. A file is sent in two steps: PUT its bytes, with name and type in the
// query, answered 201 with its id, then name the id in a send.
func (s *Sandbox) addFiles(mux *http.ServeMux) {
	mux.HandleFunc("PUT /api/phone/files", s.stage(s.stagePhoneFile))
	mux.HandleFunc("PUT /api/desk/files", s.stage(s.stageDeskFile))
	mux.HandleFunc("GET /phone/files/{id}/{name}", s.servePhoneFile)
	mux.HandleFunc("GET /phone/images/{bubble}/{identifier}", s.serveImage)
	mux.HandleFunc("GET /desk/files/{id}/{name}", s.serveDeskFile)
}

// stage makes a handler that takes a file. PUT cannot be sent across origins without the server's leave.
func (s *Sandbox) stage(keep func(name, mimeType string, body io.Reader) (shownFile, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(transferTimeout))
		query := r.URL.Query()
		f, err := keep(query.Get("name"), query.Get("type"), r.Body)
		switch {
		case errors.Is(err, errTooLarge):
			writeJSON(w, http.StatusRequestEntityTooLarge, failure("a file may have 100 MB at most"))
		case err != nil:
			writeJSON(w, http.StatusBadRequest, failure("the file could not be taken: "+err.Error()))
		default:
			writeJSON(w, http.StatusCreated, f)
		}
	}
}

// shownInline are the types that a browser may show by itself. SVG and HTML are not among them, but as images and as
// downloads.
func shownInline(mediaType string) bool {
	switch mediaType {
	case "application/pdf", "text/plain":
		return true
	case "image/svg+xml":
		return false
	}
	return family(mediaType) != "file"
}

// dressFile sets the headers of a file's answer.
func dressFile(h http.Header, name, mimeType string) {
	mediaType, _, err := mime.ParseMediaType(mimeType)
	if err != nil {
		mediaType = "application/octet-stream"
	}
	contentType, disposition := mediaType, "inline"
	switch {
	case mediaType == "text/plain":
		contentType = "text/plain; charset=utf-8"
	case mediaType == "image/jpg": // seen in the field, known to no browser
		contentType = "image/jpeg"
	case mediaType == "image/svg+xml":
		disposition = "attachment" // an <img> shows it all the same
	case !shownInline(mediaType):
		contentType, disposition = "application/octet-stream", "attachment"
	}
	policy := filePolicy
	if mediaType == "application/pdf" { // the browser's viewer does not work in a sandbox
		policy = strings.TrimSuffix(policy, "; sandbox")
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": name}))
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, max-age=3600") // a file never changes
}

func serveFile(w http.ResponseWriter, r *http.Request, f shownFile, content io.ReadSeeker) {
	dressFile(w.Header(), f.Name, f.MimeType)
	w.Header().Set("ETag", strconv.Quote(f.ID))
	http.ServeContent(w, r, "", time.Time{}, content)
}
