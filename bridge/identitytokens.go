package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"bizbridge/bridge/identity"
	"bizbridge/bridge/message"
	"bizbridge/bridge/seal"
	"bizbridge/config"
)

const (
	// maxTokenRequest is more than two proofs have, in bytes.
	maxTokenRequest = 32 << 10
	// keysFor is how long a helpdesk may keep the public keys before it looks again: shorter than a rotation takes.
	keysFor = "public, max-age=300"
)

// identityTokens makes the tokens that tell helpdesks who a customer is.
type identityTokens struct {
	ring    *seal.Ring
	signers map[string]*identity.Signer // by connector name
}

func newIdentityTokens(cfg *config.Config, ring *seal.Ring) (*identityTokens, error) {
	t := &identityTokens{ring: ring, signers: make(map[string]*identity.Signer)}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(cfg.Connectors)) {
		settings := cfg.Connectors[name].Identity
		if settings == nil {
			continue
		}
		signer, err := identity.New(settings.Settings())
		if err != nil {
			faults = append(faults, fmt.Errorf("connectors.%s.identity: %w", name, err))
			continue
		}
		t.signers[name] = signer
	}
	return t, errors.Join(faults...)
}

// identityToken is the answer to who asks for a token.
type identityToken struct {
	Token     string        `json:"token"`
	TokenType identity.Kind `json:"token_type"`
	ExpiresAt time.Time     `json:"expires_at"`
}

// postIdentityToken makes a token of two facts that the bridge itself has told before: who somebody is, and that Apple
// saw the customer's device do it.
func (s *site) postIdentityToken(w http.ResponseWriter, r *http.Request, connector string) {
	token, err := s.makeIdentityToken(w, r, connector)
	if err != nil {
		p, _ := s.refusal(apiSource, err)
		s.logRefusal(w, r, apiSource, p)
		p.write(w)
		return
	}
	writeJSON(w, http.StatusOK, token)
}

func (s *site) makeIdentityToken(w http.ResponseWriter, r *http.Request, connector string) (*identityToken, error) {
	key, err := s.authenticate(r)
	if err != nil {
		return nil, err
	}
	signer := s.identity.signers[connector]
	if signer == nil {
		return nil, deny(message.CodeUnknownConnector, "no connector of this name is configured with identity")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTokenRequest))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, deny(message.CodeTooLarge, "the body is larger than 32 KB")
	} else if err != nil {
		return nil, err
	}
	now := time.Now()
	about, err := s.provenIdentity(key, connector, body, now)
	if err != nil {
		return nil, err
	}
	token, expires, err := signer.Sign(about.Attributes(), now)
	if errors.Is(err, identity.ErrAttributes) {
		return nil, deny(message.CodeInvalid, "no token can be made of this identity", message.Fault{Pointer: "/assertion", Rule: "claims", Message: err.Error()})
	} else if err != nil {
		return nil, err
	}
	s.logger.LogAttrs(r.Context(), slog.LevelInfo, "identity token",
		slog.String("connector", connector), slog.String("key", key.name), slog.String("business", about.Business),
		slog.String("customer", s.identity.ring.Hash(about.Customer)), slog.String("provider", about.Provider),
		slog.Time("expires", expires), slog.String("request_id", w.Header().Get(requestIDHeader)))
	return &identityToken{Token: token, TokenType: signer.Kind(), ExpiresAt: expires.UTC()}, nil
}

func deny(code message.Code, reason string, faults ...message.Fault) error {
	return &message.Failure{Class: message.Invalid, Code: code, Reason: reason, Faults: faults}
}

// provenIdentity reads both proofs and sees that they are of one sign-in, which the key and the connector may know of.
func (s *site) provenIdentity(key *apiKey, connector string, body []byte, now time.Time) (identity.Assertion, error) {
	proofs, err := readProofs(body)
	if err != nil {
		return identity.Assertion{}, err
	}
	asserted, err := identity.OpenAssertion(s.identity.ring, proofs.assertion, now)
	if err != nil {
		return asserted, s.refuseProof("/assertion", "is not the identity.assertion of an event of this bridge", err)
	}
	business := message.BusinessID(asserted.Business)
	switch {
	case !key.maySpeakFor(business):
		return asserted, deny(message.CodeForbidden, "the key may not speak for this business")
	case !s.speaks[connector][business]:
		return asserted, deny(message.CodeForbidden, "the business uses another connector")
	case proofs.confirmation == "" && asserted.Confirmed:
		return asserted, nil
	case proofs.confirmation == "":
		return asserted, refuseConfirmation("required",
			"is required: an identity alone may be that of anybody who opened the link; Apple's event with the same request_id brings it")
	}
	confirmed, err := identity.OpenConfirmation(s.identity.ring, proofs.confirmation, now)
	if err != nil {
		return asserted, s.refuseProof("/confirmation", "is not the confirmation of an event of this bridge", err)
	}
	if !asserted.Is(confirmed) {
		return asserted, refuseConfirmation("request", "is that of another sign-in; it is proof only beside the assertion with the same business, customer and request_id")
	}
	return asserted, nil
}

func refuseConfirmation(rule, words string) error {
	return deny(message.CodeInvalid, "this identity is not confirmed", message.Fault{Pointer: "/confirmation", Rule: rule, Message: words})
}

// refuseProof says no more of a forged proof than that it is none. Which way it is wrong is for the metrics.
func (s *site) refuseProof(pointer, words string, err error) error {
	s.metrics.CountSignatureFailure(apiSource, seal.Reason(err))
	if errors.Is(err, seal.ErrExpired) {
		return deny(message.CodeExpired, "this sign-in is too old", message.Fault{
			Pointer: pointer, Rule: "expired", Message: "is older than 24 hours: ask the customer to sign in again",
		})
	}
	return deny(message.CodeInvalid, "the proof is not valid", message.Fault{Pointer: pointer, Rule: "sealed", Message: words + ", or was altered"})
}

type proofs struct{ assertion, confirmation string }

// readProofs reads the body. Fields that it does not know are ignored, and null is as if it were not there.
func readProofs(body []byte) (proofs, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		return proofs{}, message.ErrMalformed
	}
	var read proofs
	var faults []message.Fault
	for _, member := range []struct {
		name string
		into *string
	}{{"assertion", &read.assertion}, {"confirmation", &read.confirmation}} {
		if raw, ok := members[member.name]; ok && json.Unmarshal(raw, member.into) != nil {
			faults = append(faults, message.Fault{Pointer: "/" + member.name, Rule: "type", Message: "must be a string"})
		} else if member.name == "assertion" && *member.into == "" {
			faults = append(faults, message.Fault{Pointer: "/assertion", Rule: "required", Message: "is required: identity.assertion of a signin.completed event"})
		}
	}
	if len(faults) > 0 {
		return proofs{}, deny(message.CodeInvalid, "the request is not valid", faults...)
	}
	return read, nil
}

// getIdentityKeys publishes the public keys for helpdesks that fetch them.
func (s *site) getIdentityKeys(w http.ResponseWriter, r *http.Request, connector string) {
	signer := s.identity.signers[connector]
	if signer == nil {
		newProblem(message.CodeUnknownConnector, "no connector of this name is configured with identity").write(w)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/jwk-set+json")
	header.Set("Cache-Control", keysFor)
	header.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(signer.JWKS())
}
