package apple

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"bizbridge/bridge/signature"
)

// tokenLifetime is how long a minted token is used again. Apple does not document how old a token may be; its own
// samples mint one per request (protocol §2.2).
const tokenLifetime = 2 * time.Minute

// minter makes the tokens that one account shows to Apple.
type minter struct {
	account Account
	now     func() time.Time

	mu     sync.Mutex
	token  string
	minted time.Time
}

// bearer gives the value of the Authorization header. fresh is true after Apple has refused the last token.
func (m *minter) bearer(fresh bool) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if age := now.Sub(m.minted); !fresh && m.token != "" && age >= 0 && age < tokenLifetime {
		return m.token, nil
	}
	claims := jwt.RegisteredClaims{Issuer: m.account.MSPID, IssuedAt: jwt.NewNumericDate(now)}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(m.account.Secrets[0])
	if err != nil {
		return "", err
	}
	m.token, m.minted = "Bearer "+signed, now
	return m.token, nil
}

// verifyToken checks a token of Apple against one account and returns its age. The error is a [*signature.Error].
func verifyToken(token string, account Account, leeway time.Duration, now time.Time) (time.Duration, error) {
	keys := jwt.VerificationKeySet{Keys: make([]jwt.VerificationKey, len(account.Secrets))}
	for i, secret := range account.Secrets {
		keys.Keys[i] = secret
	}
	var claims jwt.RegisteredClaims
	parsed, err := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(func() time.Time { return now }),
	).ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return keys, nil })
	if err != nil {
		return 0, tokenError(parsed, err)
	}
	if !audienceHolds(claims.Audience, account.MSPID) {
		return 0, &signature.Error{Reason: signature.Audience, Text: "the token's aud is not the MSP id of this business"}
	}
	if claims.IssuedAt == nil {
		return 0, &signature.Error{Reason: signature.Malformed, Text: "the token has no iat"}
	}
	age := now.Sub(claims.IssuedAt.Time)
	if age > leeway || age < -leeway {
		return 0, &signature.Error{Reason: signature.Stale, Text: "the token's iat is too far from this clock; it must be in seconds"}
	}
	return age, nil
}

func audienceHolds(audience []string, mspID string) bool {
	for _, entry := range audience {
		if strings.EqualFold(entry, mspID) {
			return true
		}
	}
	return false
}

// tokenError says what is wrong in the closed set of reasons; parsed is what could be read of the token, or nil.
func tokenError(parsed *jwt.Token, err error) *signature.Error {
	switch {
	case errors.Is(err, jwt.ErrTokenUnverifiable), // an alg that nobody knows
		parsed != nil && parsed.Method != nil && parsed.Method.Alg() != jwt.SigningMethodHS256.Alg():
		return &signature.Error{Reason: signature.Algorithm, Text: "the token is not signed with HS256"}
	case errors.Is(err, jwt.ErrTokenExpired):
		return &signature.Error{Reason: signature.Expired, Text: "the token has expired"}
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return &signature.Error{Reason: signature.Stale, Text: "the token is not valid yet"}
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return &signature.Error{Reason: signature.Mismatch, Text: "no secret of this account verifies the token"}
	}
	return &signature.Error{Reason: signature.Malformed, Text: "the token is not a JSON Web Token"}
}
