package mapping

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/itchyny/gojq"

	"bizbridge/bridge/message"
	"bizbridge/connectors/customerid"
	"bizbridge/connectors/plaintext"
)

// functions are what queries have beside jq's own.
var functions = map[string]func(any) (any, error){
	"path_safe":        pathSafe,
	"from_path_safe":   fromPathSafe,
	"html_to_text":     converter("html_to_text", plaintext.FromHTML),
	"markdown_to_text": converter("markdown_to_text", plaintext.FromMarkdown),
	"derived_id":       derivedID,
	"rfc3339":          rfc3339,
}

const anySafe = "text_" // before what is no customer_id

// pathSafe writes an id with letters, digits, "-" and "_" only. A customer_id keeps its length (164 characters).
func pathSafe(v any) (any, error) {
	id, ok := v.(string)
	if !ok {
		return nil, errors.New("path_safe takes a string")
	}
	if form, reversible := customerid.Reversible(message.CustomerID(id)); reversible {
		return form, nil
	}
	return anySafe + base64.RawURLEncoding.EncodeToString([]byte(id)), nil
}

// fromPathSafe is the way back; null for what path_safe never gives.
func fromPathSafe(v any) (any, error) {
	id, _ := v.(string)
	if customer, ok := customerid.Parse(id); ok {
		return string(customer), nil
	}
	if encoded, ok := strings.CutPrefix(id, anySafe); ok {
		if raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded); err == nil {
			return string(raw), nil
		}
	}
	return nil, nil
}

// converter makes plain text, which is all that Messages shows, of what a helpdesk writes.
func converter(name string, convert func(string) string) func(any) (any, error) {
	return func(v any) (any, error) {
		text, ok := v.(string)
		if !ok {
			return nil, errors.New(name + " takes a string")
		}
		if len(text) > maxConverted {
			return nil, fmt.Errorf("%s takes at most %d bytes", name, maxConverted)
		}
		return convert(text), nil
	}
}

// maxConverted bounds the time of one call, where no time limit reaches.
const maxConverted = 64 << 10

// derivedID makes a UUID of a string or of an array of them: the same for the same, on every repeat.
func derivedID(v any) (any, error) {
	parts, isArray := v.([]any)
	if !isArray {
		parts = []any{v}
	}
	texts := []string{"mapping"}
	for _, part := range parts {
		text, ok := plainText(part)
		if !ok {
			return nil, errors.New("derived_id takes strings and numbers, or an array of them")
		}
		texts = append(texts, text)
	}
	return string(message.DeriveID(texts...)), nil
}

// rfc3339 writes a time in UTC: seconds since 1970, milliseconds where the number is too large for seconds, or a text
// in RFC 3339 with any offset.
func rfc3339(v any) (any, error) {
	if text, ok := v.(string); ok {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return nil, errors.New("rfc3339 takes a number, or a time such as 2026-01-02T03:04:05+01:00")
		}
		return at.UTC().Format(time.RFC3339Nano), nil
	}
	seconds, ok := gojq.ToFloat64(v)
	const beyond = 1e11 // the year 5138 in seconds, 1973 in milliseconds
	if seconds >= beyond {
		seconds /= 1000
	}
	if !ok || !(seconds > -beyond && seconds < beyond) {
		return nil, errors.New("rfc3339 takes a number, or a time such as 2026-01-02T03:04:05+01:00")
	}
	return time.UnixMilli(int64(seconds * 1000)).UTC().Format(time.RFC3339Nano), nil
}

// The guards stand in for what jq can make huge in one step, where no time limit reaches. Queries cannot name them.
const (
	guardTimes = "__times" // a * b
	guardIndex = "__index" // .[n]
	guardPath  = "__path"  // getpath(p), setpath(p; v)
	guardSeek  = "__seek"  // index(x), rindex(x), indices(x): they compare at every place
)

const (
	maxRepeat = maxOutput // bytes that "text" * n may give
	maxBits   = 4096      // of an integer
	maxIndex  = 100_000   // of an array: assigning there creates all before it
	maxSeek   = 16 << 20  // characters of a text times those that are sought in it; 60,000 leave room for 279
)

var product = mustCompile(".[0] * .[1]")

func mustCompile(text string) *gojq.Code {
	parsed, err := gojq.Parse(text)
	if err != nil {
		panic(err)
	}
	code, err := gojq.Compile(parsed)
	if err != nil {
		panic(err)
	}
	return code
}

// times is jq's multiplication with an end.
func times(l, r any) any {
	text, isText := l.(string)
	count, isCount := gojq.ToFloat64(r)
	if !isText {
		text, isText = r.(string)
		count, isCount = gojq.ToFloat64(l)
	}
	if isText && isCount && float64(len(text))*count > maxRepeat {
		return fmt.Errorf("a text times a number gives more than %d bytes", maxRepeat)
	}
	if tooLong(l) || tooLong(r) {
		return errors.New("a number is too long to multiply")
	}
	result, _ := product.Run([]any{l, r}).Next()
	if tooLong(result) {
		return errors.New("the product is too long")
	}
	return result
}

func tooLong(v any) bool {
	switch v := v.(type) {
	case *big.Int:
		return v.BitLen() > maxBits
	case json.Number:
		return len(v) > maxBits/4
	}
	return false
}

// bounded refuses numbers that would make an array of as many items.
func bounded(v any) any {
	if _, isNumber := gojq.ToFloat64(v); isNumber {
		if i, _ := gojq.ToInt(v); i > maxIndex {
			return fmt.Errorf("an index is larger than %d", maxIndex)
		}
	}
	return v
}

func boundedPath(v any) any {
	steps, _ := v.([]any)
	for _, step := range steps {
		if err, ok := bounded(step).(error); ok {
			return err
		}
	}
	return v
}

// sought gives what is looked for in whole, where that does not take too long.
func sought(whole, part any) any {
	text, _ := whole.(string)
	words, _ := part.(string)
	if utf8.RuneCountInString(text)*utf8.RuneCountInString(words) > maxSeek {
		return errors.New("a text is too long to look for so long a text in it")
	}
	return part
}

// compilerOptions give a query its functions and variables.
func compilerOptions(variables []string) []gojq.CompilerOption {
	options := []gojq.CompilerOption{
		gojq.WithVariables(variables),
		gojq.WithFunction(guardTimes, 2, 2, func(_ any, args []any) any { return times(args[0], args[1]) }),
		gojq.WithFunction(guardIndex, 0, 0, func(v any, _ []any) any { return bounded(v) }),
		gojq.WithFunction(guardPath, 0, 0, func(v any, _ []any) any { return boundedPath(v) }),
	}
	options = append(options, gojq.WithFunction(guardSeek, 1, 1, func(v any, args []any) any { return sought(v, args[0]) }))
	options = append(options, regexOptions()...)
	for name, function := range functions {
		options = append(options, gojq.WithFunction(name, 0, 0, func(v any, _ []any) any {
			result, err := function(v)
			if err != nil {
				return err
			}
			return result
		}))
	}
	return options
}
