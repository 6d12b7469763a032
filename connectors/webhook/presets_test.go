package webhook_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/connectortest/fake"
	"bizbridge/connectors/webhook"
	"bizbridge/connectors/webhook/webhooktest"
)

const presetCustomer = "mbid_AQAAY3VzdG9tZXI" // path_safe of the events' customer

// product is a small fake of a product's API, written from the product's documentation.
type product struct {
	*httptest.Server
	script fake.Script
	mu     sync.Mutex
	log    []string // "POST /path"
}

func startProduct(t *testing.T, api http.Handler) *product {
	p := &product{}
	scripted := p.script.Wrap(api)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		p.mu.Lock()
		p.log = append(p.log, req.Method+" "+req.URL.RequestURI())
		p.mu.Unlock()
		scripted.ServeHTTP(w, req)
	}))
	t.Cleanup(p.Close)
	return p
}

// requests gives what came since the last call.
func (p *product) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	log := p.log
	p.log = nil
	return log
}

func readJSON(w http.ResponseWriter, req *http.Request, v any) bool {
	if req.Header.Get("Content-Type") != "application/json" || json.NewDecoder(req.Body).Decode(v) != nil {
		http.Error(w, `{"error":"not JSON"}`, http.StatusBadRequest)
		return false
	}
	return true
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func attempt(t *testing.T, connector connectors.Connector, event message.Event) (connectors.Receipt, error) {
	t.Helper()
	ctx, cancel := contextFor(t, 5*time.Second)
	defer cancel()
	return connector.Deliver(ctx, event)
}

// written is an event of a text, or with changes.
func written(id int, text string, changes ...func(*message.Event)) message.Event {
	event := events()["message.received"]
	event.Data.ID, event.Data.Text = message.DeriveID(fmt.Sprint(id)), text
	for _, change := range changes {
		change(&event)
	}
	return event
}

// startRasa is the REST channel: POST /webhooks/rest/webhook {sender, message} is answered with the bot's messages.
func startRasa(t *testing.T, answers map[string]string) *product {
	api := http.NewServeMux()
	api.HandleFunc("POST /webhooks/rest/webhook", func(w http.ResponseWriter, req *http.Request) {
		var said struct{ Sender, Message string }
		if !readJSON(w, req, &said) {
			return
		}
		if said.Sender != presetCustomer {
			http.Error(w, "another sender", http.StatusBadRequest)
			return
		}
		answer, ok := answers[said.Message]
		if !ok {
			answer = "[]"
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	})
	return startProduct(t, api)
}

func TestRasaAnswersAtOnce(t *testing.T) {
	const who = `"recipient_id":"` + presetCustomer + `"`
	rasa := startRasa(t, map[string]string{
		"hi":  `[{` + who + `,"text":"Hello"},{` + who + `,"text":"Which size?","buttons":[{"title":"Small","payload":"/s"},{"title":"Large","payload":"/l"}]}]`,
		"/l":  `[{` + who + `,"image":"https://rasa.example.com/large.png"}]`,
		"bad": `[{` + who + `,"text":" "}]`,
		"app": `[{` + who + `,"custom":{"kind":"rich_link","url":"nowhere"}}]`,
		"odd": `{"status":"failure","message":"hunter2"}`,
	})
	connector := connect(t, rasa.URL, time.Now, byPreset("rasa", nil))

	receipt, err := attempt(t, connector, written(1, "hi"))
	if err != nil || len(receipt.Messages) != 2 {
		t.Fatalf("receipt %+v, error %v; want two answers", receipt, err)
	}
	data := written(1, "hi").Data
	for i, content := range []message.Content{
		message.Text{Text: "Hello"},
		message.QuickReply{Prompt: "Which size?", Options: []message.Option{{ID: "/s", Title: "Small"}, {ID: "/l", Title: "Large"}}},
	} {
		want := message.Outbound{
			Key: receipt.Messages[i].Key, BusinessID: data.BusinessID, CustomerID: data.CustomerID, Sealed: data.Sealed,
			Sender: message.Sender{Kind: message.SenderBot}, Content: content,
		}
		if got := receipt.Messages[i]; got.Key == "" || !reflect.DeepEqual(got, want) {
			t.Errorf("answer %d is\n%+v, want\n%+v", i, got, want)
		}
	}
	again, err := attempt(t, connector, written(1, "hi"))
	if err != nil || !reflect.DeepEqual(again, receipt) {
		t.Errorf("a repeat is answered with\n%+v, %v; was\n%+v", again, err, receipt)
	}
	other, err := attempt(t, connector, written(2, "hi"))
	if err != nil || other.Messages[0].Key == receipt.Messages[0].Key || receipt.Messages[0].Key == receipt.Messages[1].Key {
		t.Errorf("keys %+v, %v; each message needs its own", other, err)
	}

	chosen, err := attempt(t, connector, written(3, "", func(e *message.Event) {
		e.Type = message.EventReplied
		e.Data.Reply = &message.Reply{Kind: message.ReplyQuickReply, Selections: []message.Selection{{ID: "/l", Title: "Large"}}}
	}))
	if files, ok := first(chosen.Messages).Content.(message.Files); err != nil || !ok || files.Files[0].URL != "https://rasa.example.com/large.png" {
		t.Errorf("a choice is answered with %+v, %v", chosen, err)
	}
	if silent, err := attempt(t, connector, written(4, "unknown")); err != nil || len(silent.Messages) > 0 {
		t.Errorf("an assistant that says nothing: %+v, %v", silent, err)
	}
	if got := rasa.requests(); len(got) != 5 || slices.ContainsFunc(got, func(r string) bool { return r != "POST /webhooks/rest/webhook" }) {
		t.Errorf("requests %q", got)
	}

	for text, want := range map[string]struct {
		class   message.Class
		pointer string
	}{
		"app": {message.Invalid, "/data/content/url"}, "odd": {message.Uncertain, ""},
	} {
		_, err := attempt(t, connector, written(5, text))
		failure, ok := errors.AsType[*message.Failure](err)
		if !ok || failure.Class != want.class || strings.Contains(err.Error(), "hunter2") ||
			want.pointer != "" && (len(failure.Faults) != 1 || failure.Faults[0].Pointer != want.pointer) {
			t.Errorf("%s: %v, want class %s and %s", text, err, want.class, want.pointer)
		}
	}
}

func first(messages []message.Outbound) message.Outbound {
	if len(messages) == 0 {
		return message.Outbound{}
	}
	return messages[0]
}

// zendesk is what the Ticketing API does with tickets that are found by external_id.
type zendesk struct {
	mu      sync.Mutex
	users   map[string]int
	tickets []*ticket
	created map[string]*ticket // by Idempotency-Key
}

type ticket struct {
	ID         int    `json:"id"`
	ExternalID string `json:"external_id"`
	Status     string `json:"status"`
	comments   []string
}

const zendeskAuthorization = "Basic YWRhQGV4YW1wbGUuY29tL3Rva2VuOjEyMw=="

func startZendesk(t *testing.T) (*product, *zendesk) {
	z := &zendesk{users: map[string]int{}, created: map[string]*ticket{}}
	api := http.NewServeMux()
	api.HandleFunc("POST /api/v2/users/create_or_update", z.user)
	api.HandleFunc("GET /api/v2/tickets", z.find)
	api.HandleFunc("POST /api/v2/tickets", z.create)
	api.HandleFunc("PUT /api/v2/tickets/{id}", z.update)
	return startProduct(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		z.mu.Lock()
		defer z.mu.Unlock()
		if req.Header.Get("Authorization") != zendeskAuthorization {
			writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "Couldn't authenticate you"})
			return
		}
		api.ServeHTTP(w, req)
	})), z
}

