package templates

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"bizbridge/config/yamlfile"
)

// trial is one way to fill a template in.
type trial struct {
	vars   []*variable
	values map[string]any
	when   string // for the hint: what is special about it
	least  bool   // nothing optional is there
}

// try fills a content in with samples, and reports what no customer could get, at the lines that it comes from.
func (s *source) try(t *template, content *element) {
	full := trial{vars: t.vars, values: t.samples(false)}
	s.findTextual(content, full)
	before := len(s.Problems)
	s.run(content, full, true)
	if len(s.Problems) > before {
		return
	}
	const when = "This is so without the optional variables, and with as few values in lists as min_items allows."
	s.run(content, trial{t.vars, t.samples(true), when, true}, false)
	for _, v := range t.vars {
		for _, choice := range v.enum {
			values := t.samples(false)
			if values[v.name] = choice; v.list {
				values[v.name] = []any{choice}
				if v.minItems > 1 {
					continue
				}
			}
			s.run(content, trial{t.vars, values, fmt.Sprintf("This is so where %s is %q.", v.name, textOf(choice)), false}, false)
		}
	}
}

// samples fills all variables, or only those that are always there and as few values of lists as possible.
func (t *template) samples(least bool) map[string]any {
	values := map[string]any{}
	for _, v := range t.vars {
		n := v.minItems
		switch {
		case !least:
			n = min(max(n, 2), v.maxItems)
		case v.fallback != nil:
			values[v.name] = v.fallback
			continue
		case !v.required:
			continue
		}
		values[v.name] = v.sample(n)
	}
	return values
}

// findTextual marks the places where a number or a boolean must be text for the content to be valid: a title.
func (s *source) findTextual(content *element, full trial) {
	r := &renderer{values: full.values, places: map[string]*element{}, uses: map[string][]string{}}
	_, _, faults := r.render(content)
	for _, fault := range faults {
		if e := r.places[fault.Pointer]; e != nil && fault.Rule == "type" && len(r.uses[fault.Pointer]) > 0 && strings.Contains(fault.Message, "a string") {
			e.textual = true
		}
	}
}

// run reports the faults of one trial, and with strict also members that no content has.
func (s *source) run(content *element, t trial, strict bool) {
	r := &renderer{values: t.values, places: map[string]*element{}, uses: map[string][]string{}}
	rendered, decoded, faults := r.render(content)
	for _, fault := range faults {
		at, exact := r.near(fault.Pointer)
		words := steps(fault.Pointer) + " " + fault.Message
		hint := t.hint(r.blame(fault.Pointer))
		if exact && strings.Contains(fault.Message, "must be a string") && (at.at.Kind == yamlfile.Number || at.at.Kind == yamlfile.Boolean) {
			hint = "Put it in quotes."
		}
		if exact {
			s.Report(at.at, words, hint)
		} else {
			s.reportKey(at.at, words, hint)
		}
	}
	if strict && decoded != nil {
		members := memberCheck{source: s, renderer: r}
		members.walk(reflect.TypeOf(decoded), rendered, "")
	}
}

// hint tells what to do about a fault, if a variable is to blame for it.
func (t trial) hint(name string) string {
	v := find(t.vars, name)
	switch {
	case !t.least || v == nil:
		return t.when
	case !v.required && v.fallback == nil:
		return fmt.Sprintf("{{%s}} may be missing: make it required, or give it a default.", name)
	case v.list:
		return fmt.Sprintf("{{%s}} may have as few as %s: see min_items.", name, plural(v.minItems, "value"))
	}
	return t.when
}

// near gives the element of a pointer, or of what would hold it.
func (r *renderer) near(pointer string) (at *element, exact bool) {
	for p := pointer; ; p = p[:strings.LastIndexByte(p, '/')] {
		if e := r.places[p]; e != nil {
			return e, p == pointer
		}
	}
}

var index = regexp.MustCompile(`/([0-9]+)`)

// steps writes a pointer in the way of paths: options[0].title.
func steps(pointer string) string {
	if pointer == "" {
		return "the content"
	}
	return strings.ReplaceAll(strings.TrimPrefix(index.ReplaceAllString(pointer, "[$1]"), "/"), "/", ".")
}

// memberCheck finds members that the type of a content does not have. Senders may add what they like; in a file they
// are typing errors.
type memberCheck struct {
	*source
	*renderer
}

func (m memberCheck) walk(t reflect.Type, value any, pointer string) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch value := value.(type) {
	case map[string]any:
		if t.Kind() == reflect.Struct {
			m.object(t, value, pointer)
		}
	case []any:
		if t.Kind() == reflect.Slice {
			for i, item := range value {
				m.walk(t.Elem(), item, pointer+"/"+strconv.Itoa(i))
			}
		}
	}
}

func (m memberCheck) object(t reflect.Type, value map[string]any, pointer string) {
	var known []string
	if pointer == "" {
		known = append(known, "kind")
	}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == "-" || name == "" {
			continue
		}
		known = append(known, name)
		m.walk(t.Field(i).Type, value[name], pointer+"/"+name)
	}
	for name := range value {
		if slices.Contains(known, name) {
			continue
		}
		words, hint := fmt.Sprintf("unknown key %q", yamlfile.OneLine(name)), yamlfile.Suggest(name, known, "Possible")
		if name == "file" {
			hint = "A file can stand in images, in the image of a rich_link, in the icon of an app and in files."
		}
		at, _ := m.near(pointer + "/" + name)
		m.reportKey(at.at, words, hint)
	}
}
