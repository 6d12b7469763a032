package templates

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"bizbridge/bridge/message"
)

// varType is what a variable may hold.
type varType string

const (
	typeString   varType = "string"
	typeInteger  varType = "integer"
	typeNumber   varType = "number"
	typeBoolean  varType = "boolean"
	typeDate     varType = "date"
	typeDatetime varType = "datetime"
	typeURL      varType = "url"
)

var varTypes = []string{"string", "integer", "number", "boolean", "date", "datetime", "url"}

// typeWords say to people what a value looks like.
var typeWords = map[varType]string{
	typeString:   "text",
	typeInteger:  "a whole number such as 3",
	typeNumber:   "a number such as 3.5, with a point and no unit",
	typeBoolean:  "true or false",
	typeDate:     "a day such as 2030-02-24",
	typeDatetime: "a time with its zone such as 2030-02-24T09:00:00+01:00",
	typeURL:      "a web address that begins with https:// or http://",
}

const (
	maxListItems = message.MaxItems // of one variable
	maxURL       = 8192             // bytes
	dayFormat    = "2006-01-02"
	// listSeparator stands between the values of a list where they are one text, as in an agent's line.
	listSeparator = ";"
)

// variable is what may be put into a template.
type variable struct {
	name, description string
	kind              varType
	list              bool // several values: the entry of a list in which it stands is repeated for each
	required          bool
	fallback          any // nil: none
	example           any // nil: none
	enum              []any
	pattern           *regexp.Regexp
	patternText       string
	min, max          *float64 // of integers and numbers
	maxLength         int      // characters of a text; 0: no bound of its own
	minItems          int
	maxItems          int
	at                *node
}

// wrong is a value that a variable cannot have.
type wrong struct {
	pointer string // below the variable, for one value of a list
	rule    string
	message string
}

// missing tells whether a value counts as not given: nothing, and empty text.
func missing(given any) bool {
	text, isText := given.(string)
	list, isList := given.([]any)
	return given == nil || isText && strings.TrimSpace(text) == "" || isList && len(list) == 0
}

// convert makes of what was given the value that is put in: string, int64, float64 or bool, or a list of them.
func (v *variable) convert(given any) (any, []wrong) {
	if !v.list {
		value, bad := v.single(given)
		if bad != nil {
			return nil, []wrong{*bad}
		}
		return value, nil
	}
	parts := listOf(given)
	if n := len(parts); n < v.minItems {
		return nil, []wrong{{"", "minItems", fmt.Sprintf("has %s; at least %d are needed", plural(n, "value"), v.minItems)}}
	} else if n > v.maxItems {
		return nil, []wrong{{"", "maxItems", fmt.Sprintf("has %s; at most %d are possible", plural(n, "value"), v.maxItems)}}
	}
	values, bad := make([]any, 0, len(parts)), []wrong(nil)
	for i, part := range parts {
		value, fault := v.single(part)
		if fault == nil && slices.Contains(values, value) {
			fault = &wrong{"", "uniqueItems", "has a value twice: the answer could not tell which was meant"}
		}
		if fault != nil {
			fault.pointer = "/" + strconv.Itoa(i)
			bad = append(bad, *fault)
			continue
		}
		values = append(values, value)
	}
	return values, bad
}

// listOf takes a list, one value, or a text with separators.
func listOf(given any) []any {
	switch given := given.(type) {
	case []any:
		return given
	case string:
		var parts []any
		for part := range strings.SplitSeq(given, listSeparator) {
			if part = strings.TrimSpace(part); part != "" {
				parts = append(parts, part)
			}
		}
		return parts
	}
	return []any{given}
}

// single converts one value and checks it against the variable's rules.
func (v *variable) single(given any) (any, *wrong) {
	value, ok := v.typed(given)
	if !ok {
		return nil, &wrong{"", "type", "must be " + typeWords[v.kind]}
	}
	return value, v.check(value)
}

// typed reads text of every type, since all that an agent can write is text.
func (v *variable) typed(given any) (any, bool) {
	if number, ok := asNumber(given); ok {
		switch {
		case v.kind == typeNumber:
			return number, true
		case v.kind == typeInteger && number == math.Trunc(number) && math.Abs(number) <= 1<<53:
			return int64(number), true
		}
		return nil, false
	}
	if flag, ok := given.(bool); ok {
		return flag, v.kind == typeBoolean
	}
	text, ok := given.(string)
	if !ok {
		return nil, false
	}
	if v.kind == typeString {
		return v.asWritten(text), true
	}
	return parseText(v.kind, strings.TrimSpace(text))
}

func asNumber(given any) (float64, bool) {
	switch given := given.(type) {
	case json.Number:
		number, err := given.Float64()
		return number, err == nil
	case float64:
		return given, !math.IsInf(given, 0) && !math.IsNaN(given)
	case int:
		return float64(given), true
	case int64:
		return float64(given), true
	}
	return 0, false
}

