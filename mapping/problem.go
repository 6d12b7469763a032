package mapping

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in a mapping file; as a warning, something that is allowed and probably not meant.
type Problem struct {
	File         string
	Line, Column int
	Path         string // where it is: "inbound[0].steps[1].request.body"
	Message      string // what is wrong
	Hint         string // what to do; "" where that is plain
}

// String prints "file:line:column: path: problem. hint".
func (p Problem) String() string {
	text := fmt.Sprintf("%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Path != "" {
		text += p.Path + ": "
	}
	text += p.Message + "."
	if p.Hint != "" {
		text += " " + p.Hint
	}
	return text
}

// sorted gives the problems in the order of the file, each once: an alias repeats a mistake wherever it stands.
func sorted(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(problems, func(a, b Problem) bool {
		return a.Line == b.Line && a.Column == b.Column && a.Message == b.Message
	})
}

// suggest names the choice that was probably meant, or all of them.
func suggest(got string, choices []string) string {
	best, least := "", max(len(got)/3, 1)+1
	for _, choice := range choices {
		if d := distance(clip(strings.ToLower(got)), choice); d < least {
			best, least = choice, d
		}
	}
	switch {
	case len(choices) == 0:
		return ""
	case best != "" && got != "":
		return fmt.Sprintf("Did you mean %q?", best)
	}
	return fmt.Sprintf("Possible: %s.", strings.Join(choices, ", "))
}

// distance counts the edits between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := diagonal
			if a[i-1] != b[j-1] {
				change++
			}
			diagonal = row[j]
			row[j] = min(row[j]+1, row[j-1]+1, change)
		}
	}
	return row[len(b)]
}

// clip keeps a quoted piece of the file short.
func clip(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