func (z *zendesk) user(w http.ResponseWriter, req *http.Request) {
	var body struct {
		User struct {
			Name       string `json:"name"`
			ExternalID string `json:"external_id"`
		} `json:"user"`
	}
	if !readJSON(w, req, &body) {
		return
	}
	status := http.StatusOK
	if z.users[body.User.ExternalID] == 0 {
		status, z.users[body.User.ExternalID] = http.StatusCreated, 35000+len(z.users)
	}
	writeJSON(w, status, map[string]any{"user": map[string]any{"id": z.users[body.User.ExternalID], "name": body.User.Name}})
}

func (z *zendesk) find(w http.ResponseWriter, req *http.Request) {
	if req.ContentLength != 0 || len(req.TransferEncoding) > 0 || req.Header.Get("Content-Type") != "" {
		http.Error(w, "a GET has no body", http.StatusBadRequest)
		return
	}
	found := []*ticket{}
	for _, ticket := range z.tickets {
		if ticket.ExternalID == req.URL.Query().Get("external_id") {
			found = append(found, ticket)
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"tickets": found, "count": len(found), "next_page": nil})
}

type ticketBody struct {
	Ticket struct {
		ExternalID string `json:"external_id"`
		Status     string `json:"status"`
		Requester  int    `json:"requester_id"`
		Comment    struct {
			Body   string `json:"body"`
			Public *bool  `json:"public"`
		} `json:"comment"`
	} `json:"ticket"`
}

