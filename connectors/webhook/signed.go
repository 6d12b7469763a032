package webhook

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"bizbridge/bridge/signature"
	"bizbridge/config"
	"bizbridge/connectors"
)

// schemeOf finds the scheme that a setting names.
func schemeOf(name string) (signature.Scheme, bool) {
	return signature.Lookup(cmp.Or(name, signature.StandardWebhooks))
}

func (c *Config) validateSigning(report func(path, message, hint string)) {
	signs, known := schemeOf(c.SignScheme)
	verifies, both := schemeOf(c.VerifyScheme)
	for path, known := range map[string]bool{"sign_scheme": known, "verify_scheme": both} {
		if !known {
			report(path, "names no known scheme", "Possible: "+strings.Join(signature.Names(), ", ")+".")
		}
	}
	if !known || !both {
		return
	}
	c.validateSigner(signs, report)
	validateSecrets("secrets", signs, c.Secrets, report)
	if c.VerifyHeader != "" {
		if c.VerifyScheme != "" {
			report("verify_scheme", "cannot stand beside verify_header", "Remove one of them.")
		}
		verifies = signature.TokenIn(c.VerifyHeader)
	} else if verifies.Name != signs.Name && len(c.VerifySecrets) == 0 {
		report("verify_secrets", "are needed: what the helpdesk sends is not signed as what the bridge sends", "Give the secrets of "+verifies.Name+".")
	}
	validateSecrets("verify_secrets", verifies, c.VerifySecrets, report)
	c.validateVerifyURL(verifies, report)
}

// validateSigner checks whether the bridge can sign as it shall.
func (c *Config) validateSigner(signs signature.Scheme, report func(path, message, hint string)) {
	const hint = "Remove it: the bridge then signs with Standard Webhooks."
	if signs.Algorithm == signature.Token { // steps of a mapping may call anybody
		report("sign_scheme", "sends the secret itself", "Use auth with kind: api_key, which goes to the helpdesk's own addresses only.")
		return
	}
	if signs.CoversForm() {
		report("sign_scheme", "signs forms, which the bridge does not send", hint)
	}
	if keys, err := signature.New(signs, config.Reveal(c.Secrets)...); err == nil && keys.CanSign() != nil {
		report("sign_scheme", "cannot sign: the first of secrets "+keys.CanSign().Error(), hint)
	}
	if c.Attachments == attachmentMultipart && signs.Name != signature.StandardWebhooks {
		report("attachments", "cannot be multipart with sign_scheme", "Use links, or remove sign_scheme.")
	}
	for i := range c.Auth {
		if signs.CoversURL() && c.Auth[i].Query != "" {
			report(fmt.Sprintf("auth[%d].query", i), "changes the address, which sign_scheme covers", "Use a header.")
		}
		for _, name := range []string{signs.Header, signs.TimeHeader, signs.IDHeader} {
			if name != "" && http.CanonicalHeaderKey(c.Auth[i].Header) == http.CanonicalHeaderKey(name) {
				report(fmt.Sprintf("auth[%d].header", i), "is where the bridge's own signature stands", "Write the header that the helpdesk's login expects.")
			}
		}
	}
}

func (c *Config) validateVerifyURL(verifies signature.Scheme, report func(path, message, hint string)) {
	const example = "such as https://bridge.example.com/webhooks/desk."
	switch {
	case !verifies.CoversURL() && c.VerifyURL != "":
		report("verify_url", "is for schemes that sign the address", "Remove it.")
	case !verifies.CoversURL():
	case c.VerifyURL == "":
		report("verify_url", "is missing: "+verifies.Name+" signs the address", "Write it as the helpdesk has it, "+example)
	case strings.Contains(c.VerifyURL, "?"):
		report("verify_url", "has a query, which each webhook brings", `Remove "?" and what follows.`)
	default:
		if fault := connectors.URLFault(c.VerifyURL); fault != "" {
			report("verify_url", fault, "Write the address that the helpdesk calls, "+example)
		}
	}
}

func validateSecrets(path string, scheme signature.Scheme, secrets []config.Secret, report func(path, message, hint string)) {
	hint := "Write it as the helpdesk shows it."
	if scheme.Key == signature.KeyWhsec {
		hint = `Make one with "bizbridge keygen --webhook".`
	}
	for i, secret := range secrets {
		place := fmt.Sprintf("%s[%d]", path, i)
		if scheme.Algorithm == signature.Token {
			connectors.ValidateToken(place, secret, report)
		} else if err := scheme.CheckSecret(secret.Reveal()); err != nil {
			report(place, err.Error(), hint)
		}
	}
}

// verifier makes what verifies webhooks.
func (c *Config) verifier() (*signature.Keys, error) {
	if c.VerifyHeader != "" {
		return signature.New(signature.TokenIn(c.VerifyHeader), config.Reveal(c.VerifySecrets)...)
	}
	scheme, _ := schemeOf(c.VerifyScheme)
	if len(c.VerifySecrets) == 0 {
		return signature.New(scheme, config.Reveal(c.Secrets)...)
	}
	return signature.New(scheme, config.Reveal(c.VerifySecrets)...)
}

// genuine verifies a webhook and gives its id, where its scheme has one. The address is the configured one: what stands
// in front of the bridge may have changed the request's.
func (c *Connector) genuine(req *http.Request, body []byte) (id string, err error) {
	address := c.verifyURL
	if req.URL.RawQuery != "" {
		address += "?" + req.URL.RawQuery
	}
	return c.verify.Verify(signature.Request{Method: req.Method, URL: address, Header: req.Header, Body: body}, c.Now())
}

// sign signs each attempt at a call anew.
func (c *Connector) sign(method, address, id string, body []byte) func(http.Header) {
	return func(header http.Header) {
		err := c.signer.Sign(signature.Request{Method: method, URL: address, Header: header, Body: body}, id, c.Now())
		if err != nil {
			c.Logger.Error("a call cannot be signed", "error", err)
		}
	}
}
