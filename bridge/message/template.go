package message

import "regexp"

// Template is a rich message that was prepared by name. It never reaches Apple: the flow puts in its place what it says.
type Template struct {
	Name   string         `json:"name"`
	Vars   map[string]any `json:"vars,omitempty"`
	Locale string         `json:"locale,omitempty"` // "": the customer's
}

// Kind is [KindTemplate].
func (Template) Kind() Kind { return KindTemplate }

// MarshalJSON writes the content with its kind.
func (t Template) MarshalJSON() ([]byte, error) {
	type fields Template // without this method
	return marshalContent(KindTemplate, fields(t))
}

// TemplateName is what templates may be called.
var TemplateName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

func (t Template) validate(r report) {
	if !TemplateName.MatchString(t.Name) {
		r.fault("/name", "pattern", "must be the name of a template: lower-case letters, digits, - and _")
	}
	for name := range t.Vars {
		if !TemplateName.MatchString(name) {
			r.fault("/vars", "propertyNames", "has a name that no variable can have")
		}
	}
}
