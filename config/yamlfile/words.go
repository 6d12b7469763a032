package yamlfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Suggest names the choice that was probably meant, or all of them behind the words of list.
func Suggest(got string, choices []string, list string) string {
	if near := Nearest(got, choices); len(near) > 0 {
		return fmt.Sprintf("Did you mean %q?", near[0])
	}
	if len(choices) == 0 {
		return ""
	}
	return fmt.Sprintf("%s: %s.", list, strings.Join(choices, ", "))
}

// Nearest gives the choices that look like got, at most three, the nearest first. One letter in three may differ.
func Nearest(got string, choices []string) []string {
	if got == "" {
		return nil
	}
	got = Clip(strings.ToLower(got))
	limit := max(len(got)/3, 1)
	found := slices.DeleteFunc(slices.Clone(choices), func(choice string) bool { return distance(got, choice) > limit })
	slices.SortStableFunc(found, func(a, b string) int { return cmp.Compare(distance(got, a), distance(got, b)) })
	return found[:min(len(found), 3)]
}

// distance counts the edits between two words; two letters that changed places count as one.
func distance(a, b string) int {
	previous, row := []int(nil), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			change := row[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			next[j] = min(row[j]+1, next[j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], previous[j-2]+1)
			}
		}
		previous, row = row, next
	}
	return row[len(b)]
}

// Clip keeps what a file says from flooding the terminal.
func Clip(text string) string {
	const most = 60
	letters := 0
	for i := range text {
		if letters == most {
			return strings.ToValidUTF8(text[:i], "\uFFFD") + "…"
		}
		letters++
	}
	return text
}

// OneLine is Clip for what is shown without quotes: no control character gets through.
func OneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, Clip(text))
}
