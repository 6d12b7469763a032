package apple

import (
	"encoding/json"
	"strings"

	"bizbridge/bridge/message"
)

// OAuth is what a sign-in message asks the device to do (protocol §7.2 and §7.4).
type OAuth struct {
	Scopes      []string
	State       string
	RedirectURI string // of the new flow: the provider sends the customer there
	// Of the old flow, where the device fetches the token itself:
	ResponseEncryptionKey string
	ClientSecret          string
}

type wireAuthenticate struct {
	OAuth2 wireOAuth `json:"oauth2"`
}

type wireOAuth struct {
	ResponseType          string   `json:"responseType"`
	Scope                 []string `json:"scope"`
	State                 string   `json:"state"`
	RedirectURI           string   `json:"redirectURI,omitempty"`
	ResponseEncryptionKey string   `json:"responseEncryptionKey,omitempty"`
	ClientSecret          string   `json:"clientSecret,omitempty"`
}

// signIn writes a sign-in message. Apple wants both bubbles.
func signIn(content message.SignInRequest, out Outgoing) *wireInteractive {
	received := message.Bubble{Title: "Sign in"}
	if content.Received != nil {
		received = *content.Received
	}
	reply := message.Bubble{Title: "You signed in"}
	if content.Reply != nil {
		reply = *content.Reply
	}
	wire := &wireInteractive{BID: messagesExtension, Data: &wireData{
		Version: "1.0", RequestID: out.RequestID, Images: pictures(content.Images, out.Pictures),
		Authenticate: &wireAuthenticate{wireOAuth{
			ResponseType: "code", Scope: out.OAuth.Scopes, State: out.OAuth.State, RedirectURI: out.OAuth.RedirectURI,
			ResponseEncryptionKey: out.OAuth.ResponseEncryptionKey, ClientSecret: out.OAuth.ClientSecret,
		}},
	}}
	wire.bubbles(received, &reply)
	return wire
}

// SignInAnswer is what a device says of a sign-in (protocol §3.7, §7.3 and §7.6).
type SignInAnswer struct {
	RequestID string
	Status    message.SignInStatus
	Legacy    bool          // it is the old flow's, which brings the token
	Token     string        // of the old flow: the access token, encrypted
	Errors    []DeviceError // of the old flow
	ErrorCode string        // of the new flow, as it came
}

// DeviceError is what a device says went wrong.
type DeviceError struct {
	Domain string
	Code   int
}

const maxDeviceErrors = 10

// parseSignIn reads the answer to a sign-in message; nil for what is none.
func parseSignIn(interactiveData json.RawMessage) *SignInAnswer {
	var wire wireReply
	lenient(interactiveData, &wire)
	if !present(wire.Data.Authenticate) {
		return nil
	}
	var answer struct {
		Status    flexibleText `json:"status"`
		Token     flexibleText `json:"token"`
		ErrorCode flexibleText `json:"error_code"`
		Errors    list[struct {
			Code   json.RawMessage `json:"code"`
			Domain flexibleText    `json:"domain"`
		}] `json:"errors"`
	}
	lenient(wire.Data.Authenticate, &answer)
	signIn := &SignInAnswer{
		RequestID: strings.ToLower(string(wire.Data.RequestIdentifier)), // as the bridge wrote it: devices write UUIDs in either case
		Status:    message.SignInFailed, Token: string(answer.Token), ErrorCode: string(answer.ErrorCode),
	}
	switch strings.ToLower(string(answer.Status)) {
	case "success":
		signIn.Status = message.SignInSucceeded
	case "authenticated":
		signIn.Status, signIn.Legacy = message.SignInSucceeded, true
	case "cancel", "canceled", "cancelled":
		signIn.Status = message.SignInCanceled
	}
	for _, one := range answer.Errors {
		code, ok := integer(one.Code)
		if ok && len(signIn.Errors) < maxDeviceErrors {
			signIn.Errors = append(signIn.Errors, DeviceError{string(one.Domain), int(code)})
		}
	}
	return signIn
}
