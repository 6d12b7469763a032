package mapping

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/itchyny/gojq"
)

// gojq finds every match of a text in one step, and counts its characters from the start for each of them: quadratic,
// where no limit of time reaches. The functions below stand in the place of its own. They go through a text once and
// give one match at a time, so that jq looks at the budget between two of them; what one match can cost is bounded by
// the length of text and pattern. Syntax and flags are gojq's: RE2, with g (all matches), i (case) and m (the dot takes
// line ends).
var regexDefinitions = mustParse(`
def match($re; $flags): __match($re; $flags);
def match($re): if $re | type == "array" then match($re[0]; $re[1]) else match($re; null) end;
def test($re; $flags): __test($re; $flags);
def test($re): if $re | type == "array" then test($re[0]; $re[1]) else test($re; null) end;
def capture($re; $flags): __capture($re; $flags);
def capture($re): if $re | type == "array" then capture($re[0]; $re[1]) else capture($re; null) end;
def scan($re; $flags): __scan($re; $flags + "g");
def scan($re): scan($re; null);
def splits($re; $flags): __splits($re; $flags + "g");
def splits($re): splits($re; null);
def split($re; $flags): [splits($re; $flags)];
def sub($re; str; $flags): [__pieces($re; $flags)] as $pieces | __glue($pieces; [$pieces[].captures[] | [str]])[];
def sub($re; str): sub($re; str; null);
def gsub($re; str; $flags): sub($re; str; $flags + "g");
def gsub($re; str): sub($re; str; "g");
.`).FuncDefs

const (
	maxPattern = 4 << 10 // bytes of a regular expression
	maxText    = 1 << 20 // bytes that one is matched against
	// maxMatching bounds characters times instructions of the compiled expression, which is what a match costs at most.
	// 60,000 characters leave room for 500 instructions; common expressions have about 20.
	maxMatching = 32 << 20
	maxPatterns = 256 // compiled ones that are kept: events may bring patterns, too
)

func mustParse(text string) *gojq.Query {
	parsed, err := gojq.Parse(text)
	if err != nil {
		panic(err)
	}
	return parsed
}

// regexOptions are the functions that the definitions call. Queries cannot name them.
func regexOptions() []gojq.CompilerOption {
	each := func(name string, value func(*matches, []int) any) gojq.CompilerOption {
		return gojq.WithIterFunction(name, 2, 2, func(v any, args []any) gojq.Iter {
			found, err := newMatches(v, args[0], args[1])
			if err != nil {
				return gojq.NewIter(err)
			}
			found.value = value
			return found
		})
	}
	return []gojq.CompilerOption{
		each("__match", (*matches).object),
		each("__capture", (*matches).captures),
		each("__scan", (*matches).scanned),
		gojq.WithIterFunction("__splits", 2, 2, func(v any, args []any) gojq.Iter {
			found, err := newMatches(v, args[0], args[1])
			if err != nil {
				return gojq.NewIter(err)
			}
			return &gaps{matches: found}
		}),
		gojq.WithIterFunction("__pieces", 2, 2, func(v any, args []any) gojq.Iter {
			found, err := newMatches(v, args[0], args[1])
			if err != nil {
				return gojq.NewIter(err)
			}
			return &pieces{matches: found, known: map[string]int{}}
		}),
		gojq.WithFunction("__test", 2, 2, func(v any, args []any) any {
			found, err := newMatches(v, args[0], args[1])
			if err != nil {
				return err
			}
			return found.next() != nil
		}),
		gojq.WithFunction("__glue", 2, 2, func(v any, args []any) any { return glue(v, args[0], args[1]) }),
	}
}

// pattern is a compiled regular expression.
type pattern struct {
	re    *regexp.Regexp
	names []string // of its groups
	size  int      // in instructions
	// after finds what re finds behind the first character of a text, which stays in sight of ^ and \b; re is its first
	// group. nil: re looks at nothing before a match.
	after *regexp.Regexp
}

var patterns = struct {
	sync.Mutex
	known map[[2]string]*pattern
}{known: map[[2]string]*pattern{}}

// patternOf compiles a pattern, or remembers it.
func patternOf(text, flags string) (*pattern, error) {
	flags = strings.ReplaceAll(flags, "g", "")
	key := [2]string{text, flags}
	patterns.Lock()
	known := patterns.known[key]
	patterns.Unlock()
	if known != nil {
		return known, nil
	}
	made, err := compilePattern(text, flags)
	if err != nil {
		return nil, err
	}
	patterns.Lock()
	defer patterns.Unlock()
	if len(patterns.known) >= maxPatterns {
		clear(patterns.known)
	}
	patterns.known[key] = made
	return made, nil
}

