package sandbox

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// checkListPicker checks data.listPicker: sections of items, each item's name once in the whole picker.
func checkListPicker(picker node) {
	seen := map[string]bool{}
	for _, section := range picker.list("sections", 1) {
		section.label("title")
		section.integer("order", 0, math.MaxInt32)
		section.boolean("multipleSelection")
		for _, item := range section.list("items", 1) {
			item.identifier("identifier", seen)
			item.needLabel("title")
			item.label("subtitle")
			item.integer("order", 0, math.MaxInt32)
			item.oneOf("style", "icon", "small", "large", "default")
			item.image("imageIdentifier")
		}
	}
}

// answerListPicker picks items. Only those go back, and of the sections those that hold one.
func answerListPicker(data content, choice answerChoice, r *reply) error {
	picker := data.object("listPicker")
	sections := picker.objects("sections")
	wanted := choice.Items
	if !choice.given {
		wanted = []string{sections[0].objects("items")[0].str("identifier")}
	}
	if len(wanted) == 0 {
		return badRequest("answer.items is empty: pick at least one")
	}
	left := map[string]bool{}
	for _, id := range wanted {
		if left[id] {
			return badRequest(fmt.Sprintf("answer.items names %q twice", shorten(id, 40)))
		}
		left[id] = true
	}
	var titles []string
	kept := []any{}
	for _, section := range sections {
		items := slices.DeleteFunc(section.objects("items"), func(item content) bool { return !left[item.str("identifier")] })
		if len(items) == 0 {
			continue
		}
		if multiple, _ := section["multipleSelection"].(bool); !multiple && len(items) > 1 {
			return badRequest(fmt.Sprintf("the section %q takes one item only", section.str("title")))
		}
		chosen := make([]any, len(items))
		for i, item := range items {
			delete(left, item.str("identifier"))
			titles = append(titles, item.str("title"))
			chosen[i] = item
		}
		section["items"] = chosen
		kept = append(kept, section)
	}
	for id := range left {
		return badRequest(fmt.Sprintf("answer.items names %q, which is no item", shorten(id, 40)))
	}
	picker["sections"] = kept
	r.data["listPicker"] = picker
	r.subtitle = strings.Join(titles, ", ")
	return nil
}
