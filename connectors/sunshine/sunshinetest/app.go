// Package sunshinetest is an app of Sunshine Conversations, to test the connector against. It is written from the OpenAPI
// description of its v2 (17.12.1), and shares no code with the connector.
package sunshinetest

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"bizbridge/connectors/connectortest/fake"
)

// What the app is made of. The secrets look like Zendesk's.
const (
	AppID         = "5d8cff3cd55b040010928b5b"
	KeyID         = "app_5d8cff3cd55b040010928b5b"
	KeySecret     = "k3y-secret-of-the-app-5ZyXw"
	WebhookSecret = "8564b3e6a8b20a4bdb68b05ce9bc5936"
)

const (
	maxJSON     = 100 << 10
	maxMetadata = 4096
	maxText     = 4096
	maxUpload   = 50 << 20
)

type object = map[string]any

// User is a user of the app.
type User struct {
	ID, ExternalID    string
	Profile, Metadata object
}

// Conversation is a conversation of the app.
type Conversation struct {
	ID, CreatedAt, UserID string
	Metadata              object
	Active                string // the name of the integration that has control; "": none has
	Messages              []object
}

// App is a running app.
type App struct {
	Script fake.Script
	Inbox  fake.Inbox

	// MergeMetadata lets a PATCH keep what it does not name; otherwise it replaces all metadata. Which of them Sunshine
	// Conversations does is not documented.
	MergeMetadata bool
	MaxMessages   int    // of a conversation; 0: 30,000
	PageSize      int    // the most that a page has, whatever is asked; 0: 100
	Responder     string // takes control when a customer writes and nobody has it; "": there is no switchboard
	RefuseFiles   bool

	Webhooks []object // what the app has under its one custom integration

	URL  string // what addresses begin with
	Stop func()

	mu            sync.Mutex
	last          int // the number of the newest id
	users         []*User
	conversations []*Conversation
	files         map[string][]byte
	paths         []string
}

// Start starts an app.
func Start(t interface{ Fatal(...any) }) *App {
	app := &App{files: make(map[string][]byte), Responder: "zd-answerBot"}
	address, stop := fake.Serve(t, app.Script.Wrap(app.routes()))
	app.URL = address + "/sc"
	app.Webhooks = []object{{
		"id": "5e554d2cac66fb73a3c01871", "version": "v2", "target": "https://bridge.example.com/webhooks/desk", "secret": WebhookSecret,
		"triggers": []string{"conversation:message", "conversation:typing"}, "includeFullUser": true, "includeFullSource": true,
	}}
	app.Stop = func() {
		app.Script.Release()
		stop()
	}
	return app
}

func (a *App) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, handle := range map[string]func(http.ResponseWriter, *http.Request, object) (int, any){
		"POST /users":                                    a.createUser,
		"GET /users/{user}":                              a.getUser,
		"PATCH /users/{user}":                            a.updateUser,
		"GET /conversations":                             a.listConversations,
		"POST /conversations":                            a.createConversation,
		"PATCH /conversations/{id}":                      a.updateConversation,
		"POST /conversations/{id}/passControl":           a.passControl,
		"POST /conversations/{id}/messages":              a.postMessage,
		"GET /conversations/{id}/messages":               a.listMessages,
		"GET /integrations":                              a.listIntegrations,
		"GET /integrations/{id}/webhooks":                a.listWebhooks,
		"GET /switchboards":                              a.listSwitchboards,
		"GET /switchboards/{id}/switchboardIntegrations": a.listSwitchboardIntegrations,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /sc/v2/apps/{app}"+path, a.api(handle))
	}
	mux.HandleFunc("POST /sc/v2/apps/{app}/attachments", a.upload)
	mux.HandleFunc("GET /sc/attachments/v2/{file}", a.download)
	return mux
}