func (z *zendesk) create(w http.ResponseWriter, req *http.Request) {
	var body ticketBody
	if !readJSON(w, req, &body) {
		return
	}
	key := req.Header.Get("Idempotency-Key")
	made, hit := z.created[key]
	if !hit {
		if body.Ticket.Comment.Body == "" || body.Ticket.Requester != z.users[body.Ticket.ExternalID] {
			writeJSON(w, http.StatusUnprocessableEntity, map[string]string{"error": "RecordInvalid"})
			return
		}
		made = &ticket{ID: 4711 + len(z.tickets), ExternalID: body.Ticket.ExternalID, Status: "new", comments: []string{body.Ticket.Comment.Body}}
		z.tickets = append(z.tickets, made)
		z.created[key] = made
	}
	writeJSON(w, http.StatusCreated, map[string]any{"ticket": made, "audit": map[string]any{"id": 900 + made.ID}})
}

func (z *zendesk) update(w http.ResponseWriter, req *http.Request) {
	var body ticketBody
	if !readJSON(w, req, &body) {
		return
	}
	for _, ticket := range z.tickets {
		if fmt.Sprint(ticket.ID) != req.PathValue("id") {
			continue
		}
		if ticket.Status == "closed" {
			writeJSON(w, http.StatusUnprocessableEntity, map[string]string{"error": "RecordInvalid"})
			return
		}
		comment := body.Ticket.Comment.Body
		if public := body.Ticket.Comment.Public; public != nil && !*public {
			comment = "note: " + comment
		}
		ticket.Status, ticket.comments = body.Ticket.Status, append(ticket.comments, comment)
		writeJSON(w, http.StatusOK, map[string]any{"ticket": ticket, "audit": map[string]any{"id": 5000 + len(ticket.comments)}})
		return
	}
	writeJSON(w, http.StatusNotFound, map[string]string{"error": "RecordNotFound"})
}

func (z *zendesk) all() [][]string {
	z.mu.Lock()
	defer z.mu.Unlock()
	var comments [][]string
	for _, ticket := range z.tickets {
		comments = append(comments, slices.Clone(ticket.comments))
	}
	return comments
}

func (z *zendesk) status(i int) string {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.tickets[i].Status
}

func ticketVars(base string) map[string]config.Secret {
	return map[string]config.Secret{
		"base": config.Secret(base + "/api/v2"), "authorization": zendeskAuthorization, "business_id": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
	}
}

