package message

import (
	"net/url"
	"slices"
	"strings"
)

// Capability is one token of Apple's capability-list header: a kind of message that the customer's devices can show.
type Capability string

// The capabilities that Apple documents (protocol §2.5).
const (
	CapabilityQuickReply Capability = "QUICK"
	CapabilityList       Capability = "LIST"
	CapabilityTime       Capability = "TIME"
	CapabilityAuth       Capability = "AUTH"
	CapabilityAuth2      Capability = "AUTH2"
	CapabilityForm       Capability = "FORM"
)

var knownCapabilities = []Capability{
	CapabilityQuickReply, CapabilityList, CapabilityTime, CapabilityAuth, CapabilityAuth2, CapabilityForm,
}

// ParseCapabilities reads the header's value: comma-separated, in any case, sometimes percent-encoded. Unknown tokens
// are ignored, as Apple asks; the order is the list's own, so that equal sets look equal. It never gives nil, which stands
// for a device that said nothing: a Watch sends the header empty.
func ParseCapabilities(header string) []Capability {
	if decoded, err := url.PathUnescape(header); err == nil {
		header = decoded
	}
	found := []Capability{}
	for _, known := range knownCapabilities {
		listed := func(token string) bool { return strings.EqualFold(strings.TrimSpace(token), string(known)) }
		if slices.ContainsFunc(strings.Split(header, ","), listed) {
			found = append(found, known)
		}
	}
	return found
}

// Device is what is known of a customer's device and of how the conversation began. Nothing of it is stored: it travels
// sealed in [Data.Sealed] and comes back when the helpdesk answers.
type Device struct {
	Locale       string       `json:"locale,omitempty"`      // language_COUNTRY, such as en_US
	Intent       string       `json:"intent,omitempty"`      // biz-intent-id of the entry link; on a conversation's first text
	Group        string       `json:"group,omitempty"`       // biz-group-id of the entry link; on a conversation's first text
	Agent        string       `json:"device,omitempty"`      // Apple's device-agent header as it came
	Capabilities []Capability `json:"capabilities,omitzero"` // nil: unknown; empty: the device shows texts and links only
}

// Unknown tells whether nothing at all is known: no replica that is asked has seen the customer.
func (d Device) Unknown() bool {
	return d.Capabilities == nil && d.Locale == "" && d.Intent == "" && d.Group == "" && d.Agent == ""
}

// Has tells whether the device is known to show what a capability stands for.
func (d Device) Has(capability Capability) bool { return slices.Contains(d.Capabilities, capability) }
