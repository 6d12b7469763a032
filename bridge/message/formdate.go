package message

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// DateFormat is how the answer writes the day, in the letters of Unicode's date patterns.
func (p Page) DateFormat() string {
	if p.Format == "" {
		return "MM/dd/yyyy"
	}
	return p.Format
}

// dateLetters are the letters of date patterns that the bridge can write, each with Go's, longest first.
var dateLetters = []string{"yyyy", "2006", "yy", "06", "MMMM", "January", "MMM", "Jan", "MM", "01", "M", "1", "dd", "02", "d", "2"}

// InFormat writes a day, given as 2030-02-24, in the page's format; "" for "" and for what is no day.
func (p Page) InFormat(day string) string {
	parsed, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return ""
	}
	return parsed.Format(p.dateLayout())
}

func (p Page) dateLayout() string { return strings.NewReplacer(dateLetters...).Replace(p.DateFormat()) }

const maxDateFormat = 30

var (
	datePart      = regexp.MustCompile(`y+|M+|d+`)
	dateSeparator = regexp.MustCompile(`^[/., -]*$`)
)

// validDateFormat wants the year, the month and the day once each, and so that they can be told apart: 1112030 may be
// two days.
func validDateFormat(format string) bool {
	places := datePart.FindAllStringIndex(format, -1)
	kinds := make(map[byte]bool)
	for i, place := range places {
		part := format[place[0]:place[1]]
		touched := i > 0 && places[i-1][1] == place[0] || i+1 < len(places) && places[i+1][0] == place[1]
		if !slices.Contains(dateLetters, part) || len(part) == 1 && touched {
			return false
		}
		kinds[part[0]] = true
	}
	return len(places) == 3 && len(kinds) == 3 && len(format) <= maxDateFormat &&
		dateSeparator.MatchString(datePart.ReplaceAllString(format, ""))
}

func (p Page) validateDates(r report) {
	if !validDateFormat(p.DateFormat()) {
		r.fault("/format", "format", "must be made of yyyy, MM, dd and separators, such as MM/dd/yyyy")
	}
	first, last, start := p.validateDay(r, "/min", p.Min), p.validateDay(r, "/max", p.Max), p.validateDay(r, "/start", p.Date)
	if start != "" && start < first {
		r.fault("/start", "order", "must not be before min")
	}
	if start != "" && last != "" && start > last {
		r.fault("/start", "order", "must not be after max")
	}
	if last != "" && last < first {
		r.fault("/max", "order", "must not be before min")
	}
}

// validateDay gives back a valid day, and "" for others. Days in this form are in the order of time.
func (p Page) validateDay(r report, pointer, day string) string {
	if day == "" {
		return ""
	}
	parsed, err := time.Parse(time.DateOnly, day)
	if err != nil || parsed.Year() < 1 {
		r.fault(pointer, "format", "must be a day such as 2030-02-24")
		return ""
	}
	if again, err := time.Parse(p.dateLayout(), p.InFormat(day)); validDateFormat(p.DateFormat()) && (err != nil || !again.Equal(parsed)) {
		r.fault(pointer, "format", "is another day when %s writes it with two digits of the year: write yyyy there", p.DateFormat())
		return ""
	}
	return day
}
