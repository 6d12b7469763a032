package mapping

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/itchyny/gojq"

	"bizbridge/config/yamlfile"
)

// Problem is one mistake in a mapping file; as a warning, something that is allowed and probably not meant.
type Problem = yamlfile.Problem

const maxFile = yamlfile.MaxFile

// format is what makes a YAML file a mapping.
var format = yamlfile.Format{
	Empty: "Start from a preset or from the example in mapping/README.md.",
	Syntax: func(string) string {
		return "Check indentation and quotes here and in the line above; a query with : or # in it needs quotes, or its own lines after |."
	},
	ShowPath: true,
}

type node = yamlfile.Node

// source is a file while it is being read.
type source struct {
	yamlfile.File
	time    time.Duration   // of one query
	defs    []*gojq.FuncDef // the file's own functions
	defsBad bool            // and they are broken: queries that miss them are not
}

// within gives the place of a byte of a text in the file, as far as it can be told: escapes and folded lines move it.
func (s *source) within(n *node, offset int) yamlfile.Place {
	offset = min(max(offset, 0), len(n.Text))
	row := strings.Count(n.Text[:offset], "\n")
	start := strings.LastIndexByte(n.Text[:offset], '\n') + 1
	text, _, _ := strings.Cut(n.Text[start:], "\n")
	before := utf8.RuneCountInString(n.Text[start:offset])
	for _, guess := range []int{n.At.Line + 1 + row, n.At.Line + row} { // after | the text begins in the next line
		if guess < 1 || guess > len(s.Lines) || text == "" {
			continue
		}
		written := s.Lines[guess-1]
		from := 0
		if guess == n.At.Line {
			from = min(len(written), n.At.Column-1) // wrong only where wide letters stand before it
		}
		if at := strings.Index(written[from:], text); at >= 0 && (guess == n.At.Line || strings.TrimSpace(written[:at]) == "") {
			return yamlfile.Place{Line: guess, Column: utf8.RuneCountInString(written[:from+at]) + 1 + before}
		}
	}
	return n.At
}
