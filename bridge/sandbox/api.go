package sandbox

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"time"
)

// apiError is a control request's failure.
type apiError struct {
	status int
	text   string
}

func (e apiError) Error() string { return e.text }

// addControls routes the control API. Calls are POSTs of JSON but for GET /api/state
// and the PUTs of files; answers are JSON, failures {"error": "…"}. "business" may
// always be left out: the first is meant then. A send's "content" is posted as it is.
//
//	GET  /api/state              → everything, as the event stream's snapshot has it
//	POST /api/customers          {label?, device?, locale?} → 201, the customer; device: iphone, mac, watch, old_iphone
//	PUT  /api/phone/files?name=&type=  the bytes → 201 {id, name, mime_type, size, kind, href}
//	POST /api/phone/send         {customer, business?, text?, files?} → 202 {id}; files: ids of the above, each once
//	POST /api/phone/answer       {customer, business?, id, answer?, format?, twice?} → 202 {id}; see below
//	POST /api/phone/sign-in      {customer, business?, id, person?, outcome?, forwarded?, twice?, late?} → 202 {id?}; see below
//	POST /api/phone/pay/open     {customer, business?, id, format?, twice?} → 202; see below
//	POST /api/phone/pay/choose   {customer, business?, id, card? | contact? | method?} → 202
//	POST /api/phone/pay/authorize {customer, business?, id, format?, twice?} → 202
//	POST /api/phone/pay/cancel   {customer, business?, id, format?, twice?} → 202
//	POST /api/phone/apple-pay    {customer, on} → 202; whether their devices have Apple Pay
//	POST /api/phone/resend       {customer, business?, id} → 202; of a message "not_delivered"
//	POST /api/phone/typing       {customer, business?, on} → 202
//	POST /api/phone/tapback      {customer, business?, id, verb} → 202; id of a business bubble
//	POST /api/phone/delete       {customer, business?} → 202
//	POST /api/phone/link         {customer, url} → 200 {business_id, body, intent, group}
//	POST /api/phone/signed-out   {customer, on} → 202
//	POST /api/phone/device       {customer, device} → 202; devices as above
//	GET  /api/desk/samples       → [{name, kind, title, content}], contents to send
//	PUT  /api/desk/files?name=&type=   the bytes → 201 {id, name, mime_type, size, kind, href}
//	POST /api/desk/send          {conversation, text?, files?, content?, bot?, save?} → 202 {id}
//	POST /api/desk/saved         {conversation, id, bot?} → 202 {id}; id of a note "saved"
//	POST /api/desk/retry         {conversation, id} → 202; of a message "unconfirmed"
//	POST /api/desk/typing        {conversation, on, bot?} → 202
//	POST /api/desk/read          {conversation} → 202
//	POST /api/faults             {name, on, delay_ms?} → 202
//	POST /api/traffic/clear      {} → 202
//
// An answer is {index} to a quick reply, {items: [ids]} to a list picker, {slot: id} to a time picker, {pages:
// [{page, items?: [ids], value?}]} to a form, {url} to an app; without one the first choice is taken. The format is
// inline, json or bplist, the last two by reference; without one the answer goes inline up to 10 KB, else as json.
// With twice, Apple delivers the answer again about a second later, under another id.
//
// A sign-in is done by ada, grace or alan; the outcome is approve, deny or cancel, which opens no page. Forwarded, the page is
// gone through, but the phone never tells of it. Late, it tells some seconds after. What comes of it is in the bubble.
//
// A payment's sheet is opened, chosen in, and left by paying or canceling: the calls take effect in their order, so that nobody
// has to wait between them, and cancel gives up what is under way. The card is visa, mastercard or amex, the contact ann, ben,
// cleo or hana, the method an identifier of the sheet's. Format and twice are as of an answer; without a format, what came
// of the payment goes by reference, as json. How the sheet stands is in the bubble. A device without Apple Pay opens the
// fallback's page instead.
//
// 202 means that the sandbox has begun: what comes of it is told by the stream.
func (s *Sandbox) addControls(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/state", s.serveState)
	mux.HandleFunc("POST /api/customers", control(http.StatusCreated, func(c customerSpec) (any, error) {
		return s.addCustomer(c)
	}))
	mux.HandleFunc("POST /api/phone/send", accepts(func(c phoneCall) (any, error) {
		if len(c.Files) > 0 {
			return withID(s.sendFiles(c.Customer, c.Business, c.Text, c.Files))
		}
		return withID(s.sendText(c.Customer, c.Business, c.Text))
	}))
	mux.HandleFunc("POST /api/phone/answer", accepts(func(c phoneCall) (any, error) {
		return withID(s.answer(answerCall{c.Customer, c.Business, c.ID, c.Answer, c.Format, c.Twice}))
	}))
	mux.HandleFunc("POST /api/phone/sign-in", accepts(s.signIn))
	for name, do := range map[string]func(payCall) error{
		"open": s.openPayment, "choose": s.choosePayment, "authorize": s.authorizePayment, "cancel": s.cancelPayment,
	} {
		mux.HandleFunc("POST /api/phone/pay/"+name, accepts(func(c payCall) (any, error) { return done, do(c) }))
	}
	mux.HandleFunc("POST /api/phone/apple-pay", accepts(func(c phoneCall) (any, error) {
		return done, s.setApplePay(c.Customer, c.On)
	}))
	mux.HandleFunc("POST /api/phone/resend", accepts(func(c phoneCall) (any, error) {
		return done, s.resend(c.Customer, c.Business, c.ID)
	}))
	mux.HandleFunc("POST /api/phone/typing", accepts(func(c phoneCall) (any, error) {
		return done, s.customerTypes(c.Customer, c.Business, c.On)
	}))
	mux.HandleFunc("POST /api/phone/tapback", accepts(func(c phoneCall) (any, error) {
		return done, s.react(c.Customer, c.Business, c.ID, c.Verb)
	}))
	mux.HandleFunc("POST /api/phone/delete", accepts(func(c phoneCall) (any, error) {
		return done, s.deleteConversation(c.Customer, c.Business)
	}))
	mux.HandleFunc("POST /api/phone/link", control(http.StatusOK, func(c phoneCall) (any, error) {
		return s.openLink(c.Customer, c.URL)
	}))
	mux.HandleFunc("POST /api/phone/signed-out", accepts(func(c phoneCall) (any, error) {
		return done, s.setSignedOut(c.Customer, c.On)
	}))
	mux.HandleFunc("POST /api/phone/device", accepts(func(c phoneCall) (any, error) {
		return done, s.switchDevice(c.Customer, c.Device)
	}))
	mux.HandleFunc("GET /api/desk/samples", s.serveSamples)
	mux.HandleFunc("POST /api/desk/send", accepts(func(c deskCall) (any, error) {
		return withID(s.agentSends(c.Conversation, agentMessage{c.Text, c.Files, c.Content, c.Bot, c.Save}))
	}))
	mux.HandleFunc("POST /api/desk/saved", accepts(func(c deskCall) (any, error) {
		return withID(s.sendSaved(c.Conversation, c.ID, c.Bot))
	}))
	mux.HandleFunc("POST /api/desk/retry", accepts(func(c deskCall) (any, error) {
		return done, s.retryEntry(c.Conversation, c.ID)
	}))
	mux.HandleFunc("POST /api/desk/typing", accepts(func(c deskCall) (any, error) {
		return done, s.agentTyping(c.Conversation, c.On, c.Bot)
	}))
	mux.HandleFunc("POST /api/desk/read", accepts(func(c deskCall) (any, error) {
		return done, s.readConversation(c.Conversation)
	}))
	mux.HandleFunc("POST /api/faults", accepts(func(c faultCall) (any, error) {
		return done, s.setFault(c.Name, c.On, time.Duration(c.DelayMS)*time.Millisecond)
	}))
	mux.HandleFunc("POST /api/traffic/clear", accepts(func(struct{}) (any, error) {
		s.clearTraffic()
		return done, nil
	}))
}

