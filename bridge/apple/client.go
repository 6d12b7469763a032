package apple

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/bridge/secureurl"
)

// Peer is the gateway's name in the metrics.
const Peer = "apple"

// Client sends messages to Apple's gateway.
type Client struct {
	gateway   string
	userAgent string
	http      *httpclient.Client
	files     *httpclient.Client
	metrics   *metrics.Metrics
	directory *Directory
	loopback  bool               // the gateway is a sandbox on this machine: its stores may be too
	minters   map[string]*minter // by MSP id in lower case
}

// ClientOptions is what a client needs.
type ClientOptions struct {
	GatewayURL string // up to and including /v1
	Version    string // of the bridge, for Apple's log
	Directory  *Directory
	HTTP       *httpclient.Client
	// Files moves files to and from Apple's store. It has its own connections: slow readers of files must not hold up
	// messages.
	Files   *httpclient.Client
	Metrics *metrics.Metrics
	Now     func() time.Time
}

// NewClient makes a client for all accounts of the directory.
func NewClient(options ClientOptions) *Client {
	c := &Client{
		gateway:   strings.TrimRight(options.GatewayURL, "/"),
		userAgent: "bizbridge/" + options.Version,
		http:      options.HTTP,
		files:     options.Files,
		metrics:   options.Metrics,
		directory: options.Directory,
		minters:   make(map[string]*minter),
	}
	if gateway, err := url.Parse(options.GatewayURL); err == nil {
		c.loopback = gateway.Scheme == "http" && secureurl.Loopback(gateway.Hostname())
	}
	for _, account := range options.Directory.accounts {
		c.minters[strings.ToLower(account.MSPID)] = &minter{account: account, now: options.Now}
	}
	return c
}

// Outgoing is one Apple message: one bubble, or a typing indicator.
type Outgoing struct {
	ID       message.ID // the same on every retry of the same message
	Business message.BusinessID
	Customer message.CustomerID
	Sender   message.Sender
	Content  message.Content // what fits one Apple message: one of [Parts]
	Files    []File          // the bytes of the content's files, one for each
	Save     bool            // ask for a reference by which the message can be sent again
	// RequestID is what the answer to an interactive message will name; a UUID.
	RequestID string
	// Pictures are the content's pictures by their ids, as PNG within Apple's limits.
	Pictures map[string][]byte
	// OAuth is what a sign-in message asks the device to do.
	OAuth OAuth
	// Payment is what a payment message needs.
	Payment Payment
	// Card is Apple's card of an App Clip, from [Client.AppClip], which goes instead of the rich link's own title and picture.
	Card json.RawMessage
}

// Accepted is what Apple says of a message that it took.
type Accepted struct {
	DataRef json.RawMessage // nil: none was asked for, or Apple gave none
}

type outgoingWire struct {
	Version            int                `json:"v"`
	ID                 message.ID         `json:"id"`
	Type               string             `json:"type"`
	SourceID           message.BusinessID `json:"sourceId"`
	DestinationID      message.CustomerID `json:"destinationId"`
	Body               string             `json:"body,omitempty"`
	Attachments        []wireAttachment   `json:"attachments,omitzero"`
	InteractiveData    *wireInteractive   `json:"interactiveData,omitempty"`
	InteractiveDataRef json.RawMessage    `json:"interactiveDataRef,omitempty"`
	RichLinkData       *wireRichLink      `json:"richLinkData,omitempty"`
	RichLinkDataRef    json.RawMessage    `json:"richLinkDataRef,omitempty"`
}

// Send sends one message, its files before it. A nil error means that the gateway accepted it: Apple gives no receipt of
// delivery. The error is a [*message.Failure]. A refused token is replaced and tried once more.
func (c *Client) Send(ctx context.Context, out Outgoing) (Accepted, error) {
	business, ok := c.directory.Business(out.Business)
	if !ok {
		return Accepted{}, message.Failuref(message.Permanent, "the business is not configured")
	}
	wire := outgoingWire{Version: 1, ID: out.ID, SourceID: business.ID, DestinationID: out.Customer}
	if failure := c.fill(ctx, business, out, &wire); failure != nil {
		return Accepted{}, failure
	}
	body, err := json.Marshal(wire)
	if err != nil {
		return Accepted{}, &message.Failure{Class: message.Invalid, Reason: "the message cannot be written as JSON", Err: err}
	}
	resp, failure := c.post(ctx, business, out, body)
	if failure != nil {
		return Accepted{}, failure
	}
	return Accepted{DataRef: dataRef(resp.Body)}, nil
}

// fill writes the content as Apple wants it.
func (c *Client) fill(ctx context.Context, business Business, out Outgoing, wire *outgoingWire) *message.Failure {
	switch content := out.Content.(type) {
	case message.Text:
		wire.Type, wire.Body = "text", content.Text
	case message.Files:
		wire.Type = "text"
		// Without one mark for each, Messages shows no file (protocol §4.3).
		wire.Body = content.Text + strings.Repeat(string(message.AttachmentMark), len(out.Files))
		for _, file := range out.Files {
			entry, failure := c.upload(ctx, business, file)
			if failure != nil {
				return failure
			}
			wire.Attachments = append(wire.Attachments, entry)
		}
	case message.Saved:
		wire.Type, wire.InteractiveDataRef = "interactive", content.DataRef
	case message.Typing:
		wire.Type = "typing_start"
		if content.State == message.TypingOff {
			wire.Type = "typing_end"
		}
	case message.RichLink:
		wire.Type, wire.RichLinkDataRef = "richLink", out.Card
		if out.Card == nil {
			wire.RichLinkData = richLink(content, out.Pictures[""])
		}
	case message.App:
		wire.Type, wire.InteractiveData = "interactive", app(content, out.Pictures[""])
		wire.Attachments = []wireAttachment{} // as in Apple's sample
	case message.SignInRequest:
		wire.Type, wire.InteractiveData = "interactive", signIn(content, out)
	case message.PaymentRequest:
		wire.Type, wire.InteractiveData = "interactive", payment(content, out)
	default:
		data, ok := interactive(out)
		if !ok {
			return message.Failuref(message.Invalid, "content of kind %s cannot be sent", out.Content.Kind())
		}
		wire.Type, wire.InteractiveData = "interactive", data
	}
	return nil
}

