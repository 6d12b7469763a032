package templates

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Problem is one mistake in a file of templates; as a warning, something that is allowed and probably not meant.
type Problem struct {
	File         string
	Line, Column int
	Path         string // where it is: "templates.hours.content.prompt"
	Message      string // what is wrong
	Hint         string // what to do; "" where that is plain
	Warning      bool
}

// String prints "file:line:column: problem. hint".
func (p Problem) String() string {
	text := fmt.Sprintf("%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Warning {
		text += "warning: "
	}
	text += p.Message + "."
	if p.Hint != "" {
		text += " " + p.Hint
	}
	return text
}

// Fatal tells whether there is a problem that is more than a warning.
func Fatal(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return !p.Warning })
}

// sorted gives the problems in the order of the files, each once: an alias repeats a mistake wherever it stands.
func sorted(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(problems, func(a, b Problem) bool {
		return a.File == b.File && a.Line == b.Line && a.Column == b.Column && a.Message == b.Message
	})
}

// suggest names the choice that was probably meant, or all of them.
func suggest(got string, choices []string) string {
	if best := nearest(got, choices); len(best) > 0 {
		return fmt.Sprintf("Did you mean %q?", best[0])
	}
	if len(choices) == 0 {
		return ""
	}
	return fmt.Sprintf("Possible: %s.", strings.Join(choices, ", "))
}

// nearest gives the choices that look like got, at most three, the nearest first.
func nearest(got string, choices []string) []string {
	got = clip(strings.ToLower(got))
	limit := max(len(got)/3, 2)
	found := slices.DeleteFunc(slices.Clone(choices), func(choice string) bool { return distance(got, choice) > limit })
	slices.SortStableFunc(found, func(a, b string) int { return cmp.Compare(distance(got, a), distance(got, b)) })
	return found[:min(len(found), 3)]
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

// clip keeps a quoted piece short, and on one line.
func clip(text string) string {
	const most = 60
	cut := strings.ToValidUTF8(text[:min(len(text), most)], "")
	cut = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, cut)
	if len(text) > most {
		cut += "…"
	}
	return cut
}
