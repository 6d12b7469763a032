// Package stripetest is a stand-in for the part of Stripe's API that package stripe calls, written from Stripe's documentation:
// form encoding, bearer keys, idempotency keys whose results are replayed, one charge for a PaymentIntent, a search that lags.
// It fails when it is told to.
package stripetest

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Key is the secret key that is accepted.
const Key = "sk_test_notARealKey000000"

// The operations, by which faults are planned.
const (
	Create  = "create"
	Token   = "token"
	Update  = "update"
	Confirm = "confirm"
	Get     = "get"
	Search  = "search"
)

// Fault is how a call goes wrong.
type Fault int

// The faults. "Before" is before anything was done, "after" is when it was done but cannot be told.
const (
	None Fault = iota
	ResetBefore
	ResetAfter
	ErrorBefore // 500, which is saved under the key
	ErrorAfter  // 500, which is saved under the key
	Unavailable // 503, before
	RateLimited // 429, before
	LockTimeout // 429 lock_timeout: another call is at the object
	InUse       // 409: another call has the key
	Unauthorized
	Malformed   // half an answer, after
	Page        // a proxy's page with status 502, after
	OtherAmount // it takes more than it was asked for
	Hang        // no answer until the client goes, after
)

// Charge is money that was taken, or reserved.
type Charge struct {
	Request, Transaction, Intent, Currency string
	Amount                                 int64
}

// Call is a call as it came.
type Call struct {
	Operation, Path, Key string
	Header               http.Header
	Form                 url.Values
	Fault                Fault
}

// Server is one account at Stripe.
type Server struct {
	*httptest.Server
	// Plan, when not nil, says how a call goes wrong. Latency is how long a charge takes. KeepErrors lets an update not remove the
	// error of the last attempt, against the documentation. They are set before the first call.
	Plan       func(operation string) Fault
	Latency    func() time.Duration
	KeepErrors bool

	mu      sync.Mutex
	saved   map[string]*result
	intents map[string]*intent
	order   []string // of intents, oldest first
	indexed map[string]object
	tokens  map[string]*token
	charges []Charge
	calls   []Call
}

// object is a JSON object.
type object = map[string]any

// result is what Stripe remembers under a key.
type result struct {
	params string
	done   bool
	status int
	body   []byte
}

// New starts a server. It is its caller's to close.
func New() *Server {
	s := &Server{saved: map[string]*result{}, intents: map[string]*intent{}, indexed: map[string]object{}, tokens: map[string]*token{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// Charges gives all charges.
func (s *Server) Charges() []Charge {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.charges)
}

// Calls gives the calls of an operation; "": all.
func (s *Server) Calls(operation string) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.calls), func(c Call) bool { return operation != "" && c.Operation != operation })
}

// Index lets the search see what there is.
func (s *Server) Index() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, i := range s.intents {
		s.indexed[id] = i.show()
	}
}

// Forget removes all idempotency keys, as Stripe may after 24 hours.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.saved)
}

// Set makes every PaymentIntent of a request look different: somebody works in the Dashboard.
func (s *Server) Set(request, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.intents {
		if i.metadata["request_id"] == request {
			i.status = status
		}
	}
}

func operationOf(r *http.Request) string {
	switch path := r.URL.Path; {
	case r.Method == http.MethodPost && path == "/v1/payment_intents":
		return Create
	case r.Method == http.MethodPost && path == "/v1/tokens":
		return Token
	case r.Method == http.MethodPost && strings.HasPrefix(path, "/v1/payment_intents/pi_") && strings.HasSuffix(path, "/confirm"):
		return Confirm
	case r.Method == http.MethodPost && strings.HasPrefix(path, "/v1/payment_intents/pi_"):
		return Update
	case r.Method == http.MethodGet && path == "/v1/payment_intents/search":
		return Search
	case r.Method == http.MethodGet && strings.HasPrefix(path, "/v1/payment_intents/pi_"):
		return Get
	}
	return ""
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	operation := operationOf(r)
	_ = r.ParseForm()
	fault := None
	if s.Plan != nil {
		fault = s.Plan(operation)
	}
	s.mu.Lock()
	s.calls = append(s.calls, Call{operation, r.URL.Path, r.Header.Get("Idempotency-Key"), r.Header.Clone(), maps.Clone(r.Form), fault})
	s.mu.Unlock()
	answer := s.refuse(r, operation, fault)
	if answer == nil {
		answer = s.perform(r, operation, fault)
	}
	answer.write(w, r, fault)
}

