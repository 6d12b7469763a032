package asapp

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/customerid"
)

// A sign-in is two facts, which may reach two replicas in either order: who somebody is, and Apple's word that the
// customer's device has done it. Both wait in the conversation's metadata until they are of one request.

// identityFact is the first of them.
type identityFact struct {
	Request string `json:"request"`
	Subject string `json:"subject"`
	// What a token is made of: what customer_login asks for, or the bridge's proof.
	Values    map[string]string `json:"values,omitempty"`
	Assertion string            `json:"assertion,omitempty"`
	// Done tells that ASAPP has the token. Nothing is kept of what it was made of.
	Done bool `json:"done,omitempty"`
	// Void tells that there were two identities, of which nobody knows which one Apple means.
	Void bool `json:"void,omitempty"`
}

// confirmedFact is the second.
type confirmedFact struct {
	Request string `json:"request"`
	Proof   string `json:"proof,omitempty"`
}

// signInEnding is what came of the facts so far.
type signInEnding int

const (
	signInWaiting signInEnding = iota // for the other fact
	signInDone                        // ASAPP has the token
	signInWithoutToken
	signInRefused // the token cannot be had, or ASAPP does not take it
	signInVoid
)

// signedIn notes a fact of a sign-in, and gives ASAPP the customer's token when both are there.
func (c *Connector) signedIn(ctx context.Context, who customer, signIn message.SignIn, at time.Time) error {
	found, err := c.find(ctx, who.id)
	if err != nil {
		return err
	}
	if found == nil {
		found = &conversation{}
		if found.ID, err = c.upsert(ctx, who, at, nil); err != nil {
			return err
		}
	}
	ending := signInWaiting
	if signIn.Status == message.SignInSucceeded {
		if ending, err = c.join(ctx, who, found, signIn, at); err != nil {
			return err
		}
	}
	_, err = c.note(ctx, found.ID, signInNotice(signIn, ending), at)
	return err
}

// join puts a fact beside the other one. It reads again after it has written: where both are told at the same time, one of
// the two sees both.
func (c *Connector) join(ctx context.Context, who customer, found *conversation, signIn message.SignIn, at time.Time) (signInEnding, error) {
	before := factsIn(found)
	mine := before
	if signIn.Identity != nil {
		mine.identity = c.identityOf(signIn, before.identity)
	}
	if signIn.Confirmed {
		mine.confirmed = confirmedFact{Request: signIn.RequestID, Proof: signIn.Confirmation}
	}
	if _, err := c.upsert(ctx, who, at, mine.of(signIn.RequestID).metadata(who)); err != nil {
		return signInWaiting, err
	}
	written, err := c.conversation(ctx, found.ID)
	if err != nil {
		return signInWaiting, err
	}
	switch both := factsIn(written); {
	case both.identity.Request == signIn.RequestID && both.identity.Void:
		return signInVoid, nil
	case both.identity.Request != signIn.RequestID || both.confirmed.Request != signIn.RequestID:
		return signInWaiting, nil
	case both.identity.Done:
		return signInDone, nil
	default:
		return c.complete(ctx, who, found.ID, both, at)
	}
}

// complete gives ASAPP the token, and keeps no more than that it was given.
func (c *Connector) complete(ctx context.Context, who customer, id string, both signInFacts, at time.Time) (signInEnding, error) {
	ending, err := c.authenticate(ctx, who, id, both)
	failure := message.FailureOf(err)
	switch {
	case failure != nil && failure.Class.Final(): // to be told again would not help
		c.Logger.Warn("a customer has signed in, but ASAPP gets no token", "error", failure)
		return signInRefused, nil
	case failure != nil || ending != signInDone:
		return ending, err
	}
	both.identity = identityFact{Request: both.identity.Request, Subject: both.identity.Subject, Done: true}
	_, err = c.upsert(ctx, who, at, both.metadata(who))
	return signInDone, err
}

// identityOf makes the fact of an identity, beside one that may be known.
func (c *Connector) identityOf(signIn message.SignIn, known identityFact) identityFact {
	identity := identityFact{Request: signIn.RequestID, Subject: signIn.Identity.Subject}
	switch same := known.Request == signIn.RequestID; {
	case same && (known.Void || known.Subject != identity.Subject):
		identity.Void = true
		return identity
	case same && known.Done:
		return known
	}
	if login := c.settings.CustomerLogin; login != nil {
		identity.Values = login.values(*signIn.Identity)
	} else {
		identity.Assertion = signIn.Identity.Assertion
	}
	return identity
}

type signInFacts struct {
	identity  identityFact
	confirmed confirmedFact
}

func factsIn(found *conversation) (facts signInFacts) {
	if found != nil {
		_ = json.Unmarshal([]byte(found.Metadata[metaIdentity]), &facts.identity) // what is not there is nothing
		_ = json.Unmarshal([]byte(found.Metadata[metaConfirmed]), &facts.confirmed)
	}
	return facts
}

