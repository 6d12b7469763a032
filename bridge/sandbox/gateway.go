package sandbox

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// retryAfter is what a gateway in trouble asks for, in seconds.
const retryAfter = "1"

// businessTyping is how long typing_start shows on the phone without a typing_end.
const businessTyping = 60 * time.Second

// Gateway is Apple's gateway.
func (s *Sandbox) Gateway() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/message", s.serveSend(parseMessage))
	mux.HandleFunc("POST /v1/authenticate", s.serveSend(parseAuthenticate))
	mux.HandleFunc("GET /v1/preUpload", s.serveCall(0, s.preUpload))
	mux.HandleFunc("GET /v1/preDownload", s.serveCall(0, s.preDownload))
	mux.HandleFunc("POST /v1/decodePayload", s.serveCall(maxPayload, s.decodePayload))
	mux.HandleFunc("POST /v1/constructPayload", s.serveCall(maxConstruct, s.constructPayload))
	mux.HandleFunc("/mmcs/", s.serveTransfer)
	mux.HandleFunc("POST /v1/encodePayload", s.serveNotYet)
	return mux
}

// serveNotYet answers those of Apple's routes that the simulator lacks: 400, since
// that is final, where 404 would speak of the customer and 5xx invite a repeat.
func (s *Sandbox) serveNotYet(w http.ResponseWriter, r *http.Request) {
	x := s.openHop(bridgeToGateway, r.Method, r.URL.RequestURI(), r.Header)
	s.answerGateway(w, x, &refusal{http.StatusBadRequest, "the simulator does not offer " + r.URL.Path + " yet"})
}

// call is a request to one of Apple's routes beside /v1/message.
type call struct {
	header http.Header
	body   []byte
	base   string // the gateway's address, as it was called
}

// result is what a good request is answered; without an answer, 200 has no body. The note is for the traffic panel.
type result struct {
	note   string
	answer any
}

// serveCall makes a handler of a route that wants a token and a business.
func (s *Sandbox) serveCall(limit int64, do func(call) (result, *refusal)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x := s.openHop(bridgeToGateway, r.Method, r.URL.RequestURI(), r.Header)
		denied := s.checkToken(r.Header.Get("Authorization"))
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
		shown, kind := body, ""
		if len(body) > 0 && !json.Valid(body) {
			shown, kind = nil, fmt.Sprintf("binary, %d bytes", len(body))
		}
		s.carry(x, shown, kind, tokenCheck(denied))
		switch {
		case err != nil:
			s.answerGateway(w, x, unreadable(err, limit))
			return
		case s.appleDown(w, x):
			return
		case denied != nil:
			s.answerGateway(w, x, denied)
			return
		}
		if refused := s.checkSource(r.Header); refused != nil {
			s.answerGateway(w, x, refused)
			return
		}
		done, refused := do(call{r.Header, body, s.gatewayBase(r)})
		if refused != nil {
			s.answerGateway(w, x, refused)
			return
		}
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.Header().Set("Content-Encoding", "gzip")
			zip := gzip.NewWriter(w)
			defer zip.Close()
			w = zippedAnswer{w, zip}
		}
		s.answerJSON(w, x, done)
	}
}

// zippedAnswer compresses an answer for those who asked for it.
type zippedAnswer struct {
	http.ResponseWriter
	zip io.Writer
}

func (z zippedAnswer) Write(p []byte) (int, error) { return z.zip.Write(p) }

// checkSource wants the header Source-Id to name a business.
func (s *Sandbox) checkSource(h http.Header) *refusal {
	id := h.Get("Source-Id")
	if id == "" {
		return &refusal{http.StatusBadRequest, "the header Source-Id is missing"}
	}
	if _, ok := s.business(id); !ok {
		return &refusal{http.StatusNotFound, "unknown business"}
	}
	return nil
}

// gatewayBase is the gateway's own address, as the bridge calls it. Whatever address the gateway gives out is below it.
func (s *Sandbox) gatewayBase(r *http.Request) string {
	base := "http://" + r.Host
	if r.TLS != nil {
		base = "https://" + r.Host
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mmcs.base = base
	return base
}

// appleDown answers in place of a gateway in trouble, or makes it slow.
func (s *Sandbox) appleDown(w http.ResponseWriter, x *hop) bool {
	if _, down := s.hit(faultAppleDown); down {
		w.Header().Set("Retry-After", retryAfter)
		s.answerGateway(w, x, &refusal{http.StatusServiceUnavailable, "fault: Apple is down"})
		return true
	}
	if delay, slow := s.hit(faultAppleSlow); slow {
		s.pause(delay)
	}
	return false
}

// serveSend makes a handler of a route that takes messages for customers, by the rules of their parser.
func (s *Sandbox) serveSend(parse func(http.Header, []byte) (*outbound, *refusal)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x := s.openHop(bridgeToGateway, r.Method, r.URL.RequestURI(), r.Header)
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
		denied := s.checkToken(r.Header.Get("Authorization"))
		s.carry(x, body, "", tokenCheck(denied))
		if err != nil {
			s.answerGateway(w, x, unreadable(err, maxMessage))
			return
		}
		if s.appleDown(w, x) {
			return
		}
		if denied != nil {
			s.answerGateway(w, x, denied)
			return
		}
		s.gatewayBase(r)
		m, refused := parse(r.Header, body)
		var taken result
		if refused == nil {
			taken, refused = s.accept(m)
		}
		if refused != nil {
			s.answerGateway(w, x, refused)
			return
		}
		if _, drop := s.hit(faultAppleDrop); drop {
			s.closeHop(x, 0, "", "fault: taken, then the connection was reset")
			reset(w)
			return
		}
		s.answerJSON(w, x, taken)
	}
}

func (s *Sandbox) answerGateway(w http.ResponseWriter, x *hop, r *refusal) {
	http.Error(w, r.reason, r.status)
	s.closeHop(x, r.status, r.reason, "")
}

// answerJSON answers 200.
func (s *Sandbox) answerJSON(w http.ResponseWriter, x *hop, r result) {
	var body []byte
	if r.answer != nil {
		body, _ = json.Marshal(r.answer) // made of JSON or of strings
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // a bridge that has gone needs no answer
	s.closeHop(x, http.StatusOK, string(body), r.note)
}

func tokenCheck(denied *refusal) check {
	if denied != nil {
		return check{"bad", denied.reason}
	}
	return check{"ok", "HS256 token of the MSP"}
}

func unreadable(err error, limit int64) *refusal {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is over %d bytes", limit)}
	}
	return &refusal{http.StatusBadRequest, "the body could not be read"}
}

// reset tears the connection down without an answer.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // RST instead of FIN
	}
	if err := conn.Close(); err != nil {
		panic(fmt.Errorf("sandbox: resetting a connection: %w", err))
	}
}
