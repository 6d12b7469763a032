package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// retryAfter is what a gateway in trouble asks for, in seconds.
const retryAfter = "1"

// businessTyping is how long typing_start shows on the phone without a typing_end.
const businessTyping = 60 * time.Second

// Gateway is Apple's gateway.
func (s *Sandbox) Gateway() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/message", s.serveMessage)
	for _, route := range []string{
		"POST /v1/authenticate", "GET /v1/preUpload", "GET /v1/preDownload",
		"POST /v1/decodePayload", "POST /v1/encodePayload", "POST /v1/constructPayload",
	} {
		mux.HandleFunc(route, s.serveNotYet)
	}
	return mux
}

// serveNotYet answers those of Apple's routes that the simulator lacks: 400, since
// that is final, where 404 would speak of the customer and 5xx invite a repeat.
func (s *Sandbox) serveNotYet(w http.ResponseWriter, r *http.Request) {
	x := s.openHop(bridgeToGateway, r.Method, r.URL.RequestURI(), r.Header)
	s.answerGateway(w, x, &refusal{http.StatusBadRequest, "the simulator does not offer " + r.URL.Path + " yet"})
}

// serveMessage is POST /v1/message.
func (s *Sandbox) serveMessage(w http.ResponseWriter, r *http.Request) {
	x := s.openHop(bridgeToGateway, r.Method, r.URL.RequestURI(), r.Header)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	denied := s.checkToken(r.Header.Get("Authorization"))
	s.carry(x, body, "", tokenCheck(denied))
	if err != nil {
		s.answerGateway(w, x, unreadable(err))
		return
	}
	if _, down := s.hit(faultAppleDown); down {
		w.Header().Set("Retry-After", retryAfter)
		s.answerGateway(w, x, &refusal{http.StatusServiceUnavailable, "fault: Apple is down"})
		return
	}
	if delay, slow := s.hit(faultAppleSlow); slow {
		s.pause(delay)
	}
	if denied != nil {
		s.answerGateway(w, x, denied)
		return
	}
	m, refused := parseMessage(r.Header, body)
	note := ""
	if refused == nil {
		note, refused = s.accept(m)
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
	w.WriteHeader(http.StatusOK)
	s.closeHop(x, http.StatusOK, "", note)
}

func (s *Sandbox) answerGateway(w http.ResponseWriter, x *hop, r *refusal) {
	http.Error(w, r.reason, r.status)
	s.closeHop(x, r.status, r.reason, "")
}

func tokenCheck(denied *refusal) check {
	if denied != nil {
		return check{"bad", denied.reason}
	}
	return check{"ok", "HS256 token of the MSP"}
}

func unreadable(err error) *refusal {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &refusal{http.StatusRequestEntityTooLarge, "the body is over 1 MiB"}
	}
	return &refusal{http.StatusBadRequest, "the body could not be read"}
}

// accept judges a well-formed message by the state of the world, and shows it on the
// phone. The note is for the traffic panel.
func (s *Sandbox) accept(m *outbound) (note string, _ *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, refused := s.recipient(m)
	if refused != nil {
		return "", refused
	}
	if content, ok := s.accepted.get(m.ID); ok {
		if content != m.content {
			return "", &refusal{http.StatusBadRequest, "this id was used before, with other content"}
		}
		if b := t.bubble(m.ID); b != nil {
			b.Repeats++
			s.publishBubble(t, b)
		}
		return "repeat: this id was taken before, and is not shown again", nil
	}
	s.accepted.put(m.ID, m.content)
	t.TypingUntil = 0 // a message ends the indicator, too
	switch m.Type {
	case "typing_start":
		t.TypingUntil = s.now().Add(businessTyping).UnixMilli()
	case "text":
		s.addBubble(t, &bubble{ID: m.ID, From: "business", Text: m.Body, At: s.now(), Automated: m.Automated})
	}
	s.publish("thread", t.meta())
	return "", nil
}

// recipient finds whom a message is for.
func (s *Sandbox) recipient(m *outbound) (*thread, *refusal) {
	if _, ok := s.business(m.SourceID); !ok {
		return nil, &refusal{http.StatusNotFound, "unknown business"}
	}
	for _, t := range s.phones.threads {
		if t.OpaqueID != m.DestinationID || t.BusinessID != m.SourceID {
			continue
		}
		switch {
		case !t.Started:
			return nil, &refusal{http.StatusNotFound, "the customer never wrote to this business"}
		case t.person.SignedOut:
			return nil, &refusal{http.StatusNotFound, "the customer is signed out on all devices"}
		case t.Deleted:
			return nil, &refusal{http.StatusGone, "the customer deleted the conversation"}
		}
		return t, nil
	}
	return nil, &refusal{http.StatusNotFound, "unknown customer"}
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
