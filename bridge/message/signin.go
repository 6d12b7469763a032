package message

// SignInStatus is how a sign-in ended.
type SignInStatus string

// The ends of a sign-in.
const (
	SignInSucceeded SignInStatus = "succeeded"
	SignInFailed    SignInStatus = "failed"
	SignInCanceled  SignInStatus = "canceled"
)

// SignInStatuses lists them all.
var SignInStatuses = []SignInStatus{SignInSucceeded, SignInFailed, SignInCanceled}

// SignIn tells of a step of a sign-in. It is two facts: the exchange with the provider, which tells who somebody is, and
// Apple's word that the customer's device has done it. Only both together, of the same request, are a login: a link that
// was passed on proves nothing.
type SignIn struct {
	Provider  string       `json:"provider"`
	RequestID string       `json:"request_id"` // of the sign-in message; SendResult told it
	Status    SignInStatus `json:"status"`
	// Confirmed is Apple's word. Without it, an Identity is only a claim of whoever opened the link.
	Confirmed bool      `json:"confirmed"`
	Identity  *Identity `json:"identity,omitempty"`
	// Confirmation is Apple's word as the bridge believes it again: for an identity token, beside an Identity's Assertion.
	Confirmation string `json:"confirmation,omitempty"`
	Error        string `json:"error,omitempty"` // in words, for the agent
}

// Identity is what a provider says of a person, verified.
type Identity struct {
	// Subject is the same for one person at one business, whatever device or Apple ID they write from, and tells nothing
	// about them: a keyed hash of the provider's own subject.
	Subject string         `json:"subject"`
	Claims  map[string]any `json:"claims,omitempty"` // as the provider gives them: sub, name, email, …
	// Assertion is this identity as the bridge believes it again, sealed: for an identity token. It is there where the
	// helpdesk gets such tokens.
	Assertion string `json:"assertion,omitempty"`
}

// SignInRequest asks the customer to sign in (protocol §7).
type SignInRequest struct {
	Provider string  `json:"provider,omitempty"` // "": the one of the business
	Received *Bubble `json:"received,omitempty"` // nil: a default
	Reply    *Bubble `json:"reply,omitempty"`    // nil: a default
	Images   []Image `json:"images,omitempty"`
}

// Kind is [KindSignIn].
func (SignInRequest) Kind() Kind { return KindSignIn }

// MarshalJSON writes the content with its kind.
func (s SignInRequest) MarshalJSON() ([]byte, error) {
	type fields SignInRequest // without this method
	return marshalContent(KindSignIn, fields(s))
}

func (s SignInRequest) validate(r report) {
	images := r.images(s.Images)
	if s.Received != nil {
		r.bubble("/received", *s.Received, images)
	}
	if s.Reply != nil {
		r.bubble("/reply", *s.Reply, images)
	}
}

// Pictures implements [Pictured].
func (s SignInRequest) Pictures() []Picture {
	var references []string
	for _, bubble := range []*Bubble{s.Received, s.Reply} {
		if bubble != nil {
			references = append(references, bubble.Image)
		}
	}
	return referred(s.Images, references...)
}
