package bridge

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"

	"bizbridge/bridge/message"
)

// problem is an error answer (RFC 9457). code is the machine's word for it, detail the person's.
type problem struct {
	Type   string          `json:"type"`
	Title  string          `json:"title"`
	Status int             `json:"status"`
	Code   message.Code    `json:"code,omitempty"`
	Detail string          `json:"detail,omitempty"`
	Errors []message.Fault `json:"errors,omitempty"` // for 422: every fault with its JSON pointer
	Parts  []message.Part  `json:"parts,omitempty"`  // what became of each Apple message, where Apple was asked

	retryAfter time.Duration
}

// codeStatus is the HTTP status of each code.
var codeStatus = map[message.Code]int{
	message.CodeMalformed:        http.StatusBadRequest,
	message.CodeUnauthorized:     http.StatusUnauthorized,
	message.CodeForbidden:        http.StatusForbidden,
	message.CodeUnknownBusiness:  http.StatusNotFound,
	message.CodeUnknownConnector: http.StatusNotFound,
	message.CodeUnreachable:      http.StatusNotFound,
	message.CodeConflict:         http.StatusConflict,
	message.CodeClosed:           http.StatusGone,
	message.CodeTooLarge:         http.StatusRequestEntityTooLarge,
	message.CodeInvalid:          http.StatusUnprocessableEntity,
	message.CodeUnsupported:      http.StatusUnprocessableEntity,
	message.CodeUnknownTemplate:  http.StatusUnprocessableEntity,
	message.CodeDeviceUnknown:    http.StatusUnprocessableEntity,
	message.CodeExpired:          http.StatusUnprocessableEntity,
	message.CodeRateLimited:      http.StatusTooManyRequests,
	message.CodeUnavailable:      http.StatusServiceUnavailable,
	message.CodeUncertain:        http.StatusServiceUnavailable,
}

func newProblem(code message.Code, detail string) *problem {
	status := codeStatus[code]
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// failureProblem words a failure for a sender. What Apple or a helpdesk cannot do now is 503 or 429 and worth a repeat.
func failureProblem(failure *message.Failure) *problem {
	p := newProblem(failure.SenderCode(), failure.Reason)
	p.Errors = failure.Faults
	p.retryAfter = failure.RetryAfter
	return p
}

// defaultRetryAfter is for failures where nobody said how long to wait.
const defaultRetryAfter = 2 * time.Second

func (p *problem) write(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	switch p.Status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		wait := p.retryAfter
		if wait <= 0 {
			wait = defaultRetryAfter
		}
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the sender may be gone; the outcome is counted already
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}
