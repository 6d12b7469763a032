package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/semaphore"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/attachment"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/bridge/seal"
	"bizbridge/connectors"
)

const (
	repeatWindow   = 24 * time.Hour
	repeatSize     = 1 << 16
	contextTTL     = 90 * 24 * time.Hour
	typingPatience = 10 * time.Second
	maxTyping      = 256 // typing indicators under way at once; more are dropped
)

// Desk is a configured connector, as the flows see it.
type Desk struct {
	Name         string
	Connector    connectors.Connector
	AnswerWithin time.Duration    // 0: its webhooks are patient
	PostsOnce    bool             // it does not try again
	Replies      connectors.Level // how it shows answers to interactive messages
	Sender       Sender           // its door for messages to customers
	// IdentityTokens: it gets tokens that tell who a customer is, so sign-ins come with proofs to ask for them with.
	IdentityTokens bool
	// Profile asks an API of the operator's who the customer is; nil: there is none to ask. firstSeen tells that the
	// helpdesk has got nothing of this conversation from this replica yet. It gives nil where there is nothing to tell.
	Profile func(ctx context.Context, event message.Event, firstSeen bool) (map[string]any, *message.Failure)
}

// Gateway is Apple's side; [apple.Client] implements it. The errors are [*message.Failure].
type Gateway interface {
	Send(ctx context.Context, out apple.Outgoing) (apple.Accepted, error)
	// Expand reads a large interactive answer; with an error, too, it tells how far it came.
	Expand(ctx context.Context, reference apple.Reference) (json.RawMessage, apple.Expansion, error)
	// Fetch streams a customer's file from offset on; length bytes, or the rest when length is negative.
	Fetch(ctx context.Context, source attachment.Source, offset, length int64) (io.ReadCloser, error)
	// AppClip asks for the card of an App Clip.
	AppClip(ctx context.Context, id message.ID, business message.BusinessID, link message.RichLink) (json.RawMessage, error)
}

// Links makes links to customers' files; [media.Links] implements it.
type Links interface {
	New(source attachment.Source) (link string, expires time.Time, err error)
}

// Memory is what a replica remembers beyond one message. It outlives a change of configuration; it need not outlive the
// process.
type Memory struct {
	inbound   *repeats[struct{}]
	outbound  *repeats[message.SendResult]
	half      *lru.Cache[string, halfSent]
	uncertain *lru.Cache[string, struct{}] // inbound messages that the helpdesk may already have
	devices   *lru.Cache[string, message.Device]
	homes     *lru.Cache[string, home]      // where conversations are, of businesses with several helpdesks
	taps      *lru.Cache[string, time.Time] // answers that the helpdesk has, by session and content
	met       *lru.Cache[string, struct{}]  // conversations of which the helpdesk has something, where profiles are looked up
	pictures  pictures                      // what is shown often, or could not be sent in time

	inboundLanes, outboundLanes   *lanes
	inboundTyping, outboundTyping *typingSlots
	typing                        *semaphore.Weighted
	tasks                         tasks // work that nobody waits for
	shutdown                      context.Context
	cancel                        context.CancelFunc
}

// NewMemory makes an empty memory.
func NewMemory(now func() time.Time) *Memory {
	m := &Memory{
		inbound:       newRepeats[struct{}](repeatSize, repeatWindow, now),
		outbound:      newRepeats[message.SendResult](repeatSize, repeatWindow, now),
		inboundLanes:  newLanes(),
		outboundLanes: newLanes(),
		inboundTyping: newTypingSlots(), outboundTyping: newTypingSlots(),
		typing: semaphore.NewWeighted(maxTyping), pictures: newPictures(),
	}
	m.half, _ = lru.New[string, halfSent](repeatSize / 16)
	m.uncertain, _ = lru.New[string, struct{}](repeatSize / 16)
	m.devices, _ = lru.New[string, message.Device](repeatSize / 8)
	m.homes, _ = lru.New[string, home](repeatSize / 8)
	m.taps, _ = lru.New[string, time.Time](repeatSize / 16)
	m.met, _ = lru.New[string, struct{}](repeatSize / 8)
	m.shutdown, m.cancel = context.WithCancel(context.Background())
	return m
}

// Drain waits for what is under way without anyone waiting for it, until ctx ends; then it cancels the rest, and
// everything else that still runs.
func (m *Memory) Drain(ctx context.Context) {
	select {
	case <-m.tasks.idle():
	case <-ctx.Done():
	}
	m.cancel()
	<-m.tasks.idle()
}

