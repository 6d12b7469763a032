package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// SignIn is what is registered at Apple for a business's sign-in, and at the provider for the business.
type SignIn struct {
	// Issuer is where the provider is served, such as "http://127.0.0.1:41235".
	Issuer string
	// OAuthURL is what Messages opens when a customer signs in: the provider's /authorize, or a page of the bridge's
	// that leads there.
	OAuthURL string
	// TokenURL is where a device of the old way exchanges the code.
	TokenURL string
	// ClientID and ClientSecret are the business's, at the provider.
	ClientID, ClientSecret string
}

func (o *SignIn) check() error {
	if o == nil {
		return nil
	}
	for name, text := range map[string]string{"Issuer": o.Issuer, "OAuthURL": o.OAuthURL, "TokenURL": o.TokenURL} {
		if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Fragment != "" {
			return fmt.Errorf("sandbox: SignIn.%s %q is not an absolute URL with http or https", name, text)
		}
	}
	if o.ClientID == "" || o.ClientSecret == "" {
		return errors.New("sandbox: SignIn.ClientID or SignIn.ClientSecret is empty")
	}
	return nil
}

// signInView is a sign-in as the phone shows it.
type signInView struct {
	Old  bool   `json:"old"`
	Host string `json:"host"` // where the customer signs in; none where nothing is registered

	State  string `json:"state"`            // "", "running" or "done"
	Status string `json:"status,omitempty"` // what the phone tells the business, or would
	Text   string `json:"text,omitempty"`   // in words
	Page   string `json:"page,omitempty"`   // what was read where the way ended, if not in Messages

	request *signInRequest
}

func (s *Sandbox) newSignInView(r *signInRequest) *signInView {
	view := &signInView{Old: r.old(), request: r}
	if s.signInAt != nil {
		u, _ := url.Parse(s.signInAt.OAuthURL) // was checked
		view.Host = u.Host
	}
	return view
}

// signInCall is the customer tapping a sign-in, and what they do then.
type signInCall struct {
	Customer string `json:"customer"`
	Business string `json:"business"`
	ID       string `json:"id"`
	Person   string `json:"person"`  // ada where nothing is said
	Outcome  string `json:"outcome"` // approve where nothing is said

	Forwarded bool `json:"forwarded"` // it is done with a link that was passed on: the phone tells nobody
	Twice     bool `json:"twice"`
	Late      bool `json:"late"` // Apple tells of it long after the browser
}

const (
	approves = "approve"
	denies   = "deny"
	cancels  = "cancel"
)

func (c *signInCall) check() error {
	c.Person, c.Outcome = cmp.Or(c.Person, people[0].Key), cmp.Or(c.Outcome, approves)
	switch {
	case personNamed(c.Person) == nil:
		return badRequest("person is ada, grace or alan")
	case c.Outcome != approves && c.Outcome != denies && c.Outcome != cancels:
		return badRequest("outcome is approve, deny or cancel")
	case c.Forwarded && c.Outcome == cancels:
		return badRequest("of a sign-in that is forwarded nothing is told, and so it cannot be canceled")
	case c.Forwarded && (c.Twice || c.Late):
		return badRequest("of a sign-in that is forwarded nothing is told: neither twice nor late")
	}
	return nil
}

// signIn is the customer signing in. It begins that, and gives the id of the message that will tell of it, if one will.
func (s *Sandbox) signIn(c signInCall) (any, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, b, err := s.tappedSignIn(c)
	if err != nil {
		return nil, err
	}
	view := b.Interactive.SignIn
	switch {
	case view.State == "running":
		return nil, conflict("this sign-in is under way")
	case s.signInAt == nil && c.Outcome != cancels:
		return nil, conflict("No sign-in is registered at Apple for this business: there is no page to open.")
	}
	report := t.message("interactive")
	if !s.lanes.add("sign-in "+b.ID, func(ctx context.Context) { s.runSignIn(ctx, c, b.Interactive, report) }) {
		return nil, busy()
	}
	view.State, view.Status, view.Text, view.Page = "running", "", "", ""
	s.publishBubble(t, b)
	answer := struct {
		ID string `json:"id,omitempty"`
	}{report.ID}
	if c.Forwarded {
		answer.ID = ""
	}
	return answer, nil
}

// tappedSignIn finds the bubble of a sign-in, on a phone that can do it.
func (s *Sandbox) tappedSignIn(c signInCall) (*thread, *bubble, error) {
	t, err := s.usableThread(c.Customer, c.Business)
	if err != nil {
		return nil, nil, err
	}
	b := t.bubble(c.ID)
	switch {
	case b == nil || b.From != "business" || b.Interactive == nil || b.Interactive.Kind != kindAuth:
		return nil, nil, notFound("no such sign-in from the business")
	case b.Interactive.SignIn == nil:
		return nil, nil, conflict("this device cannot sign in the way that the business asks for")
	}
	return t, b, nil
}

// signInResult is what became of a sign-in.
type signInResult struct {
	told  content // what Apple tells of it, as data.authenticate
	words string
	page  string
}

// The words of the new way. The old way has others.
const (
	appleSuccess = "success"
	appleFailure = "failure"
	appleCancel  = "cancel"
	appleUnknown = "unknown"
)

func told(status, errorCode string) content {
	said := content{"status": status}
	if errorCode != "" {
		said["error_code"] = errorCode
	}
	return said
}