type phoneCall struct {
	Customer string `json:"customer"`
	Business string `json:"business"`
	ID       string `json:"id"`
	Text     string `json:"text"`
	Verb     string `json:"verb"`
	URL      string `json:"url"`
	Format   string `json:"format"`
	On       bool   `json:"on"`
	Device   string `json:"device"`
	Twice    bool   `json:"twice"`

	Files  []string        `json:"files"`
	Answer json.RawMessage `json:"answer"`
}

type deskCall struct {
	Conversation string `json:"conversation"`
	ID           string `json:"id"`
	Text         string `json:"text"`
	On           bool   `json:"on"`
	Bot          bool   `json:"bot"`
	Save         bool   `json:"save"`

	Files   []string        `json:"files"`
	Content json.RawMessage `json:"content"`
}

type faultCall struct {
	Name    string `json:"name"`
	On      bool   `json:"on"`
	DelayMS int64  `json:"delay_ms"`
}

// done is the answer of calls that have nothing to tell.
var done = struct{}{}

func withID(id string, err error) (any, error) {
	return struct {
		ID string `json:"id"`
	}{id}, err
}

func accepts[Call any](do func(Call) (any, error)) http.HandlerFunc {
	return control(http.StatusAccepted, do)
}

// control makes a handler of a call: a JSON body in, JSON out.
func control[Call any](status int, do func(Call) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// A JSON content type cannot be sent across origins without the server's leave.
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			writeJSON(w, http.StatusUnsupportedMediaType, failure("the body must be application/json"))
			return
		}
		var call Call
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControlBody))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&call); err != nil {
			writeJSON(w, http.StatusBadRequest, failure("the body does not fit: "+err.Error()))
			return
		}
		result, err := do(call)
		var known apiError
		switch {
		case errors.As(err, &known):
			writeJSON(w, known.status, failure(known.text))
		case err != nil:
			writeJSON(w, http.StatusBadRequest, failure(err.Error()))
		default:
			writeJSON(w, status, result)
		}
	}
}

func failure(text string) any {
	return struct {
		Error string `json:"error"`
	}{text}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a page that has gone needs no answer
}

// serveState is GET /api/state.
func (s *Sandbox) serveState(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	body, err := json.Marshal(s.snapshot())
	s.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}