// Shutdown ends when nothing is waited for any more.
func (m *Memory) Shutdown() context.Context { return m.shutdown }

// Options is what the flows need.
type Options struct {
	Memory  *Memory
	Gateway Gateway
	Links   Links
	// Desks is each business's helpdesk, by business id as registered.
	Desks map[message.BusinessID]*Desk
	// Routes is for businesses with several helpdesks: their connectors are all [connectors.ConversationFinder], and the last
	// one, which takes what matches none, is in Desks.
	Routes  map[message.BusinessID][]Route
	Ring    *seal.Ring
	Metrics *metrics.Metrics
	Logger  *slog.Logger
	Now     func() time.Time
	// Timeout is the budget of one delivery, waiting and retries included.
	Timeout time.Duration
	// RichLinks says what becomes of the links in each business's texts.
	RichLinks map[message.BusinessID]RichLinks
	// Pages fetches the pages that links lead to, for their titles and pictures.
	Pages FileOpener
	// SignIns asks customers to sign in, and reads what comes of it; nil: no business has a provider.
	SignIns SignIns
	// Payments asks customers for money, and reads what comes of it; nil: no business has a merchant.
	Payments Payments
	// Templates expands what agents and bots name; nil: there are none.
	Templates Templates
	// MaxFile is the largest file, in either direction, in bytes; files up to InlineMax are uploaded into helpdesks that
	// take uploads.
	MaxFile, InlineMax int64
	// InboundConcurrency is how many messages of Apple are worked on at once; more are told to come back.
	InboundConcurrency int64
	// OutboundConcurrency is how many messages are sent to Apple at once; more wait for their turn.
	OutboundConcurrency int64
}

// Flow is both flows under one configuration. It is safe for concurrent use.
type Flow struct {
	Options
	businesses map[string]message.BusinessID // lower case → as registered
	inbound    *semaphore.Weighted
	outbound   *semaphore.Weighted
}

// New makes the flows.
func New(options Options) *Flow {
	f := &Flow{
		Options:    options,
		businesses: make(map[string]message.BusinessID, len(options.Desks)),
		inbound:    semaphore.NewWeighted(options.InboundConcurrency),
		outbound:   semaphore.NewWeighted(options.OutboundConcurrency),
	}
	for business := range options.Desks {
		f.businesses[strings.ToLower(string(business))] = business
	}
	return f
}

// conversation names one customer's exchange with one business in the memory's maps.
func conversation(business message.BusinessID, customer message.CustomerID) string {
	return string(business) + " " + string(customer)
}

// bounded gives a delivery its deadline. It does not end with the request that brought the message: when the sender
// hangs up, finishing is better than not knowing.
func (f *Flow) bounded(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	stop := context.AfterFunc(f.Memory.shutdown, cancel)
	return ctx, func() { stop(); cancel() }
}

// protect runs a call into a connector or into the client of Apple's gateway. A panic in there is a failed delivery
// like any other.
func (f *Flow) protect(peer string, call func() error) (failure *message.Failure) {
	defer func() {
		if cause := recover(); cause != nil {
			f.Logger.Error("panic while calling a peer", "peer", peer, "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			failure = message.Failuref(message.Transient, "the bridge failed while calling %s", peer)
		}
	}()
	return message.FailureOf(call())
}

// background runs work that nobody waits for, but that a shutdown does.
func (f *Flow) background(work func(ctx context.Context)) {
	f.Memory.tasks.run(func() { work(f.Memory.shutdown) })
}

func (f *Flow) sealDevice(business message.BusinessID, customer message.CustomerID, device message.Device) string {
	plain, err := json.Marshal(device)
	if err != nil {
		panic(err) // strings only
	}
	return f.Ring.Seal(seal.PurposeContext, conversation(business, customer), f.Now().Add(contextTTL), plain)
}

var errNoContext = errors.New("no context")

// openDevice reads what sealDevice wrote, when the sender echoes it.
func (f *Flow) openDevice(business message.BusinessID, customer message.CustomerID, sealed string) (device message.Device, err error) {
	if sealed == "" {
		return device, errNoContext
	}
	plain, err := f.Ring.Open(seal.PurposeContext, conversation(business, customer), sealed, f.Now())
	if err != nil {
		return device, err
	}
	err = json.Unmarshal(plain, &device)
	return device, err
}