// answer is what goes back; nil bytes reset the connection.
type answer struct {
	status   int
	body     []byte
	replayed bool
}

func problem(status int, kind, code string, more ...any) *answer {
	fields := object{"type": kind, "message": "words for people, which can hold what the customer typed: 4242424242424242"}
	if code != "" {
		fields["code"] = code
	}
	for i := 0; i+1 < len(more); i += 2 {
		fields[more[i].(string)] = more[i+1]
	}
	return shown(status, object{"error": fields})
}

func shown(status int, value any) *answer {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return &answer{status: status, body: body}
}

// refuse is what stands before the API's work: the key, the limits.
func (s *Server) refuse(r *http.Request, operation string, fault Fault) *answer {
	switch {
	case r.Header.Get("Authorization") != "Bearer "+Key || fault == Unauthorized:
		return problem(401, "invalid_request_error", "")
	case operation == "":
		return problem(404, "invalid_request_error", "resource_missing")
	case r.Header.Get("Stripe-Version") == "":
		return problem(400, "invalid_request_error", "", "param", "Stripe-Version") // stricter than Stripe
	case fault == RateLimited:
		return problem(429, "invalid_request_error", "rate_limit")
	case fault == Unavailable:
		return problem(503, "api_error", "")
	case fault == ResetBefore:
		return &answer{}
	case r.Method == http.MethodPost && r.Header.Get("Content-Type") != "application/x-www-form-urlencoded":
		return problem(400, "invalid_request_error", "")
	}
	return nil
}

func (s *Server) perform(r *http.Request, operation string, fault Fault) *answer {
	switch {
	case (r.Method == http.MethodGet || operation == Update) && (fault == ErrorBefore || fault == ErrorAfter):
		return problem(500, "api_error", "")
	case operation == Update: // also without a key
		return s.update(strings.TrimPrefix(r.URL.Path, "/v1/payment_intents/"), r.PostForm)
	case operation == Get:
		return s.show(strings.TrimPrefix(r.URL.Path, "/v1/payment_intents/"))
	case operation == Search:
		return s.search(r.Form.Get("query"))
	}
	return s.once(r, operation, fault)
}

// once is the layer of the idempotency keys.
func (s *Server) once(r *http.Request, operation string, fault Fault) *answer {
	key, params := r.Header.Get("Idempotency-Key"), r.URL.Path+"?"+r.PostForm.Encode()
	if key == "" || len(key) > 255 {
		return problem(400, "invalid_request_error", "") // stricter than Stripe, which would work without
	}
	s.mu.Lock()
	old := s.saved[key]
	switch {
	case old != nil && old.params != params:
		s.mu.Unlock()
		return problem(400, "idempotency_error", "")
	case old != nil && !old.done, fault == InUse:
		s.mu.Unlock()
		return problem(409, "invalid_request_error", "idempotency_key_in_use")
	case old != nil:
		s.mu.Unlock()
		return &answer{old.status, old.body, true}
	}
	mine := &result{params: params}
	s.saved[key] = mine
	s.mu.Unlock()

	made, save := s.execute(r, operation, fault)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !save {
		delete(s.saved, key) // it failed validation, or met another call
		return made
	}
	mine.done, mine.status, mine.body = true, made.status, made.body
	return made
}

func (s *Server) execute(r *http.Request, operation string, fault Fault) (made *answer, save bool) {
	if fault == ErrorBefore {
		return problem(500, "api_error", ""), true
	}
	switch operation {
	case Create:
		made, save = s.create(r.PostForm, fault)
	case Token:
		made, save = s.tokenize(r.PostForm)
	case Confirm:
		id := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/v1/payment_intents/"), "/confirm")
		made, save = s.confirm(id, r.PostForm, fault)
	}
	if fault == ErrorAfter && save {
		made = problem(500, "api_error", "")
	}
	return made, save
}

func (a *answer) write(w http.ResponseWriter, r *http.Request, fault Fault) {
	if fault == Hang {
		<-r.Context().Done()
	}
	if a.status == 0 || fault == ResetAfter || fault == Hang {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
		return
	}
	status, body := a.status, a.body
	w.Header().Set("Content-Type", "application/json")
	switch {
	case fault == Malformed:
		body = body[:len(body)/2]
	case fault == Page:
		w.Header().Set("Content-Type", "text/html")
		status, body = 502, []byte("<html>Bad gateway</html>")
	}
	if a.replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func newID(prefix string) string {
	var b [12]byte
	_, _ = rand.Read(b[:])
	return prefix + hex.EncodeToString(b[:])
}