// runSignIn does what the customer wants, and tells the business.
func (s *Sandbox) runSignIn(ctx context.Context, c signInCall, asked *interactive, report appleMessage) {
	ctx, stop := context.WithTimeout(ctx, webTimeout)
	defer stop()
	request := asked.SignIn.request
	var done signInResult
	switch {
	case c.Outcome == cancels && request.old():
		done = oldFailure(authenticationErrors, 0, "The sign-in was canceled")
		done.words = "You canceled the sign-in."
	case c.Outcome == cancels:
		done = signInResult{told: told(appleCancel, ""), words: "You canceled the sign-in."}
	case request.old():
		done = s.signInOld(ctx, c, request)
	default:
		done = s.signInNew(ctx, c, request)
	}
	original, err := s.content(asked.saved)
	if err != nil {
		original = fields{} // it was dropped to make room: its words are in asked, too
	}
	status := done.told.str("status")
	if c.Forwarded {
		done.words += " This phone tells nobody, as when somebody else opened a link that was passed on to them."
	} else if c.Late {
		done.words += " Apple tells the business a little later."
	}
	s.settleSignIn(c, asked, status, done)
	if c.Forwarded {
		return
	}
	if c.Late {
		s.pause(s.lateAfter)
	}
	s.reportSignIn(c, original, done, report)
}

func (s *Sandbox) settleSignIn(c signInCall, asked *interactive, status string, done signInResult) {
	s.mu.Lock()
	defer s.mu.Unlock()
	view := asked.SignIn
	view.State, view.Status, view.Text, view.Page = "done", status, done.words, done.page
	if t, b, err := s.tappedSignIn(c); err == nil && b.Interactive == asked {
		s.publishBubble(t, b)
	}
}

// reportSignIn is Apple telling the business, unless the conversation has gone in the meantime.
func (s *Sandbox) reportSignIn(c signInCall, original fields, done signInResult, report appleMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, b, err := s.tappedSignIn(c)
	if err != nil {
		return
	}
	asked := b.Interactive
	r := composeSignIn(asked, contentOf(original), done.told)
	report.InteractiveData = r.interactiveData()
	shown := &interactive{
		Kind: kindAuth, Title: r.title, RequestID: asked.RequestID, Supported: true,
		Content: maskSecrets(r.shown(report.InteractiveData)), Images: asked.Images,
	}
	switch done.told.str("status") {
	case appleSuccess, oldAuthenticated:
	case appleCancel:
		shown.Title = "Sign-in canceled"
	default:
		shown.Title = "Sign-in failed"
	}
	if _, err := s.customerSends(t, &bubble{Interactive: shown, twice: c.Twice}, report); err != nil {
		asked.SignIn.Text = err.Error()
	} else {
		asked.Answered = true
	}
	s.publishBubble(t, b)
}

// composeSignIn makes the message that tells of a sign-in.
func composeSignIn(asked *interactive, top, told content) *reply {
	r := &reply{bid: asked.saved.message.bid, session: asked.session}
	r.data = content{"version": "1.0", "requestIdentifier": asked.RequestID, "authenticate": told}
	if received := top.object("receivedMessage"); received != nil {
		r.data["receivedMessage"] = received
	}
	replied := top.object("replyMessage")
	if asked.SignIn.Old { // which has its title twice
		r.title = cmp.Or(replied.str("title"), asked.Title)
		r.alternate = cmp.Or(replied.str("alternateTitle"), r.title)
		if told.str("status") != oldAuthenticated {
			r.alternate = "Sign in failed"
		}
		if replied == nil {
			replied = content{}
		}
	}
	r.conclude(replied, asked.Title)
	return r
}

// signInNew signs in the new way: the browser goes to the provider, from there to the bridge, and from there back.
func (s *Sandbox) signInNew(ctx context.Context, c signInCall, request *signInRequest) signInResult {
	v := s.newWebView(func(u *url.URL) bool { return u.Scheme == "messages-auth" })
	page, err := v.signIn(ctx, s.oauthURL(request, request.redirectURI), c.Person, c.Outcome)
	switch {
	case err != nil:
		return signInResult{told: told(appleFailure, "network_error"), words: "The sign-in failed: " + err.Error() + "."}
	case !page.ended:
		return signInResult{
			told:  told(appleCancel, ""),
			words: fmt.Sprintf("The way ended at a page of %s (%d), and not in Messages. Closing it cancels the sign-in.", page.at.Host, page.status), page: page.text,
		}
	}
	query := page.at.Query()
	code := shorten(query.Get("error"), maxLabel)
	switch status := query.Get("status"); status {
	case "success":
		return signInResult{told: told(appleSuccess, ""), words: "You are signed in."}
	case "error", "failure":
		return signInResult{told: told(appleFailure, code), words: "The sign-in failed" + colon(code) + "."}
	case "cancel":
		return signInResult{told: told(appleCancel, ""), words: "The business canceled the sign-in" + colon(code) + "."}
	default:
		return signInResult{told: told(appleUnknown, code), words: fmt.Sprintf("The page led back to Messages with a status that nobody knows: %q.", shorten(status, 40))}
	}
}

func colon(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// oauthURL is the registered address with what the request adds to it.
func (s *Sandbox) oauthURL(request *signInRequest, redirectURI string) *url.URL {
	u, _ := url.Parse(s.signInAt.OAuthURL) // was checked
	query := u.Query()
	query.Set("response_type", request.responseType)
	query.Set("client_id", s.signInAt.ClientID)
	query.Set("redirect_uri", redirectURI)
	query.Set("scope", strings.Join(request.scope, " "))
	query.Set("state", request.state)
	if request.old() {
		query.Set("response_encryption_key", request.encodedKey)
	}
	u.RawQuery = query.Encode()
	return u
}

// reportLate is how much later than the browser Apple may tell of a sign-in.
const reportLate = 5 * time.Second
