package chatwoottest

import (
	"crypto/hmac"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// answer is what a call comes to.
type answer struct {
	status int
	body   any // nil: none
}

func fault(status int, text string) answer { return answer{status, map[string]string{"error": text}} }

var notFound = fault(http.StatusNotFound, "Resource could not be found")

// input is what a call brings, however it is written.
type input struct {
	*http.Request
	fields map[string]any
	files  []file
}

func (in input) text(name string) string {
	text, _ := in.fields[name].(string)
	return text
}

func (in input) object(name string) map[string]any {
	object, _ := in.fields[name].(map[string]any)
	return object
}

func (in input) number(name string) int64 {
	n, _ := strconv.ParseInt(in.PathValue(name), 10, 64)
	return n
}

func (d *Desk) api() http.Handler {
	mux := http.NewServeMux()
	public := func(pattern string, call func(input, *contact) answer) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /public/api/v1/inboxes/{inbox}/contacts"+path, func(w http.ResponseWriter, req *http.Request) {
			d.serve(w, req, func(in input) answer {
				if in.PathValue("inbox") != Identifier {
					return notFound
				}
				who := d.contactBySource(in.PathValue("source"))
				if in.PathValue("source") != "" && who == nil {
					return notFound
				}
				return call(in, who)
			})
		})
	}
	public("POST ", d.createContact)
	public("GET /{source}", d.showContact)
	public("PATCH /{source}", d.updateContact)
	public("POST /{source}/conversations", d.createConversation)
	public("GET /{source}/conversations", d.listConversations)
	public("POST /{source}/conversations/{id}/messages", d.createPublicMessage)
	public("PATCH /{source}/conversations/{id}/messages/{message}", d.submitValues)
	public("POST /{source}/conversations/{id}/toggle_typing", d.toggleTyping)
	public("POST /{source}/conversations/{id}/toggle_status", d.toggleStatus)
	agent := func(pattern string, call func(input) answer) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, req *http.Request) {
			d.serve(w, req, func(in input) answer {
				if !hmac.Equal([]byte(rackHeader(in.Header, "api_access_token")), []byte(Token)) {
					return fault(http.StatusUnauthorized, "Invalid Access Token")
				}
				return call(in)
			})
		})
	}
	account := fmt.Sprintf("/api/v1/accounts/%d", AccountID)
	agent("GET /api/v1/profile", d.profile)
	agent("GET "+account+"/inboxes", d.listInboxes)
	agent("GET "+account+"/inboxes/{id}", d.showInbox)
	agent("GET "+account+"/webhooks", d.listWebhooks)
	agent("GET "+account+"/contacts/{id}/conversations", d.contactConversations)
	agent("GET "+account+"/conversations/{id}/messages", d.listMessages)
	agent("POST "+account+"/conversations/{id}/messages", d.createMessage)
	agent("PATCH "+account+"/conversations/{id}/messages/{message}", d.updateStatus)
	agent("POST "+account+"/conversations/{id}/custom_attributes", d.customAttributes)
	return mux
}

// rackHeader finds a header as Rack does, to which "-" and "_" are the same.
func rackHeader(header http.Header, name string) string {
	for key, values := range header {
		if strings.EqualFold(strings.ReplaceAll(key, "-", "_"), name) {
			return values[0]
		}
	}
	return ""
}

func (d *Desk) serve(w http.ResponseWriter, req *http.Request, call func(input) answer) {
	in, ok := readInput(req)
	if !ok {
		http.Error(w, `{"error": "bad request"}`, http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	result := call(in)
	var body []byte
	if result.body != nil {
		body, _ = json.Marshal(result.body)
	}
	d.mu.Unlock()
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(result.status)
	_, _ = w.Write(body)
}

func readInput(req *http.Request) (input, bool) {
	in := input{Request: req, fields: make(map[string]any)}
	for name, values := range req.URL.Query() {
		in.fields[name] = values[0]
	}
	kind, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		return in, json.NewDecoder(req.Body).Decode(&in.fields) == nil
	case "multipart/form-data":
		if req.ParseMultipartForm(64<<20) != nil {
			return in, false
		}
		for name, values := range req.MultipartForm.Value {
			in.fields[name] = values[0]
		}
		for _, header := range req.MultipartForm.File["attachments[]"] {
			opened, err := header.Open()
			if err != nil {
				return in, false
			}
			data, err := io.ReadAll(opened)
			if err != nil {
				return in, false
			}
			in.files = append(in.files, file{header.Filename, header.Header.Get("Content-Type"), data})
		}
	}
	return in, true
}
