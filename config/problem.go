package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in a configuration file.
type Problem struct {
	File         string
	Line, Column int
	// Path is the key: "businesses[0].msp_id".
	Path string
	// Message says what is wrong, Hint what to do. Neither holds a secret.
	Message, Hint string
}

// String prints "file:line:column: problem. hint".
func (p Problem) String() string {
	text := fmt.Sprintf("%s:%d:%d: %s.", p.File, p.Line, p.Column, p.Message)
	if p.Hint != "" {
		text += " " + p.Hint
	}
	return text
}

// Problems is every mistake in a file, in the order of its lines.
type Problems []Problem

// Error has one line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// sorted returns the problems in the order of the file, each once: an alias
// makes the same mistake appear at every place that uses it.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(ps, func(a, b Problem) bool { return a == b })
}
