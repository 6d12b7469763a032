package templates

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"bizbridge/bridge/message"
	"bizbridge/config/yamlfile"
)

// Line is a template as an agent writes it: /name key="value".
type Line struct {
	Name string
	Vars map[string]string
	// Words stand without a key. Only /help takes one.
	Words []string
}

// LineError tells what is wrong with a line, in words for the agent.
type LineError struct{ Message, Hint string }

func (e *LineError) Error() string { return strings.TrimSpace(e.Message + ". " + e.Hint) }

const lineHint = `Write all of it in one line, like this: /name key=value key="a value with spaces". To send a text that begins with /, write // instead.`

// head is how such a line begins. A keyboard may have made the first letter a capital.
var head = regexp.MustCompile(`^/([A-Za-z0-9][A-Za-z0-9_-]{0,63})(?:$|[\s\p{Z}\x{200B}\x{FEFF}])`)

// ParseLine reads a text that an agent wrote. is tells that it is a line for the bridge, not for the customer: then err,
// a [LineError], says what is wrong with it, and line has at least the name.
func ParseLine(text string) (line Line, is bool, err error) {
	text = strings.TrimFunc(text, isSpace)
	found := head.FindStringSubmatch(text)
	if found == nil {
		return Line{}, false, nil
	}
	line = Line{Name: strings.ToLower(found[1])}
	if strings.Contains(text, "\n") {
		return line, true, &LineError{"this has several lines", lineHint}
	}
	p := lineParser{rest: text[1+len(found[1]):]}
	for p.space(); p.rest != ""; p.space() {
		if err := p.argument(&line); err != nil {
			return line, true, err
		}
	}
	if len(line.Words) > 0 && line.Name != helpName || len(line.Words) > 1 {
		word := line.Words[0]
		if line.Name == helpName {
			word = line.Words[1]
		}
		return line, true, &LineError{fmt.Sprintf("%q stands without the name of a variable", yamlfile.OneLine(word)), `Write name=value, without spaces around "=", and quotes around values with spaces.`}
	}
	if line.Name == helpName && len(line.Vars) > 0 {
		return line, true, &LineError{"/help takes the name of a template only", "Write /help or /help name."}
	}
	return line, true, nil
}

// Unescape gives the text to send for one that is no line: //name is sent as /name. Texts that need no escaping, such as
// //server/share, stay as they are.
func Unescape(text string) string {
	rest := strings.TrimLeftFunc(text, isSpace)
	if isEscaped(rest) {
		return text[:len(text)-len(rest)] + rest[1:]
	}
	return text
}

func isEscaped(text string) bool {
	slashes := len(text) - len(strings.TrimLeft(text, "/"))
	return slashes >= 2 && head.MatchString(text[slashes-1:])
}

// isSpace also takes what editors put in unseen.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r == '\u200B' || r == '\uFEFF' }

type lineParser struct{ rest string }

func (p *lineParser) space() { p.rest = strings.TrimLeftFunc(p.rest, isSpace) }

// argument reads key=value, or a word.
func (p *lineParser) argument(line *Line) error {
	end := strings.IndexFunc(p.rest, func(r rune) bool { return r == '=' || isSpace(r) || closers[r] != "" && r != '\'' })
	if end < 0 || p.rest[end] != '=' {
		word, err := p.value()
		line.Words = append(line.Words, strings.ToLower(word))
		return err
	}
	key := strings.ToLower(p.rest[:end])
	p.rest = p.rest[end+1:]
	if !message.TemplateName.MatchString(key) {
		return &LineError{fmt.Sprintf("%q cannot be the name of a variable", yamlfile.OneLine(key)), `Write name=value, without spaces around "=".`}
	}
	value, err := p.value()
	if err != nil {
		return err
	}
	if _, twice := line.Vars[key]; twice {
		return &LineError{key + " stands here twice", ""}
	}
	if line.Vars == nil {
		line.Vars = map[string]string{}
	}
	line.Vars[key] = value
	return nil
}

// closers has for each opening quote what ends it: editors write the quotes of many languages, and mix them.
var closers = map[rune]string{
	'"': `"`, '\'': `'`, '“': `”“"`, '”': `”"`, '„': `“”"`, '«': `»`, '»': `«»`, '‘': `’‘'`, '’': `’'`, '‚': `‘’'`, '‹': `›`, '›': `‹›`,
}

// value reads a word or a text in quotes.
func (p *lineParser) value() (string, error) {
	open, size := utf8.DecodeRuneInString(p.rest)
	ends, isQuote := closers[open]
	if !isQuote {
		end := strings.IndexFunc(p.rest, isSpace)
		if end < 0 {
			end = len(p.rest)
		}
		word := p.rest[:end]
		p.rest = p.rest[end:]
		return word, nil
	}
	value, length := unquote(p.rest[size:], ends)
	if length < 0 {
		return "", &LineError{"a quotation mark is not closed", `Inside of quotes, write \" for a quotation mark.`}
	}
	p.rest = p.rest[size+length:]
	if next, _ := utf8.DecodeRuneInString(p.rest); p.rest != "" && !isSpace(next) {
		return "", &LineError{"a space is missing after a quotation mark", `Inside of quotes, write \" for a quotation mark.`}
	}
	if open == '«' || open == '‹' { // French editors put spaces inside
		value = strings.TrimFunc(value, isSpace)
	}
	return value, nil
}

// unquote reads up to the closing quote. length counts that too; it is -1 if there is none.
func unquote(text, ends string) (value string, length int) {
	var b strings.Builder
	single := strings.ContainsAny(ends, `'’`) // it is an apostrophe too, so it closes only before a space
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		next, nextSize := utf8.DecodeRuneInString(text[i:])
		switch {
		case strings.ContainsRune(ends, r) && r != utf8.RuneError && (!single || i == len(text) || isSpace(next)):
			return b.String(), i
		case r == '\\' && (next == '\\' || closers[next] != ""):
			b.WriteRune(next)
			i += nextSize
		case r == '\\' && next == 'n':
			b.WriteByte('\n')
			i++
		default:
			b.WriteString(text[i-size : i])
		}
	}
	return "", -1
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9._:/+-]+$`)

// String writes the line.
func (l Line) String() string {
	var b strings.Builder
	b.WriteString("/" + l.Name)
	for _, word := range l.Words {
		b.WriteString(" " + word)
	}
	for _, key := range slices.Sorted(maps.Keys(l.Vars)) {
		b.WriteString(" " + key + "=" + quoteValue(l.Vars[key]))
	}
	return b.String()
}

func quoteValue(value string) string {
	if plainWord.MatchString(value) {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}

// Template is the content that the line stands for. Its values are text; [Set.Expand] reads them as the types that they
// must have.
func (l Line) Template() message.Template {
	t := message.Template{Name: l.Name}
	for key, value := range l.Vars {
		if t.Vars == nil {
			t.Vars = make(map[string]any, len(l.Vars))
		}
		t.Vars[key] = value
	}
	return t
}
