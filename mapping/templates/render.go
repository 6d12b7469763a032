package templates

import (
	"encoding/json"
	"strconv"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/config/yamlfile"
)

// maxRendered bounds the text that values make of a template: long values in many places, repeated.
const maxRendered = 4 << 20

// renderer fills one content with values. What it notes has the pointers of the content that results: repeated entries
// move those behind them.
type renderer struct {
	values   map[string]any      // what is not here was not given
	pictures map[string]string   // base64 by pointer
	places   map[string]*element // nil: nobody asks
	uses     map[string][]string // variables by pointer, also where the text was left out
	size     int
}

// tooLarge tells that values blew the content up.
func (r *renderer) tooLarge() bool { return r.size > maxRendered }

// value gives the JSON value of an element; false where it is left out.
func (r *renderer) value(e *element, pointer string) (any, bool) {
	if r.places != nil {
		r.places[pointer] = e
	}
	if e.picture != "" {
		r.pictures[pointer] = e.picture
	}
	switch {
	case e.at.Kind == yamlfile.Mapping:
		return r.object(e, pointer)
	case e.at.Kind == yamlfile.List:
		return r.list(e, pointer), true
	case e.pieces == nil:
		return scalar(e.at), true
	default:
		return r.text(e, pointer)
	}
}

// object leaves out a mapping of which nothing is left.
func (r *renderer) object(e *element, pointer string) (any, bool) {
	object := make(map[string]any, len(e.members))
	for _, m := range e.members {
		if value, ok := r.value(m.value, pointer+"/"+m.name); ok {
			object[m.name] = value
		}
	}
	return object, len(object) > 0 || len(e.members) == 0
}

func (r *renderer) list(e *element, pointer string) []any {
	list := make([]any, 0, len(e.items))
	entry := func(item *element) {
		if value, ok := r.value(item, pointer+"/"+strconv.Itoa(len(list))); ok && !r.tooLarge() {
			list = append(list, value)
		}
	}
	for _, item := range e.items {
		if item.repeat == "" {
			entry(item)
			continue
		}
		all := r.values[item.repeat]
		values, _ := all.([]any)
		if len(values) == 0 && r.uses != nil {
			r.uses[pointer] = append(r.uses[pointer], item.repeat)
		}
		for _, value := range values {
			r.values[item.repeat] = value
			entry(item)
		}
		r.values[item.repeat] = all
	}
	return list
}

// text leaves out a text in which a variable stands that was not given.
func (r *renderer) text(e *element, pointer string) (any, bool) {
	given := true
	for _, p := range e.pieces {
		if p.variable == "" {
			continue
		}
		if r.uses != nil {
			r.uses[pointer] = append(r.uses[pointer], p.variable)
		}
		given = given && r.values[p.variable] != nil
	}
	if !given {
		return nil, false
	}
	if whole := e.pieces[0].variable; len(e.pieces) == 1 && whole != "" && !e.textual {
		value := r.values[whole]
		r.size += len(textOf(value))
		return value, true
	}
	var text strings.Builder
	for _, p := range e.pieces {
		text.WriteString(p.words)
		if p.variable != "" {
			text.WriteString(textOf(r.values[p.variable]))
		}
	}
	r.size += text.Len()
	return text.String(), true
}

// render fills a content in. The values are changed on the way, and are as before when it returns.
func (r *renderer) render(e *element) (any, message.Content, []message.Fault) {
	r.pictures = map[string]string{}
	rendered, ok := r.value(e, "")
	if !ok {
		rendered = map[string]any{}
	}
	if r.tooLarge() {
		return rendered, nil, []message.Fault{{Rule: "maxLength", Message: "becomes too large with these values"}}
	}
	raw, err := json.Marshal(rendered)
	if err != nil { // a number of YAML that JSON has not
		return rendered, nil, []message.Fault{{Rule: "format", Message: "has a value that JSON cannot have"}}
	}
	content, faults := message.DecodeContent(raw)
	r.addPictures(content)
	return rendered, content, faults
}

// addPictures puts the bytes of files in their places. The content has just been made: nobody else has it yet.
func (r *renderer) addPictures(content message.Content) {
	if len(r.pictures) == 0 {
		return
	}
	var images []message.Image
	switch content := content.(type) {
	case message.ListPicker:
		images = content.Images
	case message.TimePicker:
		images = content.Images
	case message.Form:
		images = content.Images
	case message.RichLink:
		r.addAsset(content.Image, "/image")
	case message.App:
		r.addAsset(content.Icon, "/icon")
	case message.Files:
		for i := range content.Files {
			if data, ok := r.pictures["/files/"+strconv.Itoa(i)]; ok {
				content.Files[i].Data = data
			}
		}
	}
	for i := range images {
		if data, ok := r.pictures["/images/"+strconv.Itoa(i)]; ok {
			images[i].Data = data
		}
	}
}

func (r *renderer) addAsset(asset *message.Asset, pointer string) {
	if data, ok := r.pictures[pointer]; ok && asset != nil {
		asset.Data = data
	}
}
