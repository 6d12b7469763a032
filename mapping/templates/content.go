package templates

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/config/yamlfile"
)

// element is one value of a content, ready to be filled in.
type element struct {
	at      *node
	pieces  []piece // of a text with variables; nil: the node's scalar as it is
	members []member
	items   []*element
	// repeat names the list variable for whose every value this entry of a list appears.
	repeat string
	// textual: the content wants text here, whatever type the variable has.
	textual bool
	// picture is the base64 that belongs to data here. It is put in at the very end, and not read and written each time.
	picture string
}

type member struct {
	name  string
	value *element
}

// piece is a part of a text: words, or a variable.
type piece struct{ words, variable string }

// opening is an escaped opening, a whole variable, or an opening that none closes.
var opening = regexp.MustCompile(`\{\{\{\{|\{\{([^{}]*)\}\}|\{\{`)

const variableHint = `Write {{name}}; {{{{ stands for a literal {{. There is no logic in templates.`

// split takes a text apart. Without variables it is one piece of words.
func split(text string) (pieces []piece, bad string) {
	rest := 0
	var words strings.Builder
	for _, at := range opening.FindAllStringSubmatchIndex(text, -1) {
		words.WriteString(text[rest:at[0]])
		rest = at[1]
		switch match := text[at[0]:at[1]]; {
		case match == "{{{{":
			words.WriteString("{{")
		case match == "{{":
			return nil, match
		default:
			name := strings.TrimSpace(text[at[2]:at[3]])
			if !message.TemplateName.MatchString(name) {
				return nil, match
			}
			if words.Len() > 0 {
				pieces = append(pieces, piece{words: words.String()})
				words.Reset()
			}
			pieces = append(pieces, piece{variable: name})
		}
	}
	words.WriteString(text[rest:])
	if words.Len() > 0 || len(pieces) == 0 {
		pieces = append(pieces, piece{words: words.String()})
	}
	return pieces, ""
}

// compiler reads the content of one language.
type compiler struct {
	*source
	files *folder
	vars  []*variable
	used  map[string]bool // by any language of the template
}

func (c *compiler) compile(n *node) *element {
	e := &element{at: n}
	c.fill(e, "", nil)
	return e
}

// fill reads a value. entry is the entry of a list in which it stands, nil if there is none.
func (c *compiler) fill(e *element, pointer string, entry *element) {
	switch e.at.Kind {
	case yamlfile.Mapping:
		for _, f := range e.at.Fields {
			if f.Name == "file" && holdsPicture(pointer) {
				c.picture(e, f.Value, useAt(pointer))
				continue
			}
			if f.Value.Kind == yamlfile.Null { // a key with nothing behind it is not there
				continue
			}
			value := &element{at: f.Value}
			c.fill(value, pointer+"/"+f.Name, entry)
			e.members = append(e.members, member{f.Name, value})
		}
	case yamlfile.List:
		for i, item := range e.at.Items {
			value := &element{at: item}
			c.fill(value, pointer+"/"+strconv.Itoa(i), value)
			e.items = append(e.items, value)
		}
	case yamlfile.Text:
		c.words(e, entry)
	}
}

// words reads a text and the variables in it.
func (c *compiler) words(e, entry *element) {
	pieces, bad := split(e.at.Text)
	switch {
	case bad == "{{":
		c.Report(e.at, `"{{" without "}}"`, variableHint)
	case bad != "":
		c.Report(e.at, fmt.Sprintf("%q does not name a variable", yamlfile.OneLine(bad)), variableHint)
	}
	e.pieces = pieces
	for _, p := range pieces {
		if p.variable != "" {
			c.variable(e, entry, p.variable)
		}
	}
}

func (c *compiler) variable(e, entry *element, name string) {
	c.used[name] = true
	v := find(c.vars, name)
	switch {
	case v == nil:
		hint := yamlfile.Suggest(name, names(c.vars), "Possible")
		if hint == "" {
			hint = `Describe it under "vars".`
		}
		c.Report(e.at, fmt.Sprintf("unknown variable {{%s}}", yamlfile.OneLine(name)), hint)
	case !v.list:
	case entry == nil:
		c.Report(e.at, fmt.Sprintf("the list {{%s}} does not stand in an entry of a list", name), "The entry in which it stands is repeated for each of its values: options, items, slots.")
	case entry.repeat != "" && entry.repeat != name:
		c.Report(e.at, fmt.Sprintf("an entry cannot be repeated for {{%s}} and {{%s}} at once", entry.repeat, name), "")
	default:
		entry.repeat = name
	}
}

func find(vars []*variable, name string) *variable {
	for _, v := range vars {
		if v.name == name {
			return v
		}
	}
	return nil
}

func names(vars []*variable) []string {
	list := make([]string, len(vars))
	for i, v := range vars {
		list[i] = v.name
	}
	return list
}

var picturePlace = regexp.MustCompile(`^/(images/[0-9]+|image|icon|files/[0-9]+)$`)

// holdsPicture tells whether the object at a pointer takes url or data, and so also the path of a file.
func holdsPicture(pointer string) bool { return picturePlace.MatchString(pointer) }

func useAt(pointer string) use {
	switch {
	case strings.HasPrefix(pointer, "/files/"):
		return asFile
	case pointer == "/icon":
		return asIcon
	}
	return asPicture
}

// picture reads a file beside the templates into the place of data.
func (c *compiler) picture(e *element, path *node, as use) {
	if !c.is(path, yamlfile.Text) {
		return
	}
	if strings.Contains(path.Text, "{{") {
		c.Report(path, "the path of a file cannot have variables", "The file is read when the templates are loaded.")
		return
	}
	data, message, hint := c.files.read(path.Text, as)
	if message != "" {
		c.Report(path, message, hint)
		return
	}
	e.picture = data
	standIn := &node{Path: path.Path, At: path.At, Key: path.Key, Kind: yamlfile.Text, Text: "AA=="} // any base64
	e.members = append(e.members, member{"data", &element{at: standIn}})
	if as == asFile && e.at.Given("name") == nil {
		name := &node{Path: path.Path, At: path.At, Key: path.Key, Kind: yamlfile.Text, Text: path.Text[strings.LastIndexByte(path.Text, '/')+1:]}
		e.members = append(e.members, member{"name", &element{at: name}})
	}
}
