package apple

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"bizbridge/bridge/attachment"
	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/idr"
	"bizbridge/bridge/message"
)

// Reference is an interactive answer that Apple keeps in its store because it is large: an interactiveDataRef (protocol
// §6).
type Reference struct {
	Source attachment.Source
	BID    string // of the app that made it; Apple's decoder asks for it
	Title  string // of the bubble, where Apple sends it; all that is left when the answer cannot be read
}

// maxReference bounds an answer in memory, before and after it is decoded. It echoes the images of the message it
// answers, so it is much larger than what people chose.
const maxReference = 32 << 20

// Expansion tells how a reference was read: the outcome label of the metrics.
type Expansion string

// The ways to read a reference.
const (
	ExpansionDecoded Expansion = "decoded" // by Apple
	ExpansionLocal   Expansion = "local"   // here, after Apple would not
	ExpansionFailed  Expansion = "failed"
)

// Expansions lists them all.
var Expansions = []Expansion{ExpansionDecoded, ExpansionLocal, ExpansionFailed}

// Expand reads the answer behind a reference: an interactiveData object. The error is a [*message.Failure].
func (c *Client) Expand(ctx context.Context, reference Reference) (json.RawMessage, Expansion, error) {
	if reference.Source.Size > maxReference {
		return nil, ExpansionFailed, message.Failuref(message.Permanent, "the answer has %d bytes; at most %d are read", reference.Source.Size, maxReference)
	}
	stream, err := c.Fetch(ctx, reference.Source, 0, -1)
	if err != nil {
		return nil, ExpansionFailed, err
	}
	defer stream.Close()
	blob, err := io.ReadAll(stream)
	if err != nil {
		return nil, ExpansionFailed, &message.Failure{Class: message.Transient, Reason: "Apple's store broke off", Err: err}
	}
	if data, err := c.decodePayload(ctx, reference, blob); err == nil {
		return data, ExpansionDecoded, nil
	}
	data, err := idr.Decode(blob)
	if err != nil {
		return nil, ExpansionFailed, &message.Failure{Class: message.Permanent, Reason: "neither Apple nor the bridge can read the answer", Err: err}
	}
	return data, ExpansionLocal, nil
}

// decodePayload asks Apple to decode. It fails with 403 now and then although the token is right (protocol §2.4), so
// any failure only means that it has to be done here. For that, and for handing on the answer, half of the time is kept.
func (c *Client) decodePayload(ctx context.Context, reference Reference, blob []byte) (json.RawMessage, error) {
	business, ok := c.directory.Business(reference.Source.Business)
	if !ok {
		return nil, message.Failuref(message.Permanent, "the business is not configured")
	}
	if strings.ContainsFunc(reference.BID, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, errors.New("the bid fits into no header")
	}
	bearer, failure := c.bearer(business, false)
	if failure != nil {
		return nil, failure
	}
	if deadline, ok := ctx.Deadline(); ok {
		half, cancel := context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
		ctx = half
	}
	stream, err := c.http.Open(ctx, httpclient.Call{
		Operation: "decode_payload", Method: http.MethodPost, URL: c.gateway + "/decodePayload", Body: blob, Retry: httpclient.RetryIdempotent,
		Header: http.Header{
			"Authorization": {bearer}, "Source-Id": {string(business.ID)}, "Bid": {reference.BID}, "Accept": {"*/*"},
			"Content-Type": {"application/octet-stream"}, "User-Agent": {c.userAgent},
		},
	})
	if err != nil {
		return nil, err
	}
	defer stream.Body.Close()
	if stream.Status != http.StatusOK {
		return nil, fmt.Errorf("decodePayload answers %d", stream.Status)
	}
	body, err := io.ReadAll(io.LimitReader(stream.Body, maxReference))
	if err != nil {
		return nil, err
	}
	return idr.Envelope(body)
}