func TestTicketsAreFoundCreatedAndAppendedTo(t *testing.T) {
	server, z := startZendesk(t)
	connector := connect(t, server.URL, time.Now, byPreset("ticket", ticketVars(server.URL)))
	const lookUp = "GET /api/v2/tickets?external_id=" + presetCustomer
	user := "POST /api/v2/users/create_or_update"

	for _, step := range []struct {
		event    message.Event
		receipt  string
		requests []string
		want     [][]string
	}{
		{written(1, "first"), "5611", []string{user, lookUp, "POST /api/v2/tickets"}, [][]string{{"first"}}},
		{written(2, "second"), "5002", []string{user, lookUp, "PUT /api/v2/tickets/4711"}, [][]string{{"first", "second"}}},
	} {
		receipt, err := attempt(t, connector, step.event)
		if err != nil || receipt.ID != step.receipt || len(receipt.Messages) > 0 {
			t.Errorf("%q: receipt %+v, error %v; want %s", step.event.Data.Text, receipt, err, step.receipt)
		}
		if got := server.requests(); !slices.Equal(got, step.requests) {
			t.Errorf("%q: requests %q, want %q", step.event.Data.Text, got, step.requests)
		}
		if got := z.all(); !reflect.DeepEqual(got, step.want) {
			t.Errorf("%q: the desk has %q, want %q", step.event.Data.Text, got, step.want)
		}
	}

	z.mu.Lock()
	z.tickets[0].Status = "closed" // takes no comment any more
	z.mu.Unlock()
	if _, err := attempt(t, connector, written(3, "third")); err != nil {
		t.Error(err)
	}
	if got, want := z.all(), [][]string{{"first", "second"}, {"third"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("after a closed ticket the desk has %q, want %q", got, want)
	}
	if err := deliverWithin(t, connector, events()["conversation.closed"]); err != nil {
		t.Error(err)
	}
	if got := z.all()[1]; len(got) != 2 || !strings.HasPrefix(got[1], "note: ") || z.status(1) != "solved" {
		t.Errorf("the customer left; the ticket has %q", got)
	}
}

func TestTicketsWhenRequestsFail(t *testing.T) {
	server, z := startZendesk(t)
	connector := connect(t, server.URL, time.Now, byPreset("ticket", ticketVars(server.URL)))
	ok := fake.Fault{}

	// The answer to the third request, which makes the ticket, is lost: it is made again under the same key.
	server.script.Next(ok, ok, fake.Fault{Status: 502, Late: true}, fake.Fault{Status: 500, Late: true})
	if _, err := attempt(t, connector, written(1, "first")); err != nil {
		t.Error(err)
	}
	if got := server.requests(); len(got) != 5 {
		t.Errorf("requests %q, want the third made three times", got)
	}
	if got, want := z.all(), [][]string{{"first"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("the desk has %q, want %q", got, want)
	}

	// The answer to a comment is lost: a second one would be a second comment, so it is not made again by itself.
	server.script.Next(ok, ok, fake.Fault{Status: 500, Late: true})
	_, err := attempt(t, connector, written(2, "second"))
	if failure, is := errors.AsType[*message.Failure](err); !is || failure.Class != message.Transient {
		t.Errorf("a comment that failed: %v, want class %s", err, message.Transient)
	}
	if got := server.requests(); len(got) != 3 {
		t.Errorf("requests %q", got)
	}

	server.script.Next(fake.Fault{Status: 429, Header: fake.RetryLater()})
	_, err = attempt(t, connector, written(3, "third"))
	if failure, is := errors.AsType[*message.Failure](err); !is || failure.Class != message.Throttled || failure.RetryAfter != time.Hour {
		t.Errorf("a desk that asks for patience: %v", err)
	}
	stranger := connect(t, server.URL, time.Now, byPreset("ticket", ticketVars(server.URL)), func(c *webhook.Config) { c.Vars["authorization"] = "Basic aHVudGVyMg==" })
	_, err = attempt(t, stranger, written(4, "fourth"))
	if failure, is := errors.AsType[*message.Failure](err); !is || failure.Class != message.Auth || strings.Contains(err.Error(), "aHVudGVyMg") {
		t.Errorf("a wrong token: %v, want class %s", err, message.Auth)
	}
}

func TestATicketsCommentIsSent(t *testing.T) {
	const token = "zendesk-webhook-t0ken"
	connector := connect(t, "http://127.0.0.1:1", time.Now, byPreset("ticket", ticketVars("http://127.0.0.1:1")), byToken(token))
	receive := func(public, text string) ([]message.Outbound, error) {
		req := webhooktest.OwnWebhookWithToken(ownReply, fake.Genuine)
		req.Header.Set(webhooktest.TokenHeader, token)
		req.Body = io.NopCloser(strings.NewReader(fmt.Sprintf(`{"ticket_id":"4711","external_id":%q,"status":"Open","comment_id":"998",
			"comment_text":%q,"comment_public":%q,"comment_author_role":"agent"}`, presetCustomer, text, public)))
		return connector.Receive(t.Context(), req)
	}
	outs, err := receive("true", "Hi")
	want := message.Outbound{
		Key: "comment 998", BusinessID: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", CustomerID: "urn:mbid:AQAAY3VzdG9tZXI=",
		Sender: message.Sender{Kind: message.SenderAgent}, Content: message.Text{Text: "Hi"},
	}
	if err != nil || len(outs) != 1 || outs[0].Key != want.Key || outs[0].BusinessID != want.BusinessID || !reflect.DeepEqual(outs[0].Content, want.Content) {
		t.Fatalf("got %+v, %v; want %+v", outs, err, want)
	}
	if outs[0].CustomerID != want.CustomerID {
		t.Errorf("customer %s, want %s", outs[0].CustomerID, want.CustomerID)
	}
	if outs, err := receive("false", "Careful"); err != nil || len(outs) > 0 {
		t.Errorf("a private note becomes %+v, %v", outs, err)
	}
}

// startTiledesk makes a conversation with its first message: the id of the request is the caller's.
func startTiledesk(t *testing.T) (*product, func(conversation string) []string) {
	var mu sync.Mutex
	conversations := map[string][]string{}
	api := http.NewServeMux()
	authorized := func(w http.ResponseWriter, req *http.Request) bool {
		if req.Header.Get("Authorization") == "JWT x.y.z" && strings.HasPrefix(req.PathValue("request"), "support-group-p1-") {
			return true
		}
		writeJSON(w, http.StatusUnauthorized, map[string]any{"success": false, "msg": "Unauthorized."})
		return false
	}
	api.HandleFunc("POST /v3/p1/requests/{request}/messages", func(w http.ResponseWriter, req *http.Request) {
		var body struct{ Sender, Text, Type string }
		if !authorized(w, req) || !readJSON(w, req, &body) {
			return
		}
		if body.Sender != presetCustomer || body.Text == "" {
			writeJSON(w, http.StatusUnprocessableEntity, map[string]any{"success": false})
			return
		}
		mu.Lock()
		defer mu.Unlock()
		id := req.PathValue("request")
		conversations[id] = append(conversations[id], body.Type+" "+body.Text)
		writeJSON(w, http.StatusOK, map[string]any{"_id": fmt.Sprint("m", len(conversations[id])), "request_id": id, "text": body.Text})
	})
	api.HandleFunc("PUT /v3/p1/requests/{request}/close", func(w http.ResponseWriter, req *http.Request) {
		if !authorized(w, req) {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if _, ok := conversations[req.PathValue("request")]; !ok {
			writeJSON(w, http.StatusNotFound, map[string]any{"success": false, "msg": "Request not found"})
			return
		}
		conversations[req.PathValue("request")] = append(conversations[req.PathValue("request")], "closed")
		writeJSON(w, http.StatusOK, map[string]any{"status": 1000})
	})
	return startProduct(t, api), func(conversation string) []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(conversations[conversation])
	}
}

func TestAChatIsMadeByItsFirstMessage(t *testing.T) {
	server, conversation := startTiledesk(t)
	connector := connect(t, server.URL, time.Now, byPreset("chat", map[string]config.Secret{
		"base": config.Secret(server.URL + "/v3"), "project": "p1", "authorization": "JWT x.y.z",
	}))
	if err := deliverWithin(t, connector, events()["conversation.closed"]); err != nil {
		t.Errorf("closing what is not there: %v", err)
	}
	server.requests()
	picture := written(2, "", func(e *message.Event) {
		e.Data.Attachments = []message.Attachment{{ID: "0", Name: "a.png", MIMEType: "image/png", Size: 9, URL: "https://bridge.example.com/media/x"}}
	})
	for i, event := range []message.Event{written(1, "Hello"), picture} {
		receipt, err := attempt(t, connector, event)
		if err != nil || receipt.ID != fmt.Sprint("m", i+1) {
			t.Errorf("receipt %+v, error %v", receipt, err)
		}
	}
	if err := deliverWithin(t, connector, events()["conversation.closed"]); err != nil {
		t.Error(err)
	}
	for _, dropped := range []string{"typing.started", "message.failed"} {
		if err := deliverWithin(t, connector, events()[dropped]); err != nil {
			t.Errorf("%s: %v", dropped, err)
		}
	}
	requests := server.requests()
	if len(requests) != 3 || requests[0] != requests[1] {
		t.Fatalf("requests %q, want two messages of one conversation and its end", requests)
	}
	id := strings.Split(requests[0], "/")[4]
	want := []string{"text Hello", "image https://bridge.example.com/media/x", "closed"}
	if got := conversation(id); !slices.Equal(got, want) {
		t.Errorf("the conversation has %q, want %q", got, want)
	}

	payload := fmt.Sprintf(`{"hook":{"event":"message.create"},"payload":{"_id":"m9","sender":"a1","senderFullname":"Ada","text":"Which one?",
		"attributes":{"attachment":{"buttons":[{"type":"text","value":"One"},{"type":"text","value":"Two"}]}},
		"request":{"request_id":%q,"attributes":{"apple_mbid":"urn:mbid:AQAAY3VzdG9tZXI=","apple_business":"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee","apple_context":"AVNlYWxlZA"}}}}`, id)
	outs, err := connector.Receive(t.Context(), webhooktest.Post(webhooktest.VerifySecret, "msg_1", time.Now(), payload))
	wantOut := []message.Outbound{{
		Key: "message m9", BusinessID: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", CustomerID: "urn:mbid:AQAAY3VzdG9tZXI=", Sealed: "AVNlYWxlZA",
		Sender:  message.Sender{Kind: message.SenderAgent, Name: "Ada"},
		Content: message.QuickReply{Prompt: "Which one?", Options: []message.Option{{ID: "One", Title: "One"}, {ID: "Two", Title: "Two"}}},
	}}
	if err != nil || !reflect.DeepEqual(outs, wantOut) {
		t.Errorf("got %+v, %v; want %+v", outs, err, wantOut)
	}
}
