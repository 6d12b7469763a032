package apple

import (
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"bizbridge/bridge/message"
)

// MaxText is the longest text in one Apple message, in characters: Apple publishes no limit, vendors keep to this
// (protocol §4.2).
const MaxText = 3000

// Parts cuts content into what fits one Apple message each. Only texts can become more than one; a long text beside
// files comes before them.
func Parts(content message.Content) []message.Content {
	switch content := content.(type) {
	case message.Text:
		if len(content.Text) > MaxText {
			return textParts(content.Text)
		}
	case message.Files:
		if len(content.Text) > MaxText {
			return append(textParts(content.Text), message.Files{Files: content.Files})
		}
	}
	return []message.Content{content}
}

func textParts(text string) []message.Content {
	var parts []message.Content
	for _, piece := range splitText(text, MaxText) {
		parts = append(parts, message.Text{Text: piece})
	}
	if len(parts) == 0 { // nothing but white space: Apple says what it thinks of that
		return []message.Content{message.Text{Text: " "}}
	}
	return parts
}

// splitText cuts at the last border of a paragraph, else of a line, else of a sentence, else of a word, that leaves a piece
// of at least a third of the limit; else between two characters as people see them. White space at the cuts is dropped;
// nothing else is. A line comes before a sentence: "111." of a numbered line looks like the end of one.
func splitText(text string, limit int) []string {
	var pieces []string
	rest := strings.TrimSpace(text)
	for utf8.RuneCountInString(rest) > limit {
		cut := cutAt(rest, limit)
		pieces = append(pieces, strings.TrimSpace(rest[:cut]))
		rest = strings.TrimSpace(rest[cut:])
	}
	if rest != "" {
		pieces = append(pieces, rest)
	}
	return pieces
}

// cutAt finds the byte offset of the best cut within the first limit characters.
func cutAt(text string, limit int) int {
	var paragraph, line, sentence, word, grapheme int
	runes, offset, state := 0, 0, -1
	for rest := text; rest != ""; {
		var cluster string
		var boundaries int
		cluster, rest, boundaries, state = uniseg.StepString(rest, state)
		runes += utf8.RuneCountInString(cluster)
		if runes > limit {
			break
		}
		offset += len(cluster)
		grapheme = offset
		if runes < limit/3 {
			continue
		}
		switch {
		case strings.HasSuffix(text[:offset], "\n\n"), strings.HasSuffix(text[:offset], "\r\n\r\n"):
			paragraph = offset
		case strings.HasSuffix(text[:offset], "\n"):
			line = offset
		case boundaries&uniseg.MaskSentence != 0:
			sentence = offset
		case boundaries&uniseg.MaskLine == uniseg.LineCanBreak:
			word = offset
		}
	}
	for _, cut := range []int{paragraph, line, sentence, word, grapheme} {
		if cut > 0 {
			return cut
		}
	}
	// One character of more than limit code points: cut through it, since it has to go somewhere.
	for i := range text {
		if limit == 0 {
			return i
		}
		limit--
	}
	return len(text)
}
