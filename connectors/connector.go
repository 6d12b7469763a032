// Package connectors holds what every helpdesk's connector is: a small interface that all implement, optional ones
// beside it, and the factory that describes a kind. Each connector lives in its own folder; the registry package lists
// them.
//
// A connector only translates and calls. It never builds an HTTP client, never retries, never sleeps and never logs a
// body: the flow and the HTTP client do that for all of them, once.
package connectors

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/httpclient/auth"
	"bizbridge/bridge/message"
	"bizbridge/config"
)

// Connector carries messages to and from one helpdesk. All methods are called concurrently.
type Connector interface {
	// Deliver hands one event to the helpdesk. It is called for messages of one conversation one after the other, within
	// a context that has a deadline. nil means that the helpdesk durably has it: only then does Apple hear that the
	// message arrived. The error is a [*message.Failure], whose class decides what happens next.
	Deliver(ctx context.Context, event message.Event) (Receipt, error)

	// Receive verifies and parses one request of the helpdesk. It must not act on it: the flow sends what is returned. The
	// one exception is a note to agents about a message of which nobody can tell whose it is. No message and no error means
	// that there is nothing to do. The error is a [*signature.Error] (401), wraps [message.ErrMalformed] (400) or an
	// *http.MaxBytesError (413), or is a [*message.Failure] (422 for Invalid). Beside a failure, a message is what could be
	// read of the one that is refused, its key and addresses at least: a [FailureRelay] hears of it.
	Receive(ctx context.Context, req *http.Request) ([]message.Outbound, error)
}

// Receipt is what a helpdesk says of a message that it took.
type Receipt struct {
	ID string // the helpdesk's own id of the message; "" where it gives none
	// Messages is what a bot answered at once. The flow sends them to the customer before Apple hears that the message
	// arrived; they have keys, so that a repeat sends nothing twice.
	Messages []message.Outbound
}

// TypingRelay is for helpdesks that show when the customer types. It is called at most once per change, is never
// retried, and must not open a conversation. Without it, typing is dropped.
type TypingRelay interface {
	Connector
	RelayTyping(ctx context.Context, event message.Event) error
}

// CloseRelay is for helpdesks that can be told that the customer left. nil means that the helpdesk durably knows.
// Without it, the customer's leaving is acknowledged and counted as unsupported.
type CloseRelay interface {
	Connector
	RelayClose(ctx context.Context, event message.Event) error
}

// FailureRelay is for helpdesks that do not read the answers to their webhooks: every message of theirs that is refused or
// fails for good, or at all where they post once, comes back as message.failed through Deliver, once per key. That the customer left comes as
// conversation.closed instead.
type FailureRelay interface {
	Connector
	// RelaysFailures tells whether this connector shows them as it is configured.
	RelaysFailures() bool
}

// Uploader is for helpdesks that take files themselves. Deliver then finds Attachment.Open set, where size and time
// allow, and streams the bytes into the helpdesk. Without it, files are links.
type Uploader interface {
	Connector
	// UploadsFiles tells whether this connector does so as it is configured.
	UploadsFiles() bool
}

// FileOpener is for helpdesks whose files need its credentials. It is asked only for URLs at the helpdesk's own origin;
// the credentials must go nowhere else. The error is a [*message.Failure].
type FileOpener interface {
	Connector
	OpenFile(ctx context.Context, url string) (*httpclient.Download, error)
}

// NoteWriter is for helpdesks in which agents can see a note that the customer does not. It is called after a message was
// sent differently from how it was written, best effort.
type NoteWriter interface {
	Connector
	WriteNote(ctx context.Context, business message.BusinessID, customer message.CustomerID, text string) error
}

// ChoiceKeeper is for helpdesks that can keep a short opaque text beside a conversation, such as a custom attribute. The
// customer's "2" can then become the answer to a list that was sent as a numbered text. Both are best effort.
type ChoiceKeeper interface {
	Connector
	// KeepChoice replaces what is kept; "" forgets it.
	KeepChoice(ctx context.Context, business message.BusinessID, customer message.CustomerID, sealed string) error
	// KeptChoice gives what is kept; "" for nothing.
	KeptChoice(ctx context.Context, business message.BusinessID, customer message.CustomerID) (string, error)
}

