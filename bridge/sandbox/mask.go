package sandbox

import (
	"bytes"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// What a sign-in hands about is never shown: whoever looks at the traffic panel, or at a picture of it, could use it. Of
// something long the first characters are, so that one thing can be found again.

// secretMembers are the JSON members that are secret wherever they stand.
var secretMembers = regexp.MustCompile(`("(?:clientSecret|client_secret|access_token|id_token|refresh_token|session_token|code_verifier|jwt)"\s*:\s*")((?:[^"\\]|\\.)*)"`)

// signInMembers are those that are secret in a message about a sign-in, and other things elsewhere.
var signInMembers = regexp.MustCompile(`("(?:state|token|code)"\s*:\s*")((?:[^"\\]|\\.)*)"`)

// paymentData is a payment's token, whole or as a string: whoever has it could try to charge it. Within it are no braces
// but its own.
var paymentData = regexp.MustCompile(`("paymentData"\s*:\s*)(\{(?:[^{}]|\{[^{}]*\})*\}|"(?:[^"\\]|\\.)*")`)

// secretParameters are the parameters of addresses and forms that are secret.
var secretParameters = []string{"access_token", "client_secret", "code", "code_verifier", "id_token", "refresh_token", "state", "ticket"}

// maskSecrets hides what is secret in JSON.
func maskSecrets(body []byte) []byte {
	if bytes.Contains(body, []byte(`"paymentData"`)) {
		body = paymentData.ReplaceAllFunc(body, func(found []byte) []byte {
			parts := paymentData.FindSubmatch(found)
			return fmt.Appendf(nil, `%s"… (%d characters)"`, parts[1], len(parts[2]))
		})
	}
	about := bytes.Contains(body, []byte(`"authenticate"`))
	if !about && !bytes.Contains(body, []byte(`ecret"`)) && !bytes.Contains(body, []byte(`_token"`)) && !bytes.Contains(body, []byte(`code_verifier"`)) && !bytes.Contains(body, []byte(`"jwt"`)) {
		return body // which may be large
	}
	hide := func(members *regexp.Regexp, text []byte) []byte {
		return members.ReplaceAllFunc(text, func(found []byte) []byte {
			parts := members.FindSubmatch(found)
			return fmt.Appendf(nil, `%s%s"`, parts[1], masked(string(parts[2])))
		})
	}
	body = hide(secretMembers, body)
	if about {
		body = hide(signInMembers, body)
	}
	return body
}

// masked stands for a secret.
func masked(secret string) string {
	if secret == "" {
		return ""
	}
	begin := firstRunes(secret, 4)
	if len(secret) < 32 || strings.ContainsAny(begin, `\"`) { // half an escape would break the JSON around it
		begin = ""
	}
	return fmt.Sprintf("%s… (%d characters)", begin, len(secret))
}

// maskedQuery is an encoded query or form, for people to read: without secrets, and without most escapes.
func maskedQuery(encoded string) string {
	values, err := url.ParseQuery(encoded)
	if err != nil {
		return "…"
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	var pairs []string
	for _, name := range names {
		for _, value := range values[name] {
			if slices.Contains(secretParameters, name) {
				value = masked(value)
			}
			pairs = append(pairs, name+"="+value)
		}
	}
	return strings.Join(pairs, "&")
}

// maskedURL is an address, from its path on, or whole where that is asked for.
func maskedURL(u *url.URL, whole bool) string {
	text := u.EscapedPath()
	if whole && u.Host != "" {
		text = u.Scheme + "://" + u.Host + text
	} else if whole {
		text = u.Scheme + "://" + text
	}
	if u.RawQuery != "" {
		text += "?" + maskedQuery(u.RawQuery)
	}
	if u.Fragment != "" {
		text += "#" + maskedQuery(u.EscapedFragment())
	}
	return text
}
