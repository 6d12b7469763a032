package mapping

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/itchyny/gojq"
)

// pieces take a text apart for sub and gsub. They come many at once, since every step of jq counts; what is replaced by
// a query is asked for once for each different set of captures, since a query gives the same for the same.
type pieces struct {
	*matches
	begin int
	done  bool
	known map[string]int // the number of each set of captures
}

const (
	maxPieces = 256
	pieceTime = 5 * time.Millisecond // after it jq looks at the clock, however few there are
)

// Next implements [gojq.Iter]: parts are the text before each match and the number of its captures, in turns, at last the
// text behind the last match; captures are those that have come up for the first time, in the order of their numbers.
func (p *pieces) Next() (any, bool) {
	if p.done {
		return nil, false
	}
	began := time.Now()
	parts, captures := []any{}, []any{}
	for len(parts) < 2*maxPieces && time.Since(began) < pieceTime {
		at := p.next()
		if at == nil {
			p.done = true
			parts = append(parts, p.text[p.begin:])
			break
		}
		key := p.key(at)
		number, known := p.known[key]
		if !known {
			number = len(p.known)
			p.known[key] = number
			captures = append(captures, p.captures(at))
		}
		parts = append(parts, p.text[p.begin:at[0]], number)
		p.begin = at[1]
	}
	return map[string]any{"parts": parts, "captures": captures}, true
}

// key is the same for the same captures.
func (p *pieces) key(at []int) string {
	var key strings.Builder
	for i, name := range p.names {
		switch {
		case name == "":
		case at[2*i] < 0:
			key.WriteString("-;")
		default:
			fmt.Fprintf(&key, "%d:%s", at[2*i+1]-at[2*i], p.text[at[2*i]:at[2*i+1]])
		}
	}
	return key.String()
}

// glue puts the pieces together again, with replacements by the numbers of captures: one text for each output that a
// replacement has, as jq does it. whole is given where there is no replacement.
func glue(whole, chunks, replacements any) any {
	g := gluing{}
	g.replacements, _ = replacements.([]any)
	chunk, _ := chunks.([]any)
	before := ""
	for _, one := range chunk {
		object, _ := one.(map[string]any)
		parts, _ := object["parts"].([]any)
		for _, part := range parts {
			text, isText := part.(string)
			if isText {
				before = text
				continue
			}
			if err := g.replace(before, part.(int)); err != nil {
				return err
			}
		}
	}
	if len(g.texts) == 0 {
		return []any{whole}
	}
	results := make([]any, len(g.texts))
	for i, text := range g.texts {
		if err := g.add(text, before, ""); err != nil {
			return err
		}
		results[i] = text.String()
	}
	return results
}

type gluing struct {
	replacements []any
	texts        []*strings.Builder
	size, made   int
}

// replace adds the outputs for one match, each to its text.
func (g *gluing) replace(before string, number int) error {
	outputs, _ := g.replacements[number].([]any)
	for i, output := range outputs {
		text, isText := output.(string)
		if !isText && output != nil {
			return fmt.Errorf("cannot add: string and %s", gojq.TypeOf(output))
		}
		if i == len(g.texts) {
			g.texts = append(g.texts, &strings.Builder{})
		}
		if err := g.add(g.texts[i], before, text); err != nil {
			return err
		}
	}
	return nil
}

func (g *gluing) add(text *strings.Builder, before, after string) error {
	g.size += len(before) + len(after)
	if g.made++; g.size > maxRepeat || g.made > maxSteps {
		return errors.New("a text with its replacements is larger than 1 MB")
	}
	text.WriteString(before)
	text.WriteString(after)
	return nil
}