// ConversationFinder is for helpdesks that can be asked whether they have an open conversation with a customer. Businesses
// with several helpdesks need it of each: a conversation stays where it is open.
type ConversationFinder interface {
	Connector
	// HasOpenConversation is called before a message is delivered, within a part of its time. It opens nothing. The error is
	// a [*message.Failure].
	HasOpenConversation(ctx context.Context, business message.BusinessID, customer message.CustomerID) (bool, error)
}

// Runner is for helpdesks that send over a connection which the bridge has to open, such as a stream of events.
type Runner interface {
	Connector
	// Run is called once while the connector is in use, on every replica, and returns soon after ctx ends. It opens its
	// connection again whenever that breaks, with a pause. What it reads it hands to send, which sends one message to a customer
	// and returns when Apple has it, or has refused it; each needs a key by which replicas that read the same recognise it.
	// A failure that is not final can be tried again.
	Run(ctx context.Context, send func(context.Context, message.Outbound) *message.Failure)
}

// SelfTester is for connectors whose configuration brings its own tests, such as a mapping's. Nothing is contacted.
type SelfTester interface {
	Connector
	// SelfTest runs them: each line of failed tells of one that fails, each of warnings of what is doubtful.
	SelfTest(ctx context.Context) (run int, failed, warnings []string)
}

// Checker is for connectors that can look whether the helpdesk's side is set up: credentials, scopes, the webhook's
// registration. It is called by a person who waits, never while messages are carried, and changes nothing there.
type Checker interface {
	Connector
	// Check lists everything that it has looked at, in the order in which somebody would set it up.
	Check(ctx context.Context) []Finding
}

// Finding is one thing that a [Checker] has looked at.
type Finding struct {
	Subject string // what was looked at: "API access", "webhook"
	Verdict Verdict
	Cause   string // what is wrong; "" for Good
	Fix     string // what to do about it, as somebody does it at the helpdesk; "" for Good
}

// Verdict is how a [Finding] came out.
type Verdict int

// The verdicts.
const (
	Good     Verdict = iota
	Doubtful         // it may work; somebody should look
	Broken
)

// Factory describes one kind of helpdesk and makes its connectors.
type Factory struct {
	Type    string // the type key of the configuration
	Summary string // one line for the list of connectors

	// NewConfig gives a pointer to the kind's own settings with their defaults; Schema is the JSON Schema of the same.
	NewConfig func() any
	Schema    []byte

	// Operations names the calls that its connectors make, for the metrics.
	Operations []string

	// AnswerWithin is how soon the helpdesk's webhooks want an answer; 0: it does not matter.
	AnswerWithin time.Duration
	// PostsOnce tells that it sends each webhook once, whatever the answer: a [FailureRelay] then hears of everything that was
	// not sent, since nobody tries again.
	PostsOnce bool
	Abilities Abilities

	// Origin gives a URL whose scheme, host and port are the helpdesk's own under these settings: files there are
	// trusted. nil: no files come from the helpdesk.
	Origin func(settings any) string

	// Auth gives what proves under these settings who calls the helpdesk, and the URLs to whose origins that goes. The
	// calls of [Environment.HTTP] carry it by themselves, and so do requests for files. nil: the connector has its own way.
	Auth func(settings any) (list []auth.Settings, origins []string)

	// Profile gives the look-up of customers that these settings ask for, empty or nil where they ask for none. The bridge
	// makes it, see [LookUp]; the connector finds its result in the events. nil: the connector cannot have one.
	Profile func(settings any) *Profile

	// New makes a connector from validated settings (what NewConfig gave, filled). It reads files that these name, and does
	// no other I/O.
	New func(Environment, any) (Connector, error)
}

// Environment is what the bridge gives to a connector, as opposed to what its user configured.
type Environment struct {
	Name   string             // the connector's name in the configuration
	Dir    string             // the configuration's folder, to which the paths of settings are relative
	HTTP   *httpclient.Client // its calls are authenticated, where the configuration says how
	Logger *slog.Logger
	Now    func() time.Time
}

// ConfigType is what the configuration loader needs to know of the kind.
func (f Factory) ConfigType() config.ConnectorType {
	return config.ConnectorType{Name: f.Type, New: f.NewConfig, Schema: f.Schema}
}
