package message

import (
	"slices"
	"strconv"
)

// First is the id of the page that a form begins with.
func (f Form) First() string {
	if f.Start == "" && len(f.Pages) > 0 {
		return f.Pages[0].ID
	}
	return f.Start
}

// Submits tells whether the answers are sent after the page at i.
func (f Form) Submits(i int) bool {
	page := f.Pages[i]
	if page.Submit != nil {
		return *page.Submit
	}
	return i == len(f.Pages)-1 && !page.continues()
}

// continues tells whether the page names a page that follows it.
func (p Page) continues() bool {
	if p.branches() {
		for _, item := range p.Items {
			if item.Next != "" {
				return true
			}
		}
	}
	return p.Next != ""
}

// branches tells whether it is the items that lead on.
func (p Page) branches() bool { return p.Type == PageSelect && !p.Multiple }

// NextOf is the id of the page that follows the one at i when no item decides; "" for none.
func (f Form) NextOf(i int) string {
	switch {
	case f.Submits(i):
		return ""
	case f.Pages[i].Next != "":
		return f.Pages[i].Next
	case i+1 < len(f.Pages):
		return f.Pages[i+1].ID
	}
	return ""
}

// step is one way from a page to the next.
type step struct {
	pointer string // of what decides, relative to the page
	to      string // "": nowhere
}

// steps lists the ways on from the page at i; none from one after which the form is sent.
func (f Form) steps(i int) []step {
	if f.Submits(i) {
		return nil
	}
	page, own := f.Pages[i], step{"/next", f.NextOf(i)}
	if !page.branches() || len(page.Items) == 0 {
		return []step{own}
	}
	var steps []step
	for j, item := range page.Items {
		if item.Next != "" {
			steps = append(steps, step{"/items/" + strconv.Itoa(j) + "/next", item.Next})
		}
	}
	if len(steps) < len(page.Items) { // first: a circle is the fault of a branch rather than of the order of the pages
		steps = slices.Insert(steps, 0, own)
	}
	return steps
}

// validatePaths wants every way through the form to come to an end, and every page to lie on one.
func (f Form) validatePaths(r report) {
	places := make(map[string]int, len(f.Pages))
	for i, page := range f.Pages {
		if _, known := places[page.ID]; known || page.ID == "" || !slices.Contains(pageTypes, page.Type) {
			return // has a fault of its own, without which the paths may be right
		}
		places[page.ID] = i
	}
	if r.misread("/pages") || r.misread("/start") {
		return
	}
	walk := formWalk{form: f, report: r, places: places, state: make([]walkState, len(f.Pages))}
	sound := walk.validateSteps()
	first, exists := places[f.First()]
	if exists {
		walk.from(first)
	} else if len(f.Pages) > 0 {
		r.fault("/start", "reference", "names a page that does not exist")
		sound = false
	}
	for i, state := range slices.Clone(walk.state) {
		if state == unseen && sound { // else a step that was meant to lead here may be the one that is wrong
			r.at("/pages/%d", i).fault("", "unreachable", "no answer leads to this page; remove it, or name it as the next of another")
		}
		if walk.state[i] == unseen {
			walk.from(i)
		}
	}
}

type walkState byte

const (
	unseen walkState = iota
	open             // the walk is at a page behind it
	done
)

type formWalk struct {
	form   Form
	report report
	places map[string]int // of the pages, by id
	state  []walkState    // of the pages
}

// validateSteps tells whether every step leads to a page.
func (w *formWalk) validateSteps() bool {
	sound := true
	for i, page := range w.form.Pages {
		at, steps := w.report.at("/pages/%d", i), w.form.steps(i)
		if w.form.Submits(i) && page.continues() {
			at.fault("/submit", "not", "must be false where a next page is named: after this page the form is sent")
			sound = false
		}
		if page.Next != "" { // also where every item has its own
			steps = append(steps, step{"/next", page.Next})
		}
		for _, step := range steps {
			_, exists := w.places[step.to]
			switch {
			case step.to == "":
				at.fault(step.pointer, "dead_end", "leads nowhere: name the next page, or set submit")
			case !exists:
				at.fault(step.pointer, "reference", "names a page that does not exist")
			}
			sound = sound && exists
		}
	}
	return sound
}

// from follows every step from the page at i, through each page once. Forms that come back to a page never end.
func (w *formWalk) from(i int) {
	w.state[i] = open
	for _, step := range w.form.steps(i) {
		next, exists := w.places[step.to]
		switch {
		case !exists: // has a fault already
		case w.state[next] == open:
			w.report.at("/pages/%d", i).fault(step.pointer, "cycle", "leads back to a page before it: such a form has no end")
		case w.state[next] == unseen:
			w.from(next)
		}
	}
	w.state[i] = done
}
