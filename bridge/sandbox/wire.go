package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// phoneTimeout is how long the gateway waits for the bridge.
const phoneTimeout = 10 * time.Second

// appleMessage is the body of a request from Apple.
type appleMessage struct {
	V             int    `json:"v"`
	ID            string `json:"id"`
	Type          string `json:"type"`
	SourceID      string `json:"sourceId"`
	DestinationID string `json:"destinationId"`
	Locale        string `json:"locale,omitempty"`
	Body          string `json:"body,omitempty"`
	Intent        string `json:"intent,omitempty"`
	Group         string `json:"group,omitempty"`

	Attachments        []appleAttachment `json:"attachments,omitempty"`
	InteractiveData    json.RawMessage   `json:"interactiveData,omitempty"`
	InteractiveDataRef *dataRef          `json:"interactiveDataRef,omitempty"`
}

// message begins a message from the customer to the business.
func (t *thread) message(kind string) appleMessage {
	id := newUUID()
	if t.person.Device.upperCaseIDs {
		id = strings.ToUpper(id)
	}
	return appleMessage{
		V: 1, ID: id, Type: kind, SourceID: t.OpaqueID,
		DestinationID: t.BusinessID, Locale: t.person.Locale,
	}
}

// phoneRequest is what one message is posted as, however often. It is not altered.
type phoneRequest struct {
	message appleMessage
	device  device
	body    []byte // JSON
	gzip    []byte
	again   *phoneRequest // the same with another id, for Apple to deliver a little later
}

func newPhoneRequest(t *thread, m appleMessage) *phoneRequest {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(m) // strings and numbers
	body := bytes.TrimSpace(plain.Bytes())
	return &phoneRequest{message: m, device: t.person.Device, body: body, gzip: gzipped(body)}
}

// dispatch posts a request to the bridge, after those that the same customer sent to
// the same business before. Then it calls settle under s.mu with the reason why the
// message was not delivered, or none. It answers false where too much is waiting.
func (s *Sandbox) dispatch(request *phoneRequest, settle func(reason string)) bool {
	return s.lanes.add("phone "+request.message.SourceID, func(ctx context.Context) {
		reason := s.postMessage(ctx, request)
		s.mu.Lock()
		settle(reason)
		s.mu.Unlock()
		if _, twice := s.hit(faultDuplicate); twice {
			s.postMessage(ctx, request)
		}
		if request.again != nil && reason == "" {
			s.lanes.add("again "+request.again.message.ID, func(ctx context.Context) {
				s.pause(s.twiceAfter)
				s.postMessage(ctx, request.again)
			})
		}
	})
}

// postMessage is Apple's request to the bridge.
func (s *Sandbox) postMessage(ctx context.Context, request *phoneRequest) (reason string) {
	m := request.message
	// Names in lower case as Apple documents them, past the canonical form of net/http.
	header := http.Header{
		"Authorization":    {"Bearer " + mintToken(s.key, s.mspID, s.now())},
		"Content-Type":     {"application/json"},
		"Content-Encoding": {"gzip"},
		"id":               {m.ID},
		"source-id":        {m.SourceID},
		"destination-id":   {m.DestinationID},
		"capability-list":  {strings.Join(request.device.Capabilities, ",")},
		"device-agent":     {request.device.Agent},
	}
	p := post{
		hop: phoneToBridge, path: "/message", header: header, shown: request.body, body: request.gzip,
		encoded: fmt.Sprintf("gzip, %d → %d bytes", len(request.body), len(request.gzip)),
		check:   check{"signed", "HS256, aud is the MSP id"}, timeout: phoneTimeout,
	}
	status, _, err := s.post(ctx, p)
	switch {
	case err != nil:
		return "The bridge gave no answer: " + errorText(err)
	case status != http.StatusOK:
		return fmt.Sprintf("The bridge answered %d %s", status, http.StatusText(status))
	}
	return ""
}

// post is one request from the sandbox to the bridge.
type post struct {
	hop, path string
	header    http.Header
	body      []byte // as sent
	shown     []byte // as the traffic panel shows it
	encoded   string // note on the difference
	check     check
	timeout   time.Duration
}

// post does one request and records it as a hop.
func (s *Sandbox) post(ctx context.Context, p post) (status int, answer []byte, err error) {
	s.mu.Lock()
	base := s.bridgeURL
	s.mu.Unlock()
	x := s.openHop(p.hop, http.MethodPost, urlPath(base)+p.path, p.header)
	s.carry(x, p.shown, p.encoded, p.check)
	status, answer, err = s.roundTrip(ctx, base+p.path, p)
	note := ""
	if err != nil {
		note = "no answer: " + errorText(err)
	}
	s.closeHop(x, status, string(answer), note)
	return status, answer, err
}

func (s *Sandbox) roundTrip(ctx context.Context, target string, p post) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(p.body))
	if err != nil {
		return 0, nil, err
	}
	request.Header = p.header
	response, err := s.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	return response.StatusCode, answer, err
}

// errorText is an error without the method and URL that net/http puts before it.
func errorText(err error) string {
	if wrapped, ok := err.(*url.Error); ok {
		err = wrapped.Err
	}
	return err.Error()
}

func urlPath(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	return u.Path
}
