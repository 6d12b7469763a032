package mapping

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/itchyny/gojq"

	"bizbridge/bridge/message"
	"bizbridge/config/yamlfile"
)

const (
	maxQuery    = 32 << 10  // bytes of one query's text
	maxMessages = 20        // messages that one event or webhook becomes
	maxOutput   = 1 << 20   // bytes of JSON that one query gives
	maxDepth    = 100       // how deep that JSON nests
	maxSteps    = 1_000_000 // of jq in one query, about 50 ms on an idle machine
	// queryTime is for what takes long in few steps. A bound of time alone would have to be so short that it hits
	// innocent queries on a busy machine; steps do not depend on that.
	queryTime = 250 * time.Millisecond
)

// query is one compiled jq query.
type query struct {
	code  *gojq.Code
	where string // `rule "text", step "post": body`
	time  time.Duration
}

// queryError is a query that failed on a message. Its text goes to logs and senders, so it tells no value; Detail, for
// whoever writes the mapping, does.
type queryError struct {
	where string
	words string
	cause error
}

func (e *queryError) Error() string { return e.where + ": " + e.words }

func (e *queryError) Unwrap() error { return e.cause }

// Detail is the error with the values of the message.
func (e *queryError) Detail() string {
	if e.cause == nil || errors.Is(e.cause, errTooSlow) || errors.Is(e.cause, errTooLong) {
		return e.Error()
	}
	return e.where + ": " + e.cause.Error()
}

func (q *query) failed(format string, args ...any) error {
	return &queryError{where: q.where, words: fmt.Sprintf(format, args...)}
}

var (
	errTooSlow = errors.New("out of time")
	errTooLong = errors.New("too many steps")
)

// budget is the context of one run. jq asks it before every step whether to go on, which is where it counts.
type budget struct {
	context.Context
	steps int
	until time.Time
	spent error // why not to go on
}

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Done implements [context.Context].
func (b *budget) Done() <-chan struct{} {
	b.steps++
	const often = 8 // a loop that doubles a text must not get far between two looks at the clock
	switch {
	case b.spent != nil:
	case b.steps > maxSteps:
		b.spent = errTooLong
	case b.steps%often == 0 && time.Now().After(b.until):
		b.spent = errTooSlow
	default:
		return b.Context.Done()
	}
	return closed
}

// Err implements [context.Context].
func (b *budget) Err() error {
	if b.spent != nil {
		return b.spent
	}
	return b.Context.Err()
}

// run calls yield for each output until it returns false. The error is a *queryError, or ctx's own.
func (q *query) run(ctx context.Context, yield func(any) bool, input any, values ...any) error {
	limited := &budget{Context: ctx, until: time.Now().Add(q.time)}
	outputs := q.code.RunWithContext(limited, input, values...)
	for {
		output, ok := outputs.Next()
		if !ok {
			return nil
		}
		if err, failed := output.(error); failed {
			return q.explain(ctx, err)
		}
		if !yield(output) {
			return nil
		}
	}
}

func (q *query) explain(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errTooSlow):
		return &queryError{where: q.where, words: fmt.Sprintf("took longer than %s", q.time), cause: err}
	case errors.Is(err, errTooLong):
		return &queryError{where: q.where, words: fmt.Sprintf("took more than %d steps", maxSteps), cause: err}
	}
	return &queryError{where: q.where, words: withoutValues(err), cause: err}
}

// withoutValues is jq's error without what it quotes. The words of error("…") are the mapping's own, and are kept.
func withoutValues(err error) string {
	if own, ok := errors.AsType[gojq.ValueError](err); ok {
		if words, isText := own.Value().(string); isText {
			return yamlfile.Clip(words)
		}
		return "error"
	}
	text := err.Error()
	if end := strings.IndexAny(text, "([{\"0123456789"); end >= 0 {
		text = text[:end]
	}
	return strings.TrimRight(text, " :@-")
}

// first gives the first output, nil if there is none.
func (q *query) first(ctx context.Context, input any, values ...any) (any, error) {
	var result any
	err := q.run(ctx, func(output any) bool { result = output; return false }, input, values...)
	if err != nil {
		return nil, err
	}
	if err := measure(result, new(int), 0); err != nil {
		return nil, q.failed("%s", err)
	}
	return result, nil
}

// all gives every output; those that are arrays count as their items, null as none.
func (q *query) all(ctx context.Context, input any, values ...any) ([]any, error) {
	var results []any
	size, tooLarge := 0, error(nil)
	err := q.run(ctx, func(output any) bool {
		items, isArray := output.([]any)
		if !isArray {
			items = []any{output}
		}
		for _, item := range items {
			if item == nil {
				continue
			}
			if len(results) == maxMessages {
				tooLarge = fmt.Errorf("gives more than %d messages", maxMessages)
				return false
			}
			if tooLarge = measure(item, &size, 0); tooLarge != nil {
				return false
			}
			results = append(results, item)
		}
		return true
	}, input, values...)
	if err == nil && tooLarge != nil {
		err = q.failed("%s", tooLarge)
	}
	return results, err
}

// holds tells whether the first output is true, as jq sees it: neither false nor null. No query always holds.
func (q *query) holds(ctx context.Context, input any, values ...any) (bool, error) {
	if q == nil {
		return true, nil
	}
	result, err := q.first(ctx, input, values...)
	return err == nil && result != nil && result != false, err
}

// measure adds up the JSON of a value while walking it, and stops where it grows too large: a query can build in a few
// steps what takes terabytes to write.
func measure(v any, size *int, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("its result nests deeper than %d", maxDepth)
	}
	*size++
	switch v := v.(type) {
	case string:
		*size += len(v) + 1
	case json.Number:
		*size += len(v)
	case *big.Int:
		*size += v.BitLen() / 3
	case []any:
		for _, item := range v {
			if err := measure(item, size, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		for key, value := range v {
			*size += len(key) + 3
			if err := measure(value, size, depth+1); err != nil {
				return err
			}
		}
	default:
		*size += 4
	}
	if *size > maxOutput {
		return fmt.Errorf("its result is larger than %d bytes", maxOutput)
	}
	return nil
}

// encode writes what a query gave, numbers exactly.
func encode(v any) ([]byte, error) { return gojq.Marshal(v) }

// plainText is a text, number or boolean as it stands in an address or a header; false for everything else.
func plainText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, utf8.ValidString(v)
	case nil, []any, map[string]any:
		return "", false
	}
	text, err := gojq.Marshal(v)
	return string(text), err == nil
}

// asFailure gives an error of a query the class that decides what becomes of the message: what took too long may go
// better later, what a query cannot read it will never read.
func asFailure(err error, final message.Class) error {
	broken, ok := errors.AsType[*queryError](err)
	switch {
	case err == nil:
		return nil
	case !ok:
		return message.FailureOf(err)
	case errors.Is(broken, errTooSlow):
		final = message.Transient
	}
	return &message.Failure{Class: final, Reason: "mapping: " + broken.Error()}
}