// asWritten gives a text the spelling of the choice that it is: editors write other spaces, and people other cases.
func (v *variable) asWritten(text string) string {
	loose := func(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }
	if slices.Contains(v.enum, any(text)) {
		return text
	}
	for _, choice := range v.enum {
		if choice, ok := choice.(string); ok && loose(choice) == loose(text) {
			return choice
		}
	}
	return text
}

var (
	wholeNumber   = regexp.MustCompile(`^[+-]?[0-9]{1,15}$`)
	decimalNumber = regexp.MustCompile(`^[+-]?[0-9]{1,300}(\.[0-9]{1,300})?$`)
)

func parseText(kind varType, text string) (any, bool) {
	switch kind {
	case typeInteger:
		number, err := strconv.ParseInt(text, 10, 64)
		return number, err == nil && wholeNumber.MatchString(text)
	case typeNumber:
		number, err := strconv.ParseFloat(text, 64)
		return number, err == nil && decimalNumber.MatchString(text)
	case typeBoolean:
		switch strings.ToLower(text) {
		case "true", "yes":
			return true, true
		case "false", "no":
			return false, true
		}
		return nil, false
	case typeDate:
		_, err := time.Parse(dayFormat, text)
		return text, err == nil
	case typeDatetime:
		_, err := time.Parse(time.RFC3339, text)
		return text, err == nil
	default: // typeURL
		parsed, err := url.Parse(text)
		return text, err == nil && (parsed.Scheme == "https" || parsed.Scheme == "http") && parsed.Hostname() != "" && parsed.User == nil && len(text) <= maxURL
	}
}

// check applies what the template asks of a value beyond its type.
func (v *variable) check(value any) *wrong {
	if len(v.enum) > 0 && !slices.Contains(v.enum, value) {
		return &wrong{"", "enum", "must be one of: " + joined(v.enum, ", ")}
	}
	switch value := value.(type) {
	case int64:
		return v.checkRange(float64(value))
	case float64:
		return v.checkRange(value)
	case string:
		return v.checkText(value)
	}
	return nil
}

func (v *variable) checkRange(value float64) *wrong {
	switch {
	case v.min != nil && value < *v.min:
		return &wrong{"", "minimum", "must be at least " + textOf(*v.min)}
	case v.max != nil && value > *v.max:
		return &wrong{"", "maximum", "must be at most " + textOf(*v.max)}
	}
	return nil
}

func (v *variable) checkText(value string) *wrong {
	n, most := utf8.RuneCountInString(value), v.maxLength
	if most == 0 {
		most = message.MaxTextLength
	}
	switch {
	case n > most:
		return &wrong{"", "maxLength", fmt.Sprintf("has %s; at most %d are possible", plural(n, "character"), most)}
	case v.pattern != nil && !v.pattern.MatchString(value):
		words := "does not have the form " + v.patternText
		if v.example != nil {
			words += "; an example is " + v.text(v.example)
		}
		return &wrong{"", "pattern", words}
	}
	return nil
}

// textOf writes a value as it stands in a message.
func textOf(value any) string {
	switch value := value.(type) {
	case int64:
		return strconv.FormatInt(value, 10)
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(value)
	case string:
		return value
	}
	return ""
}

// text writes a value as it stands in a line; nothing is "".
func (v *variable) text(value any) string {
	if list, ok := value.([]any); ok {
		return joined(list, listSeparator+" ")
	}
	return textOf(value)
}

func joined(values []any, separator string) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = textOf(value)
	}
	return strings.Join(texts, separator)
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

// sample is a value to try the content with, and to show in /help. A list has n values.
func (v *variable) sample(n int) any {
	chosen := v.example
	if chosen == nil {
		chosen = v.fallback
	}
	if !v.list {
		if chosen != nil {
			return chosen
		}
		return v.generate(0)
	}
	list, _ := chosen.([]any)
	list = slices.Clone(list[:min(len(list), n)])
	for i := 0; len(list) < n && i < 2*n+len(v.enum); i++ {
		if value := v.generate(i); v.check(value) == nil && !slices.Contains(list, value) {
			list = append(list, value)
		}
	}
	return list
}

// generate makes the i-th value of a type.
func (v *variable) generate(i int) any {
	if len(v.enum) > 0 {
		return v.enum[i%len(v.enum)]
	}
	day := time.Date(2030, 2, 24, 9, 0, 0, 0, time.UTC)
	switch v.kind {
	case typeInteger:
		return int64(math.Ceil(v.inRange())) + int64(i)
	case typeNumber:
		return v.inRange() + float64(i)
	case typeBoolean:
		return i%2 == 0
	case typeDate:
		return day.AddDate(0, 0, i).Format(dayFormat)
	case typeDatetime:
		return day.Add(time.Duration(i) * time.Hour).Format(time.RFC3339)
	case typeURL:
		return "https://example.com/" + strconv.Itoa(i+1)
	}
	text := strconv.Itoa(i + 1)
	if word := v.name + " " + text; v.maxLength == 0 || len(word) <= v.maxLength {
		text = word
	}
	return text
}

func (v *variable) inRange() float64 {
	switch {
	case v.min != nil:
		return *v.min
	case v.max != nil:
		return math.Min(1, *v.max)
	}
	return 1
}
