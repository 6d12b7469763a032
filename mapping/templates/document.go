package templates

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"bizbridge/config/yamlfile"
)

// Problem is one mistake in a file of templates; as a warning, something that is allowed and probably not meant.
type Problem = yamlfile.Problem

// Fatal tells whether there is a problem that is more than a warning.
func Fatal(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return !p.Warning })
}

// bareVariable finds a {{name}} that YAML takes for a mapping in a mapping.
var bareVariable = regexp.MustCompile(`(^|[:,\[{-])[ \t]*\{\{|[\[{][^"']*\{\{`)

// format is what makes a YAML file one of templates.
var format = yamlfile.Format{
	Empty: `It begins with "templates:"; start from one of the examples.`,
	Syntax: func(line string) string {
		if bareVariable.MatchString(line) {
			return `Put texts with {{…}} in quotes: title: "{{name}}".`
		}
		return ""
	},
}

type (
	node  = yamlfile.Node
	field = yamlfile.Field
)

// scalar is the value of a node that is neither list nor mapping.
func scalar(n *node) any {
	if n.Kind == yamlfile.List || n.Kind == yamlfile.Mapping {
		return nil
	}
	return n.Value()
}

// called is what a node is called in problems: the last step of its path.
func called(n *node) string {
	if n.Path == "" {
		return "the file"
	}
	return n.Path[strings.LastIndexByte(n.Path, '.')+1:]
}

// source is a file while it is being read.
type source struct{ yamlfile.File }

// reportKey adds a problem of the whole that stands under a key.
func (s *source) reportKey(n *node, message, hint string) {
	at := n.At
	if n.Key != nil {
		at = *n.Key
	}
	s.Add(at, n.Path, message, hint)
}

// warn is reportKey for what is allowed.
func (s *source) warn(n *node, message, hint string) {
	s.reportKey(n, message, hint)
	s.Problems[len(s.Problems)-1].Warning = true
}

// is tells whether a value has the wanted kind, and reports one that has not.
func (s *source) is(n *node, wanted yamlfile.Kind) bool {
	if n.Kind == wanted {
		return true
	}
	hint := ""
	if wanted == yamlfile.Text && (n.Kind == yamlfile.Number || n.Kind == yamlfile.Boolean) {
		hint = "Put it in quotes."
	}
	s.Report(n, fmt.Sprintf("%s must be %s; here is %s", called(n), wanted, n.Kind), hint)
	return false
}

// keys reports the keys of a mapping that have no meaning.
func (s *source) keys(n *node, known ...string) {
	for _, f := range n.Fields {
		if !slices.Contains(known, f.Name) {
			s.Add(f.At, f.Value.Path, fmt.Sprintf("unknown key %q", yamlfile.OneLine(f.Name)), yamlfile.Suggest(f.Name, known, "Possible"))
		}
	}
}