// of leaves the facts of one request. Others are over, or another replica has them.
func (f signInFacts) of(request string) signInFacts {
	if f.identity.Request != request {
		f.identity = identityFact{}
	}
	if f.confirmed.Request != request {
		f.confirmed = confirmedFact{}
	}
	return f
}

func (f signInFacts) metadata(who customer) map[string]string {
	metadata := make(map[string]string)
	if who.sealed != "" {
		metadata[metaContext] = who.sealed
	}
	for key, fact := range map[string]any{metaIdentity: f.identity, metaConfirmed: f.confirmed} {
		text, _ := json.Marshal(fact) // texts and a bool
		metadata[key] = string(text)
	}
	if f.identity.Request == "" {
		delete(metadata, metaIdentity)
	}
	if f.confirmed.Request == "" {
		delete(metadata, metaConfirmed)
	}
	return metadata
}

// authenticate gives ASAPP the customer's token. GenerativeAgent goes on with what it had asked it for.
func (c *Connector) authenticate(ctx context.Context, who customer, id string, facts signInFacts) (signInEnding, error) {
	var auth map[string]any
	switch login := c.settings.CustomerLogin; {
	case login != nil:
		token, err := c.logIn(ctx, login, facts.identity.Values)
		if err != nil {
			return signInWaiting, err
		}
		auth = map[string]any{"token": token}
	case facts.identity.Assertion != "":
		proofs := map[string]string{"assertion": facts.identity.Assertion}
		if facts.confirmed.Proof != "" {
			proofs["confirmation"] = facts.confirmed.Proof
		}
		auth = map[string]any{"body": proofs}
	default:
		return signInWithoutToken, nil
	}
	request := map[string]any{"customerExternalId": customerid.Hashed(who.id), "auth": auth}
	if c.settings.GenerativeAgent {
		request["streamId"] = c.stream
		c.watch.expect(id, who, "sign-in "+facts.identity.Request, c.Now())
	}
	err := c.call(ctx, opAuthenticate, http.MethodPost, conversationsPath+"/"+url.PathEscape(id)+"/authenticate", request, nil)
	if err != nil {
		return signInWaiting, err
	}
	return signInDone, nil
}

// placeholder is a field that stands for something that is known of a customer. It is the whole field or none of it.
var placeholder = regexp.MustCompile(`^\{([A-Za-z0-9_]+)\}$`)

// placeholders are the fields that do, each with what it stands for.
func (l *CustomerLogin) placeholders() map[string]string {
	stand := make(map[string]string)
	for field, value := range l.Fields {
		if match := placeholder.FindStringSubmatch(value.Reveal()); match != nil {
			stand[field] = match[1]
		}
	}
	return stand
}

// values are what the fields stand for.
func (l *CustomerLogin) values(identity message.Identity) map[string]string {
	values := make(map[string]string)
	for _, name := range l.placeholders() {
		if name == "subject" {
			values[name] = identity.Subject
		} else if claim, ok := identity.Claims[name]; ok && claim != nil {
			values[name] = fmt.Sprint(claim)
		}
	}
	return values
}

// logIn asks the company's own API for a token of the customer.
func (c *Connector) logIn(ctx context.Context, login *CustomerLogin, values map[string]string) (token string, err error) {
	form, stand := url.Values{}, login.placeholders()
	for _, field := range slices.Sorted(maps.Keys(login.Fields)) {
		name, stands := stand[field]
		switch {
		case !stands:
			form.Set(field, login.Fields[field].Reveal())
		case values[name] == "":
			return "", message.Failuref(message.Permanent, "the sign-in provider does not say the customer's %q, which customer_login.fields.%s names", name, field)
		default:
			form.Set(field, values[name])
		}
	}
	resp, err := c.HTTP.Do(ctx, httpclient.Call{
		Operation: opCustomerLogin, Method: http.MethodPost, URL: login.URL, Body: []byte(form.Encode()), Retry: httpclient.RetryIdempotent,
		Header: http.Header{
			"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}, "Cache-Control": {"no-cache"}, "User-Agent": {"bizbridge"},
		},
	})
	if err != nil {
		return "", err
	}
	if err := connectors.StatusFailure("customer_login", resp); err != nil {
		return "", err
	}
	if token = tokenIn(resp.Body); token == "" {
		return "", message.Failuref(message.Permanent, "customer_login answered no token")
	}
	return token, nil
}

// tokenIn finds the token in what a login answers.
func tokenIn(body []byte) string {
	var answer map[string]any
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	for _, key := range []string{"JWT", "jwt", "access_token", "id_token", "token"} {
		if token, _ := answer[key].(string); token != "" {
			return token
		}
	}
	return ""
}
