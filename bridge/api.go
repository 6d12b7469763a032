package bridge

import (
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"net/http"
	"slices"
	"strings"

	"bizbridge/bridge/flow"
	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/config"
)

// apiSource is the API in the metrics.
const apiSource = "api"

// apiKey is one program that may send. Tokens are compared as hashes: equal length, constant time.
type apiKey struct {
	name       string
	token      [sha256.Size]byte
	businesses []string
	eventsTo   string
}

func newAPIKeys(configured []config.APIKey) []apiKey {
	keys := make([]apiKey, len(configured))
	for i, key := range configured {
		keys[i] = apiKey{key.Name, sha256.Sum256([]byte(key.Token.Reveal())), key.Businesses, key.EventsTo}
	}
	return keys
}

func (k *apiKey) maySpeakFor(business message.BusinessID) bool {
	return slices.ContainsFunc(k.businesses, func(allowed string) bool { return allowed == "*" || business.Equal(message.BusinessID(allowed)) })
}

// authenticate finds the key of a request. It looks at every key, so that the time tells nothing.
func (s *site) authenticate(r *http.Request) (*apiKey, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil, &signature.Error{Reason: signature.Missing, Text: "send Authorization: Bearer and the token of one of api.keys"}
	}
	sum := sha256.Sum256([]byte(token))
	var found *apiKey
	for i := range s.apiKeys {
		if subtle.ConstantTimeCompare(sum[:], s.apiKeys[i].token[:]) == 1 {
			found = &s.apiKeys[i]
		}
	}
	if found == nil {
		return nil, &signature.Error{Reason: signature.Mismatch, Text: "no key of api.keys has this token"}
	}
	return found, nil
}

// postAPIMessage sends a message for a bot or a script.
func (s *site) postAPIMessage(w http.ResponseWriter, r *http.Request) {
	key, err := s.authenticate(r)
	if err != nil {
		s.refuseSend(w, r, apiSource, "", err)
		return
	}
	out, done, err := s.readSend(w, r)
	defer done()
	if err == nil && out.Key == "" {
		out.Key, err = message.HeaderKey(r.Header.Get("Idempotency-Key"))
	}
	if err != nil {
		s.refuseSend(w, r, apiSource, "", err)
		return
	}
	result, failure := s.flow.Outbound(r.Context(), flow.Sender{
		Source: "api:" + key.name, Label: apiSource, Default: message.SenderBot, MaySpeakFor: key.maySpeakFor,
		Files: s.files[""], Events: s.desks[key.eventsTo],
	}, out)
	if failure != nil {
		s.writeFailure(w, r, apiSource, result, failure)
		return
	}
	writeJSON(w, http.StatusOK, result)
}

//go:embed openapi.json
var openAPI []byte

// OpenAPI is the description of the API (OpenAPI 3.1). Its schemas are those of the message package.
func OpenAPI() []byte {
	schemas := strings.ReplaceAll(string(message.SchemaDefinitions()), "#/$defs/", "#/components/schemas/")
	return []byte(strings.Replace(string(openAPI), `"$SCHEMAS"`, schemas, 1))
}

func (s *site) getOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(OpenAPI())
}
