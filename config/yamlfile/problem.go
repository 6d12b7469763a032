package yamlfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Place is where something stands in a file. Lines and columns count from 1.
type Place struct{ Line, Column int }

// Problem is one mistake in a file; as a warning, something that is allowed and probably not meant.
type Problem struct {
	File         string
	Line, Column int
	// Path is where it is in the structure: "businesses[0].msp_id".
	Path string
	// Message says what is wrong, Hint what to do; "" where that is plain. Neither holds a secret.
	Message, Hint string
	Warning       bool
	// ShowPath is for messages that do not say what they are about.
	ShowPath bool
}

// String prints "file:line:column: problem. hint".
func (p Problem) String() string {
	text := fmt.Sprintf("%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Warning {
		text += "warning: "
	}
	if p.ShowPath && p.Path != "" {
		text += p.Path + ": "
	}
	text += p.Message + "."
	if p.Hint != "" {
		text += " " + p.Hint
	}
	return text
}

// Problems is every mistake in one file or several.
type Problems []Problem

// Error has one line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Sorted returns the problems in the order of the files, each once: an alias makes the same mistake appear at every
// place that uses it.
func (ps Problems) Sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(ps, func(a, b Problem) bool {
		return a.File == b.File && a.Line == b.Line && a.Column == b.Column && a.Message == b.Message
	})
}