// api reads the call, and writes what it gives.
func (a *App) api(handle func(http.ResponseWriter, *http.Request, object) (int, any)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.paths = append(a.paths, req.Method+" "+req.URL.Path)
		status, answer := a.admit(req)
		if status == 0 {
			var body object
			if body, status, answer = readJSON(req); status == 0 {
				status, answer = handle(w, req, body)
			}
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// admit gives a status for a call that has no right to be made.
func (a *App) admit(req *http.Request) (int, any) {
	id, secret, ok := req.BasicAuth()
	right := subtle.ConstantTimeCompare([]byte(id+":"+secret), []byte(KeyID+":"+KeySecret)) == 1
	switch {
	case !ok || !right:
		return fault(http.StatusUnauthorized, "unauthorized", "Authorization is required")
	case req.PathValue("app") != "" && req.PathValue("app") != AppID:
		return fault(http.StatusNotFound, "app_not_found", "App not found")
	}
	return 0, nil
}

func readJSON(req *http.Request) (body object, status int, answer any) {
	if req.Method == http.MethodGet {
		return nil, 0, nil
	}
	raw, _ := io.ReadAll(req.Body)
	switch {
	case req.Header.Get("Content-Type") != "application/json":
		status, answer = fault(http.StatusUnsupportedMediaType, "unsupported_media_type", "JSON only")
	case len(raw) > maxJSON:
		status, answer = fault(http.StatusRequestEntityTooLarge, "payload_too_large", "Request entity too large")
	case json.Unmarshal(raw, &body) != nil:
		status, answer = fault(http.StatusBadRequest, "bad_request", "Invalid JSON: "+string(raw)) // which quotes what was sent
	case metadataFault(body["metadata"]) != "":
		status, answer = fault(http.StatusBadRequest, "bad_request", metadataFault(body["metadata"]))
	}
	return body, status, answer
}

func fault(status int, code, title string) (int, any) {
	return status, object{"errors": []object{{"code": code, "title": title}}}
}

func metadataFault(value any) string {
	if value == nil {
		return ""
	}
	values, ok := value.(object)
	if !ok {
		return "metadata must be an object"
	}
	for key, one := range values {
		switch one.(type) {
		case string, float64, bool, nil:
		default:
			return "metadata." + key + " must be a string, number or boolean"
		}
	}
	if raw, _ := json.Marshal(values); len(raw) > maxMetadata {
		return "metadata exceeds 4KB"
	}
	return ""
}

// newID makes an id as the app does: 24 hexadecimal digits that grow.
func (a *App) newID() string {
	a.last++
	return fmt.Sprintf("65b0f3a1%016x", a.last)
}

func (a *App) now() string {
	a.last++
	return fmt.Sprintf("2026-08-01T09:%02d:%02d.%03dZ", a.last/60000%60, a.last/1000%60, a.last%1000)
}

// patched is what becomes of metadata.
func (a *App) patched(before object, change any) object {
	news, ok := change.(object)
	if !ok {
		return before
	}
	after := object{}
	if a.MergeMetadata {
		for key, value := range before {
			after[key] = value
		}
	}
	for key, value := range news {
		after[key] = value
	}
	return after
}

func text(values object, key string) string {
	value, _ := values[key].(string)
	return value
}

// Calls lists the calls so far, without those for files: "POST /sc/v2/apps/…/users".
func (a *App) Calls() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	short := make([]string, len(a.paths))
	for i, path := range a.paths {
		short[i] = strings.Replace(path, "/sc/v2/apps/"+AppID, "", 1)
	}
	return short
}

// Users are copies of those of the app.
func (a *App) Users() []User {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []User
	for _, one := range a.users {
		all = append(all, *one)
	}
	return all
}

// Conversations are copies of those of the app.
func (a *App) Conversations() []Conversation {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []Conversation
	for _, one := range a.conversations {
		all = append(all, *one)
	}
	return all
}

// Change changes a conversation, as agents and bots do.
func (a *App) Change(i int, change func(*Conversation)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(a.conversations[i])
}
