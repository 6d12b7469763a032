package apple

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/message"
)

var signInOut = Outgoing{
	ID: "00000000-0000-4000-8000-000000000116", RequestID: "00000000-0000-4000-8000-000000000900", Business: businessA, Customer: customer,
	Content: message.SignInRequest{},
}

// TestASignInAsksWhatAppleDocuments sends both flows and compares them with Apple's samples.
func TestASignInAsksWhatAppleDocuments(t *testing.T) {
	for name, oauth := range map[string]OAuth{
		"out-auth2.json": {
			Scopes: []string{"openid", "email", "profile"}, State: "example-state-0123456789abcdef", RedirectURI: "https://bridge.example.com/apple/oauth/callback",
		},
		"out-auth-legacy.json": {
			Scopes: []string{"openid", "email"}, State: "example-state-0123456789abcdef", ClientSecret: "example-client-secret",
			ResponseEncryptionKey: "BPNhvN6bUfZ8xlLQqBWR80mNpWDiP9ily0d3hdpPB2r+UKpi5nv6C4p+BZyCuD75bU1S3xOJAr8dVxBC5XHSYh34hFwEnS96OErF7i6VVw8lSml8wUKxmF8wXs3qvRzN9g==",
		},
	} {
		t.Run(name, func(t *testing.T) {
			out := signInOut
			out.OAuth = oauth
			want := unmarshal[map[string]any](t, fixture(t, name))["interactiveData"].(map[string]any)
			delete(want["data"].(map[string]any), "images") // an empty list in the sample
			for _, bubble := range []string{"receivedMessage", "replyMessage"} {
				want[bubble].(map[string]any)["style"] = "icon" // Apple's default, said aloud
			}
			if diff := cmp.Diff(any(want), posted(t, out)["interactiveData"]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestASignInGoesToItsOwnRoute(t *testing.T) {
	g := newGateway(t)
	c, _ := newTestClient(t, g.URL)
	if failure := send(t, c, time.Second, signInOut); failure != nil {
		t.Fatal(failure)
	}
	requests, _ := g.seen()
	if len(requests) != 1 || requests[0].URL.Path != "/authenticate" {
		t.Errorf("asked at %s", requests[0].URL.Path)
	}
}

func TestASignInHasItsOwnBubbles(t *testing.T) {
	out := signInOut
	out.Content = message.SignInRequest{Received: &message.Bubble{Title: "Your orders"}, Reply: &message.Bubble{Title: "Welcome", Subtitle: "back"}}
	sent := posted(t, out)["interactiveData"].(map[string]any)
	if got := sent["receivedMessage"].(map[string]any)["title"]; got != "Your orders" {
		t.Errorf("received: %v", got)
	}
	if got := sent["replyMessage"].(map[string]any)["subtitle"]; got != "back" {
		t.Errorf("reply: %v", got)
	}
}

// TestEveryAnswerToASignInIsRead has the fixtures of both flows and what else devices may say.
func TestEveryAnswerToASignInIsRead(t *testing.T) {
	const request = "00000000-0000-4000-8000-000000000900"
	of := func(authenticate string) []byte {
		return []byte(`{"data":{"requestIdentifier":"` + request + `","authenticate":` + authenticate + `}}`)
	}
	inFixture := func(name string) []byte {
		return unmarshal[struct {
			InteractiveData json.RawMessage `json:"interactiveData"`
		}](t, fixture(t, name)).InteractiveData
	}
	failed := func(code string, errors ...DeviceError) *SignInAnswer {
		return &SignInAnswer{RequestID: request, Status: message.SignInFailed, ErrorCode: code, Errors: errors}
	}
	for name, test := range map[string]struct {
		raw  []byte
		want *SignInAnswer
	}{
		"success":            {inFixture("in-auth2-success.json"), &SignInAnswer{RequestID: request, Status: message.SignInSucceeded}},
		"failure":            {inFixture("in-auth2-failure.json"), failed("access_denied")},
		"cancel":             {inFixture("in-auth2-cancel.json"), &SignInAnswer{RequestID: request, Status: message.SignInCanceled}},
		"old, failed":        {inFixture("in-auth-legacy-failed.json"), failed("", DeviceError{"com.apple.icloud.messages.business.cryptor", 2})},
		"unknown":            {of(`{"status":"unknown"}`), failed("")},
		"capitals":           {of(`{"status":"SUCCESS"}`), &SignInAnswer{RequestID: request, Status: message.SignInSucceeded}},
		"no status":          {of(`{}`), failed("")},
		"a status of a list": {of(`{"status":["success"]}`), failed("")},
		"no object":          {of(`"success"`), failed("")},
		"errors of any type": {of(`{"status":"failed","errors":[1,{"code":"2","domain":"d"},{"code":"x"},null]}`), failed("", DeviceError{"d", 2})},
		"none":               {[]byte(`{"data":{"listPicker":{}}}`), nil},
		"null":               {of(`null`), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := parseSignIn(test.raw)
			if got != nil {
				got.Token = ""
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got := parseSignIn(inFixture("in-auth-legacy-authenticated.json")); got.Status != message.SignInSucceeded || len(got.Token) < 100 {
		t.Errorf("old, authenticated: %s, a token of %d characters", got.Status, len(got.Token))
	}
}