// dataRef finds the reference in the answer to a message that was sent with save.
func dataRef(body []byte) json.RawMessage {
	var answer struct {
		DataRef json.RawMessage `json:"dataRef"`
	}
	if json.Unmarshal(body, &answer) != nil || !present(answer.DataRef) {
		return nil
	}
	return answer.DataRef
}

func (c *Client) post(ctx context.Context, business Business, out Outgoing, body []byte) (*httpclient.Response, *message.Failure) {
	// Whether Apple recognises a repeated id is not known, but the same id is the best protection there is, and not
	// repeating would lose messages (protocol §10.2).
	retry, call := httpclient.RetryIdempotent, c.withToken
	if out.Content.Kind() == message.KindTyping {
		retry, call = httpclient.RetryNever, c.withTokenOnce
	}
	operation := "message"
	if out.Content.Kind() == message.KindSignIn {
		operation = "authenticate"
	}
	resp, failure := call(business, func(bearer string) (*httpclient.Response, error) {
		return c.http.Do(ctx, httpclient.Call{
			Operation: operation, Method: http.MethodPost, URL: c.gateway + "/" + operation,
			Header: c.headers(business, out, bearer), Body: body, Retry: retry,
		})
	})
	if failure != nil && failure.Class == message.Invalid {
		switch out.Content.Kind() {
		case message.KindSaved:
			failure.Reason = "Apple does not know the saved message any more, or refuses it; send it whole"
		case message.KindPayment: // protocol §8.3
			failure.Reason = "Apple refused the payment message: is the merchant id entered and approved for the business in Apple Business Register?"
		}
		failure.Reason += explanation(resp.Body)
	}
	return resp, failure
}

// withToken makes a call with the account's token, and once more with a new one when Apple refuses it. The response is
// there whenever Apple gave one.
func (c *Client) withToken(business Business, call func(bearer string) (*httpclient.Response, error)) (*httpclient.Response, *message.Failure) {
	resp, failure := c.call(business, false, call)
	if failure != nil && failure.Class == message.Auth && resp != nil {
		c.metrics.UpstreamRetries.WithLabelValues(Peer, "refused").Inc()
		resp, failure = c.call(business, true, call)
	}
	return resp, failure
}

// withTokenOnce is for what is not tried again.
func (c *Client) withTokenOnce(business Business, call func(bearer string) (*httpclient.Response, error)) (*httpclient.Response, *message.Failure) {
	return c.call(business, false, call)
}

func (c *Client) call(business Business, freshToken bool, call func(bearer string) (*httpclient.Response, error)) (*httpclient.Response, *message.Failure) {
	bearer, failure := c.bearer(business, freshToken)
	if failure != nil {
		return nil, failure
	}
	resp, err := call(bearer)
	if err != nil {
		return nil, message.FailureOf(err)
	}
	if failure = statusFailure(resp.Status); failure != nil {
		failure.RetryAfter = resp.RetryAfter
	}
	return resp, failure
}

func (c *Client) bearer(business Business, fresh bool) (string, *message.Failure) {
	bearer, err := c.minters[strings.ToLower(business.MSPID)].bearer(fresh)
	if err != nil {
		return "", &message.Failure{Class: message.Auth, Reason: "no token could be made", Err: err}
	}
	return bearer, nil
}

func (c *Client) headers(business Business, out Outgoing, bearer string) http.Header {
	header := http.Header{
		"Authorization":  {bearer},
		"Content-Type":   {"application/json"},
		"Id":             {string(out.ID)},
		"Source-Id":      {string(business.ID)},
		"Destination-Id": {string(out.Customer)},
		"Msp-Agent":      {c.agent(out.Sender)},
		"User-Agent":     {c.userAgent},
	}
	if out.Sender.Kind == message.SenderBot {
		header.Set("Auto-Reply", "true")
	}
	if out.Save {
		header.Set("Include-Data-Ref", "true")
	}
	return header
}

// maxAgent is how much of msp-agent Apple logs.
const maxAgent = 64

// agent names the author of a message in Apple's log, as far as a header can carry it.
func (c *Client) agent(sender message.Sender) string {
	name := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, sender.Name)
	name = strings.TrimSpace(name)
	if name == "" {
		return c.userAgent
	}
	return name[:min(len(name), maxAgent)]
}

const maxExplanation = 200

// explanation is what Apple wrote into the body of a refusal, cut to what fits a log line.
func explanation(body []byte) string {
	words := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 4*maxExplanation)]), "")), " ")
	if words == "" {
		return ""
	}
	if utf8.RuneCountInString(words) > maxExplanation {
		words = string([]rune(words)[:maxExplanation]) + "…"
	}
	return ": " + words
}
