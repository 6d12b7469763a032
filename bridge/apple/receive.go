package apple

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"bizbridge/bridge/attachment"
	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
)

// Receiver verifies and reads what Apple posts. It keeps nothing between requests.
type Receiver struct {
	Directory *Directory
	Leeway    time.Duration // on the times in Apple's tokens
	MaxBody   int64         // bytes, both as sent and inflated
	Now       func() time.Time
}

// Incoming is one authentic message of Apple.
type Incoming struct {
	Event    message.Event // without its sealed context
	Type     string        // the type label of the metrics
	TokenAge time.Duration

	// Files are where the bytes of Event.Data.Attachments are, one for each; nil for one that cannot be fetched.
	Files []*attachment.Source
	// Reference is set when the answer to an interactive message has to be fetched first; see [Client.Expand].
	Reference *Reference
	// SignIn is set when the customer's device tells of a sign-in. Event then says only that it cannot be shown.
	SignIn *SignInAnswer
	// Payment is the same for a payment.
	Payment *PaymentAnswer
}

// Refusal is why a request is not accepted: the status that Apple is told, and for whom it counts.
type Refusal struct {
	Status    int
	Code      message.Code
	Detail    string             // for the operator's log and the answer; nothing of the body in it
	Signature signature.Reason   // "" unless the token was refused
	Business  message.BusinessID // "" unless the token was accepted and the business is known
}

func (r *Refusal) Error() string { return fmt.Sprintf("%d %s: %s", r.Status, r.Code, r.Detail) }

func refuse(status int, code message.Code, format string, args ...any) *Refusal {
	return &Refusal{Status: status, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Receive reads one request, in the order of protocol §2.3: nothing is inflated or parsed before the token is verified.
// The error is a [*Refusal].
func (r *Receiver) Receive(req *http.Request) (*Incoming, error) {
	if req.ContentLength > r.MaxBody {
		return nil, r.tooLarge()
	}
	destination := message.BusinessID(req.Header.Get("Destination-Id"))
	age, refusal := r.authenticate(req.Header.Get("Authorization"), destination)
	if refusal != nil {
		return nil, refusal
	}
	business, known := r.Directory.Business(destination)
	if destination != "" && !known {
		return nil, refuse(http.StatusNotFound, message.CodeUnknownBusiness, "no business of this id is configured")
	}
	incoming, refusal := r.read(req, business)
	if refusal != nil {
		refusal.Business = business.ID
		return nil, refusal
	}
	incoming.TokenAge = age
	return incoming, nil
}

func (r *Receiver) tooLarge() *Refusal {
	return refuse(http.StatusRequestEntityTooLarge, message.CodeTooLarge, "the body is larger than %d bytes", r.MaxBody)
}

// authenticate verifies the token with the account of the business that the header names; where it names none that is
// known, any account will do to tell a stranger (403) from Apple asking for something unknown (404).
func (r *Receiver) authenticate(authorization string, destination message.BusinessID) (time.Duration, *Refusal) {
	if authorization == "" {
		return 0, refuseToken(http.StatusUnauthorized, &signature.Error{Reason: signature.Missing, Text: "there is no Authorization header"})
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return 0, refuseToken(http.StatusUnauthorized, &signature.Error{Reason: signature.Missing, Text: "the Authorization header holds no Bearer token"})
	}
	candidates := r.Directory.accounts
	if business, ok := r.Directory.Business(destination); ok {
		account, _ := r.Directory.account(business.MSPID)
		candidates = []Account{account}
	}
	refused := &signature.Error{Reason: signature.Mismatch, Text: "no secret of this account verifies the token"}
	for _, account := range candidates {
		age, err := verifyToken(token, account, r.Leeway, r.Now())
		if err == nil {
			return age, nil
		}
		// Of several accounts, the one whose secret fits knows what is wrong with the token.
		if failed, ok := errors.AsType[*signature.Error](err); ok && failed.Reason != signature.Mismatch {
			refused = failed
		}
	}
	return 0, refuseToken(http.StatusForbidden, refused)
}

func refuseToken(status int, err *signature.Error) *Refusal {
	code := message.CodeForbidden
	if status == http.StatusUnauthorized {
		code = message.CodeUnauthorized
	}
	return &Refusal{Status: status, Code: code, Detail: err.Text, Signature: err.Reason}
}

func (r *Receiver) read(req *http.Request, business Business) (*Incoming, *Refusal) {
	body, err := r.inflate(req.Body)
	if err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return nil, r.tooLarge()
		}
		return nil, refuse(http.StatusBadRequest, message.CodeMalformed, "the body cannot be read: %v", err)
	}
	wire, err := decode(body)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, message.CodeMalformed, "%v", err)
	}
	if err := wire.agree(req.Header); err != nil {
		return nil, refuse(http.StatusBadRequest, message.CodeMalformed, "%v", err)
	}
	if business.ID == "" { // the header was missing, so the body says where it goes
		business, _ = r.Directory.Business(message.BusinessID(wire.destinationID))
		if business.ID == "" {
			return nil, refuse(http.StatusNotFound, message.CodeUnknownBusiness, "no business of this id is configured")
		}
		// Any account's token was good enough until now; it has to be the one of this business.
		if _, refusal := r.authenticate(req.Header.Get("Authorization"), business.ID); refusal != nil {
			return nil, refusal
		}
	}
	return wire.incoming(business.ID, req.Header, r.Now()), nil
}

var gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}

// inflate reads the body, through gzip where its first bytes say so: the Content-Encoding header is not to be relied on
// (protocol §2.7).
func (r *Receiver) inflate(body io.ReadCloser) ([]byte, error) {
	limited := http.MaxBytesReader(nil, body, r.MaxBody)
	var magic [2]byte
	n, err := io.ReadFull(limited, magic[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	rest := io.MultiReader(bytes.NewReader(magic[:n]), limited)
	if magic != [2]byte{0x1f, 0x8b} {
		return io.ReadAll(rest)
	}
	zip := gzipReaders.Get().(*gzip.Reader)
	defer gzipReaders.Put(zip)
	if err := zip.Reset(rest); err != nil {
		return nil, err
	}
	return io.ReadAll(http.MaxBytesReader(nil, io.NopCloser(zip), r.MaxBody))
}