func compilePattern(text, flags string) (*pattern, error) {
	if strings.Trim(flags, "im") != "" {
		return nil, fmt.Errorf("unsupported regular expression flag: %q", flags)
	}
	if len(text) > maxPattern {
		return nil, errors.New("a regular expression is longer than 4 KB")
	}
	if strings.Contains(flags, "i") {
		text = "(?i)" + text
	}
	if strings.Contains(flags, "m") {
		text = "(?s)" + text
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("invalid regular expression %q: %w", text, err)
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("invalid regular expression %q: %w", text, err)
	}
	plain := tree.String() // wrapping text itself would go wrong after \Q
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, fmt.Errorf("invalid regular expression %q: %w", text, err)
	}
	made := &pattern{re: re, names: re.SubexpNames(), size: len(program.Inst)}
	for _, inst := range program.Inst {
		const back = syntax.EmptyBeginLine | syntax.EmptyBeginText | syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary
		if inst.Op != syntax.InstEmptyWidth || syntax.EmptyOp(inst.Arg)&back == 0 || made.after != nil {
			continue
		}
		if made.after, err = regexp.Compile(`\A(?s:.)(?s:.*?)(` + plain + `)`); err != nil {
			return nil, fmt.Errorf("invalid regular expression %q: %w", text, err)
		}
	}
	return made, nil
}

// find gives the places of the first match that begins at from or later, and of its groups; nil for none.
func (p *pattern) find(text string, from int) []int {
	var at []int
	if from == 0 || p.after == nil {
		at = p.re.FindStringSubmatchIndex(text[from:])
	} else {
		_, width := utf8.DecodeLastRuneInString(text[:from])
		from -= width
		if at = p.after.FindStringSubmatchIndex(text[from:]); at != nil {
			at = at[2:]
		}
	}
	for i := range at {
		if at[i] >= 0 {
			at[i] += from
		}
	}
	return at
}

// matches goes through a text from match to match.
type matches struct {
	*pattern
	text   string
	all    bool
	from   int // where to look for the next; behind the text: nowhere
	value  func(*matches, []int) any
	seen   int // bytes of the text, and how many characters they are
	length int
}

func newMatches(v, re, flags any) (*matches, error) {
	text, isText := v.(string)
	expression, isExpression := re.(string)
	marks, isMarks := flags.(string)
	if !isText || !isExpression || !isMarks && flags != nil {
		return nil, fmt.Errorf("a regular expression cannot be applied to: %s", gojq.TypeOf(v))
	}
	if len(text) > maxText {
		return nil, fmt.Errorf("a text for a regular expression is longer than %d bytes", maxText)
	}
	p, err := patternOf(expression, marks)
	if err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(text)*p.size > maxMatching {
		return nil, errors.New("a text is too long for so large a regular expression")
	}
	return &matches{pattern: p, text: text, all: strings.Contains(marks, "g")}, nil
}

// next is the place of the next match; nil after the last. An empty match may follow another one at once.
func (m *matches) next() []int {
	if m.from > len(m.text) {
		return nil
	}
	at := m.find(m.text, m.from)
	switch {
	case at == nil || !m.all:
		m.from = len(m.text) + 1
	case at[0] < at[1]:
		m.from = at[1]
	default:
		_, width := utf8.DecodeRuneInString(m.text[at[1]:])
		m.from = at[1] + max(width, 1)
	}
	return at
}

// Next implements [gojq.Iter].
func (m *matches) Next() (any, bool) {
	at := m.next()
	if at == nil {
		return nil, false
	}
	return m.value(m, at), true
}

// object is a match in jq's words.
func (m *matches) object(at []int) any {
	m.length += utf8.RuneCountInString(m.text[m.seen:at[0]])
	m.seen = at[0]
	groups := make([]any, len(at)/2-1)
	for i := range groups {
		group := m.part(at[0], at[2*i+2], at[2*i+3])
		if group["name"] = nil; m.names[i+1] != "" {
			group["name"] = m.names[i+1]
		}
		groups[i] = group
	}
	whole := m.part(at[0], at[0], at[1])
	whole["captures"] = groups
	return whole
}

// part tells where a part of the match at start stands, in characters.
func (m *matches) part(start, from, to int) map[string]any {
	if from < 0 {
		return map[string]any{"offset": -1, "length": 0, "string": nil}
	}
	offset := m.length + utf8.RuneCountInString(m.text[start:from])
	return map[string]any{"offset": offset, "length": utf8.RuneCountInString(m.text[from:to]), "string": m.text[from:to]}
}

// captures are the groups that have names.
func (m *matches) captures(at []int) any {
	groups := map[string]any{}
	for i, name := range m.names {
		if name != "" {
			groups[name] = m.group(at, i)
		}
	}
	return groups
}

func (m *matches) group(at []int, i int) any {
	if at[2*i] < 0 {
		return nil
	}
	return m.text[at[2*i]:at[2*i+1]]
}

// scanned is the match, or its groups if it has any.
func (m *matches) scanned(at []int) any {
	if len(at) == 2 {
		return m.group(at, 0)
	}
	groups := make([]any, len(at)/2-1)
	for i := range groups {
		groups[i] = m.group(at, i+1)
	}
	return groups
}

// gaps are what stands before, between and after the matches.
type gaps struct {
	*matches
	begin int
	done  bool
}

// Next implements [gojq.Iter].
func (g *gaps) Next() (any, bool) {
	if g.done {
		return nil, false
	}
	begin, end := g.begin, len(g.text)
	if at := g.next(); at != nil {
		end, g.begin = at[0], at[1]
	} else {
		g.done = true
	}
	return g.text[begin:end], true
}
