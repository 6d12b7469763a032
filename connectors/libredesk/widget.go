package libredesk

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"bizbridge/bridge/message"
	"bizbridge/connectors/customerid"
)

const (
	// maxWidgetText is how many bytes a message through the widget may have.
	maxWidgetText = 10_000

	widget = "/api/v1/widget/chat"
)

// externalID is the customer as LibreDesk's contact. It has room for 128 characters there, and Apple's id has more: the
// contact has a hash of it, and the id itself among its attributes.
func externalID(customer message.CustomerID) string { return customerid.Hashed(customer) }

// claims say to LibreDesk who writes. Their order is that of LibreDesk's documentation.
type claims struct {
	ExternalUserID string         `json:"external_user_id"`
	Email          string         `json:"email"`
	FirstName      string         `json:"first_name"`
	LastName       string         `json:"last_name,omitempty"`
	Attributes     map[string]any `json:"contact_custom_attributes"`
	Expires        int64          `json:"exp"`
}

const tokenLife = 2 * time.Minute

// claimsFor names a customer. LibreDesk writes name and address of the claims over those that the contact has, so that
// what agents have corrected is sent back as it is.
func (c *Connector) claimsFor(data message.Data, known contact) claims {
	first, last := known.FirstName, known.LastName
	if first == "" {
		first, last = "Messages", cmp.Or(last, "Guest")
	}
	return claims{
		ExternalUserID: externalID(data.CustomerID),
		Email:          cmp.Or(known.Email, customerid.Email(data.CustomerID)),
		FirstName:      first, LastName: last,
		Attributes: attributesOf(data),
		Expires:    c.Now().Add(tokenLife).Unix(),
	}
}

// signed is a JSON Web Token of the claims (RFC 7519, HS256).
func (c claims) signed(secret string) (string, error) {
	payload, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), nil
}

// login makes the contact or brings it up to date, and gives the token by which it writes.
func (c *Connector) login(ctx context.Context, who claims) (string, error) {
	token, err := who.signed(c.inboxSecret.Reveal())
	if err != nil {
		return "", &message.Failure{Class: message.Permanent, Reason: "a token cannot be written as JSON", Err: err}
	}
	var session struct {
		Token string `json:"session_token"`
	}
	err = c.call(ctx, request{
		operation: opLogin, method: http.MethodPost, path: widget + "/auth/exchange", header: c.visitor(""),
		body: map[string]string{"jwt": token}, reads: true,
	}, &session)
	if err == nil && session.Token == "" { // without one LibreDesk would make a visitor, whom nobody knows again
		err = message.Failuref(message.Transient, "%s gives no token for a customer", c.Name)
	}
	return session.Token, err
}

// start opens a conversation with the beginning of a text. It gives what did not fit.
func (c *Connector) start(ctx context.Context, data message.Data, known contact, text string) (at place, rest string, err error) {
	token, err := c.login(ctx, c.claimsFor(data, known))
	if err != nil {
		return place{}, "", err
	}
	first, rest := cut(text, maxWidgetText)
	var begun struct {
		Conversation struct {
			UUID string `json:"uuid"`
		} `json:"conversation"`
		Messages []struct {
			UUID string `json:"uuid"`
		} `json:"messages"`
	}
	err = c.call(ctx, request{
		operation: opStart, method: http.MethodPost, path: widget + "/conversations/init", header: c.visitor(token),
		body: map[string]any{"message": first, "form_data": map[string]any{}},
	}, &begun)
	if err == nil && begun.Conversation.UUID == "" {
		err = message.Failuref(message.Uncertain, "%s does not say which conversation has begun", c.Name)
	}
	at = place{conversation: begun.Conversation.UUID, began: true}
	for _, sent := range begun.Messages {
		at.message = sent.UUID
	}
	return at, rest, err
}

// cut splits a text after at most limit bytes, between two lines where that is possible.
func cut(text string, limit int) (first, rest string) {
	if len(text) <= limit {
		return text, ""
	}
	end := limit
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	if line := strings.LastIndexByte(text[:end], '\n'); line > limit/2 {
		return text[:line], text[line+1:]
	}
	return text[:end], text[end:]
}
