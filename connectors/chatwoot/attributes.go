package chatwoot

import (
	"strconv"
	"strings"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/connectors/customerid"
)

// The custom attributes of the contact: they come with every webhook, even of a conversation that an agent began.
const (
	attrCustomer     = "apple_mbid"
	attrBusiness     = "apple_business_id"
	attrContext      = "apple_context"
	attrContextSince = "apple_context_since"
	attrLocale       = "apple_locale"
	attrDevice       = "apple_device"
	attrCapabilities = "apple_capabilities"
)

// The custom attributes of the conversation, beside attrBusiness: a contact can be merged from those of several customers, and
// its conversations stay what they were.
const (
	attrOwner  = "apple_customer" // a hash of the Apple id
	attrIntent = "apple_intent"
	attrGroup  = "apple_group"
	attrClosed = "apple_closed_at"
	attrChoice = "apple_choice" // and apple_choice_2 and so on
)

const (
	// maxAttribute is the longest text that Chatwoot takes as a custom attribute, in characters.
	maxAttribute = 1500
	// contextAge is when a context is replaced by a newer one: it is good for 90 days.
	contextAge = 30 * 24 * time.Hour
	// noCapabilities stands for a device that shows texts only: an empty attribute would stand for one that is not known.
	noCapabilities = "none"
)

// attributes are custom attributes. Agents and automations can write any JSON into them.
type attributes map[string]any

func (a attributes) text(name string) string {
	text, _ := a[name].(string)
	return text
}

// sourceID is the customer's id in the inbox.
func sourceID(customer message.CustomerID) string { return customerid.Fitting(customer, 0) }

// customerOf finds the Apple id of a contact: in its source id, or in the attribute if that is the right one. Agents can
// edit attributes, but must not send to somebody else.
func customerOf(sourceID string, contact attributes) (message.CustomerID, bool) {
	if customer, ok := customerid.Parse(sourceID); ok {
		return customer, true
	}
	customer := message.CustomerID(contact.text(attrCustomer))
	return customer, customer.Fault() == "" && customerid.Belongs(sourceID, customer)
}

// contactAttributes is what is to be kept of the customer. What an event does not tell is left out.
func (c *Connector) contactAttributes(data message.Data) attributes {
	kept := attributes{attrCustomer: string(data.CustomerID), attrBusiness: string(data.BusinessID)}
	kept.add(attrLocale, data.Locale)
	kept.add(attrDevice, data.Agent)
	if data.Capabilities != nil {
		kept[attrCapabilities] = capabilities(data.Capabilities)
	}
	if len(data.Sealed) <= maxAttribute { // else only this replica knows the device
		kept.add(attrContext, data.Sealed)
	}
	return kept
}

func capabilities(list []message.Capability) string {
	if len(list) == 0 {
		return noCapabilities
	}
	names := make([]string, len(list))
	for i, capability := range list {
		names[i] = string(capability)
	}
	return strings.Join(names, " ")
}

func conversationAttributes(data message.Data) attributes {
	kept := attributes{attrOwner: customerid.Hashed(data.CustomerID), attrBusiness: string(data.BusinessID)}
	kept.add(attrIntent, data.Intent)
	kept.add(attrGroup, data.Group)
	return kept
}

func (a attributes) add(name, value string) {
	value = storable(value)
	if runes := []rune(value); len(runes) > maxAttribute {
		value = string(runes[:maxAttribute])
	}
	if value != "" {
		a[name] = value
	}
}

// storable is a text without what Chatwoot's database has no room for.
func storable(text string) string { return strings.ReplaceAll(text, "\x00", "") }

// newerThan are those that a helpdesk which has others lacks.
func (a attributes) newerThan(known attributes) attributes {
	lacks := attributes{}
	for name, value := range a {
		if known[name] != value {
			lacks[name] = value
		}
	}
	return lacks
}

// outdated are the attributes of a contact that have to be written again. Every event has a context of its own, so that a
// context alone counts only when the one that is known is old.
func (c *Connector) outdated(data message.Data, known attributes, intentChanged bool) attributes {
	lacks := c.contactAttributes(data).newerThan(known)
	fresh, isNew := lacks[attrContext]
	delete(lacks, attrContext)
	since, err := time.Parse(time.DateOnly, known.text(attrContextSince))
	old := err != nil || c.Now().Sub(since) > contextAge
	if isNew && (old || intentChanged || len(lacks) > 0) {
		lacks[attrContext], lacks[attrContextSince] = fresh, c.today()
	}
	return lacks
}

func (c *Connector) today() string { return c.Now().UTC().Format(time.DateOnly) }

// choiceName names the parts of a kept choice, which is longer than an attribute may be.
func choiceName(part int) string {
	if part == 0 {
		return attrChoice
	}
	return attrChoice + "_" + strconv.Itoa(part+1)
}

// splitChoice makes attributes of a choice. Parts that are kept of an older one become empty.
func splitChoice(sealed string, known attributes) attributes {
	parts := attributes{}
	for part := 0; sealed != "" || known.text(choiceName(part)) != ""; part++ {
		end := min(len(sealed), maxAttribute)
		parts[choiceName(part)], sealed = sealed[:end], sealed[end:]
	}
	return parts
}

func joinChoice(known attributes) string {
	var sealed strings.Builder
	for part := 0; ; part++ {
		text := known.text(choiceName(part))
		if text == "" {
			return sealed.String()
		}
		sealed.WriteString(text)
	}
}
