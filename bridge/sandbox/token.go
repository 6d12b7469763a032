package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// tokenTolerance is how far a token's iat may be off. Apple documents no figure.
const tokenTolerance = time.Hour

// refusal is an answer other than 200, with its reason in plain text.
type refusal struct {
	status int
	reason string
}

// mintToken makes the token that Apple's requests carry: HS256, aud = MSP id,
// iat in whole seconds.
func mintToken(key []byte, mspID string, now time.Time) string {
	claims, _ := json.Marshal(struct {
		Aud string `json:"aud"`
		Iat int64  `json:"iat"`
	}{mspID, now.Unix()})
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(claims)
	return signed + "." + base64.RawURLEncoding.EncodeToString(hs256(key, signed))
}

func hs256(key []byte, signed string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(signed))
	return mac.Sum(nil)
}

// checkToken checks the Authorization header of a request to the gateway. Apple
// documents 401 for a missing header and 403 for one that fails validation (and
// elsewhere 401 for both: a bridge must treat them alike).
func (s *Sandbox) checkToken(authorization string) *refusal {
	if authorization == "" {
		return &refusal{http.StatusUnauthorized, "the Authorization header is missing"}
	}
	token, ok := strings.CutPrefix(authorization, "Bearer ")
	if !ok {
		return forbidden(`the Authorization header does not begin with "Bearer "`)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return forbidden("the token does not have three parts")
	}
	var head struct {
		Alg string `json:"alg"`
	}
	if !decodePart(parts[0], &head) || head.Alg != "HS256" {
		return forbidden("the token's algorithm is not HS256")
	}
	if r := s.checkTokenSignature(parts); r != nil {
		return r
	}
	var claims map[string]json.RawMessage
	if !decodePart(parts[1], &claims) {
		return forbidden("the token's claims are not a JSON object")
	}
	return s.checkClaims(claims)
}

func (s *Sandbox) checkTokenSignature(parts []string) *refusal {
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return forbidden("the token's signature is not unpadded base64url")
	}
	signed := parts[0] + "." + parts[1]
	if hmac.Equal(signature, hs256(s.key, signed)) {
		return nil
	}
	if hmac.Equal(signature, hs256([]byte(s.secret), signed)) {
		return forbidden("the token is signed with the secret's text: the key is the base64-decoded secret")
	}
	return forbidden("the token's signature does not match")
}

func (s *Sandbox) checkClaims(claims map[string]json.RawMessage) *refusal {
	var iss string
	if json.Unmarshal(claims["iss"], &iss) != nil || iss != s.mspID {
		return forbidden("iss is not the MSP id")
	}
	if claims["iat"] == nil {
		return forbidden("iat is missing")
	}
	iat, err := strconv.ParseInt(string(claims["iat"]), 10, 64) // refuses 1.7e9, 1.0 and "1"
	if err != nil {
		return forbidden("iat is not an integer number of seconds")
	}
	now := s.now()
	if iat > now.Unix()*100 {
		return forbidden("iat is in milliseconds: seconds are wanted")
	}
	if off := now.Sub(time.Unix(iat, 0)); off > tokenTolerance || off < -tokenTolerance {
		return forbidden("iat is more than an hour off")
	}
	if claims["exp"] != nil {
		exp, err := strconv.ParseInt(string(claims["exp"]), 10, 64)
		if err != nil || now.Unix() >= exp {
			return forbidden("exp is past, or no integer number of seconds")
		}
	}
	return nil
}

func forbidden(reason string) *refusal { return &refusal{http.StatusForbidden, reason} }

func decodePart(part string, into any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(raw, into) == nil
}

// tokenClaims shows what a bearer token says, unverified, for the traffic panel.
func tokenClaims(authorization string) json.RawMessage {
	parts := strings.Split(strings.TrimPrefix(authorization, "Bearer "), ".")
	var claims map[string]json.RawMessage
	if len(parts) != 3 || !decodePart(parts[1], &claims) {
		return nil
	}
	shown, err := json.Marshal(claims)
	if err != nil {
		return nil
	}
	return shown
}
