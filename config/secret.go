package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is text that must not be seen: every formatting verb, slog, JSON and
// YAML print ***. Keep it in exported fields, and not as the key of a map: fmt
// does not ask the values of unexported fields how they want to be printed, and
// encoding/json does not ask keys.
type Secret string

const redacted = "***"

// Reveal returns the text itself, to sign or to authenticate with.
func (s Secret) Reveal() string { return string(s) }

// String returns ***.
func (s Secret) String() string { return redacted }

// GoString returns ***.
func (s Secret) GoString() string { return redacted }

// Format prints *** for every verb: without it %x and %d would show the text.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns ***.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns ***.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "***".
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalYAML returns ***.
func (s Secret) MarshalYAML() (any, error) { return redacted, nil }

// Reveal returns the texts of several.
func Reveal(secrets []Secret) []string {
	texts := make([]string, len(secrets))
	for i, secret := range secrets {
		texts[i] = secret.Reveal()
	}
	return texts
}
