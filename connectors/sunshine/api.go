package sunshine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/customerid"
)

// The names of the calls in the metrics.
const (
	opFind         = "find_conversation"
	opCreateUser   = "create_user"
	opGetUser      = "get_user"
	opUpdateUser   = "update_user"
	opCreate       = "create_conversation"
	opUpdate       = "update_conversation"
	opPassControl  = "pass_control"
	opListMessages = "list_messages"
	opPost         = "post_message"
	opUpload       = "upload"
	opCheck        = "check"
)

var operations = []string{
	opFind, opCreateUser, opGetUser, opUpdateUser, opCreate, opUpdate, opPassControl, opListMessages, opPost, opUpload, opCheck,
}

// request is one call to the API of the app.
type request struct {
	operation string
	method    string
	path      string // behind the app's own
	body      any    // nil: none
	target    any    // what the answer is read into; nil: its body does not matter
	retry     httpclient.Retry
	// posts tells that the call is the message itself. If another call gets no answer, the message has certainly not arrived.
	posts bool
}

// call makes a call. The error is a [*message.Failure].
func (c *Connector) call(ctx context.Context, r request) error {
	call := httpclient.Call{
		Operation: r.operation, Method: r.method, URL: c.app + r.path, Retry: r.retry,
		Header: http.Header{"Accept": {"application/json"}, "User-Agent": {"bizbridge"}},
	}
	if err := connectors.SetJSON(&call, r.body); err != nil {
		return err
	}
	resp, err := c.HTTP.Do(ctx, call)
	if err != nil && !r.posts {
		return connectors.Beside(err)
	}
	if err != nil {
		return err
	}
	if err := c.failure(resp); err != nil {
		return err
	}
	if r.target != nil && json.Unmarshal(resp.Body, r.target) != nil && !r.posts { // a message is there, whatever is said of it
		return connectors.Unreadable(c.Name, resp)
	}
	return nil
}

// meanings are the statuses that mean something else than they usually do ([connectors.StatusFailure]).
var meanings = map[int]struct {
	class  message.Class
	reason string
}{
	// The path names the app. A 404 of a user or conversation is told apart by its code or by who calls.
	http.StatusNotFound: {message.Auth, "does not know the app: app_id is wrong, or the key is of another app"},
	http.StatusConflict: {message.Transient, "is changing the same thing at this moment"},
	http.StatusLocked:   {message.Permanent, "takes no more messages: the conversation has 30,000"},
}

// failure is what an answer means; nil for 2xx.
func (c *Connector) failure(resp *httpclient.Response) error {
	err := connectors.StatusFailure(c.Name, resp)
	if err == nil {
		return nil
	}
	failure := message.FailureOf(err)
	code := errorCode(resp.Body)
	if meaning, ok := meanings[resp.Status]; ok {
		failure.Class, failure.Reason = meaning.class, fmt.Sprintf("%s %s (%d)", c.Name, meaning.reason, resp.Status)
	}
	if resp.Status == http.StatusNotFound && code != "" && code != errNoApp {
		failure.Class, failure.Reason = message.Transient, fmt.Sprintf("%s does not know what a call is about (404)", c.Name)
	}
	if code != "" {
		failure.Err = code
	}
	return failure
}

// apiError is the code of an error, such as user_not_found.
type apiError string

func (e apiError) Error() string { return string(e) }

const errNoApp = apiError("app_not_found")

// plainCode is what may be repeated of an answer: the titles beside the codes may hold what was sent.
var plainCode = regexp.MustCompile(`^[a-z][a-z0-9_]{0,49}$`)

// errorCode is the first code of an answer; "" for none.
func errorCode(body []byte) apiError {
	var answer struct {
		Errors []struct {
			Code string `json:"code"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &answer) != nil || len(answer.Errors) == 0 || !plainCode.MatchString(answer.Errors[0].Code) {
		return ""
	}
	return apiError(answer.Errors[0].Code)
}

// refused tells of an answer that would be the same another time, unlike one of a helpdesk that is busy or out of order.
func refused(err error) bool {
	switch status := connectors.StatusOf(err); status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	default:
		return status >= 300 && status < 500
	}
}

// metadata are custom values of a user, conversation or message: flat, and 4 KB of JSON at most.
type metadata map[string]any

func (m metadata) text(key string) string {
	text, _ := m[key].(string)
	return text
}

// with adds values that count more.
func (m metadata) with(more metadata) metadata {
	all := make(metadata, len(m)+len(more))
	maps.Copy(all, m)
	maps.Copy(all, more)
	return all
}

// The keys of metadata. All of them are the bridge's own.
const (
	// Of users and conversations.
	keyCustomer = "apple_mbid"
	// Of conversations.
	keyBusiness = "apple_business_id"
	keyContext  = "apple_context" // the event format's context, for the device's abilities
	keyDevice   = "apple_device"  // what the context was made of, as a hash: it is written again when that changes
	keyLocale   = "apple_locale"
	keyIntent   = "apple_intent"
	keyGroup    = "apple_group"
	keyPassed   = "apple_passed" // to whom control was passed
	keyClosed   = "apple_closed" // "true" while the customer has left
	// Of users.
	keyChoice = "apple_choice"
	// Of messages.
	keyMessage  = "apple_message_id"
	keyPart     = "apple_part"
	keyNote     = "apple_note"     // a note to agents, which never goes to the phone
	keyReplyTo  = "apple_reply_to" // id of the message that a customer's answer answers
	keyFormData = "apple_form"     // the answers of a form, as JSON by the names of its fields
)

// maxMetadata is how many bytes of JSON metadata may have.
const maxMetadata = 4096

// fits tells whether metadata can be written.
func (m metadata) fits() bool {
	written, err := json.Marshal(m)
	return err == nil && len(written) <= maxMetadata
}

// fitted are those of a conversation without what can be done without, as far as there is no room for it. Without a context,
// answers are shown as on an unknown device; without all of it, no message could be written.
func (m metadata) fitted() metadata {
	for _, keys := range [][]string{{keyIntent}, {keyGroup}, {keyLocale}, {keyContext, keyDevice}} {
		if m.fits() {
			break
		}
		m = maps.Clone(m)
		for _, key := range keys {
			delete(m, key)
		}
	}
	return m
}

// external is a customer's id as it stands in addresses and as the user's externalId, which has room for 1024 characters.
func external(id message.CustomerID) string { return customerid.Fitting(id, 1024) }
