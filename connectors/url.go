package connectors

import "net/url"

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
