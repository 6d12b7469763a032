package connectors

import (
	"net/url"
	"strings"
)

// URLFault tells in words what is wrong with a configured address of a helpdesk; "" for a usable one. Plain HTTP is
// allowed: a sidecar talks to its neighbour.
func URLFault(text string) string {
	parsed, err := url.Parse(text)
	switch {
	case err != nil || parsed.Hostname() == "" || (parsed.Scheme != "http" && parsed.Scheme != "https"):
		return "is not an absolute http or https URL"
	case parsed.User != nil:
		return "holds a user name or password"
	case parsed.Fragment != "":
		return "has a fragment (#…), which is never sent"
	}
	return ""
}

// BaseURLFault is [URLFault] for what other addresses begin with.
func BaseURLFault(text string) string {
	fault := URLFault(text)
	if fault == "" && strings.Contains(text, "?") {
		fault = "has a query (?…), behind which no path can stand"
	}
	return fault
}

// WebhookPath is what the address of the connector's webhooks ends in.
func (e Environment) WebhookPath() string { return "/webhooks/" + e.Name }

// LeadsHere tells whether an address that a helpdesk has configured is that of the connector's webhooks.
func (e Environment) LeadsHere(address string) bool {
	parsed, err := url.Parse(address)
	return err == nil && strings.HasSuffix(strings.TrimRight(parsed.Path, "/"), e.WebhookPath())
}
