package stripe

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"bizbridge/bridge/secureurl"
)

// DefaultBaseURL is where Stripe's API is.
const DefaultBaseURL = "https://api.stripe.com"

// When the money is captured.
const (
	CaptureAutomatic = "automatic" // with the customer's consent
	CaptureManual    = "manual"    // by the business, later: the consent reserves it
)

// Settings are how the bridge is known at Stripe.
type Settings struct {
	// SecretKey is the secret or a restricted key of the account. A restricted one needs PaymentIntents (write) and Tokens (write).
	SecretKey string `json:"-"`
	BaseURL   string // "": DefaultBaseURL
	// Capture is CaptureAutomatic or CaptureManual; "": automatic. A request that was consented to before it changed cannot be
	// paid after.
	Capture string
}

// Format prints no secret, whatever the verb.
func (s Settings) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "stripe.Settings of "+s.base())
}

func (s Settings) base() string {
	if s.BaseURL == "" {
		return DefaultBaseURL
	}
	return strings.TrimRight(s.BaseURL, "/")
}

func (s Settings) capture() string {
	if s.Capture == "" {
		return CaptureAutomatic
	}
	return s.Capture
}

// Validate checks what no schema can say. Paths are the keys of the configuration.
func (s Settings) Validate(report func(path, message, hint string)) {
	switch {
	case s.SecretKey == "":
		report("secret_key", "is missing", "Stripe's Dashboard shows it under Developers, API keys.")
	case strings.TrimSpace(s.SecretKey) != s.SecretKey:
		report("secret_key", "has white space around it", "Remove it; a file may end with a line break.")
	case strings.ContainsFunc(s.SecretKey, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		report("secret_key", "has white space or a control character in it", "Copy it as Stripe shows it.")
	case !secureurl.Printable(s.SecretKey):
		report("secret_key", "has a character in it that is not printable ASCII", "Copy it as Stripe shows it.")
	case strings.HasPrefix(s.SecretKey, "pk_"):
		report("secret_key", "is the publishable key", "Take the secret key (sk_…) or a restricted one (rk_…).")
	case !strings.HasPrefix(s.SecretKey, "sk_") && !strings.HasPrefix(s.SecretKey, "rk_"):
		report("secret_key", "is no key of Stripe's", "It begins with sk_ or rk_.")
	}
	if s.BaseURL != "" {
		fault := secureurl.Fault(s.BaseURL)
		if fault == "" && strings.Contains(s.BaseURL, "?") {
			fault = "has a query"
		}
		if fault != "" {
			report("api_url", fault, "Remove it: Stripe is at "+DefaultBaseURL+".")
		}
	}
	if s.Capture != "" && s.Capture != CaptureAutomatic && s.Capture != CaptureManual {
		report("capture", "is none of the known ones", "Possible: "+CaptureAutomatic+", "+CaptureManual+".")
	}
}
