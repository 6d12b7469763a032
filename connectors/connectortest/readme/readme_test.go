package readme

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// recorder keeps the complaints.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

const page = "# Desk\n\nSee [the keys](#the-keys), [the code](main.go), [more](https://example.com/#x) and %s.\n\n## The keys\n\n" +
	"| key | meaning | |\n|---|---|---|\n| `url` | where | |\n| `message.received` | a text | full |\n\n" +
	"1. Write\n\n   ```yaml\n   connectors:\n     desk:\n       url: x\n   ```\n\n```json content\n{\"a\":1}\n```\n"

func TestWhatIsMissingIsFound(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("main.go", "")
	write("README.md", fmt.Sprintf(page, "[itself](README.md#desk)"))
	type settings struct {
		URL string `json:"url,omitempty"`
	}
	type more struct {
		settings
		Meaning string `json:"meaning"`
	}
	level := func(event message.EventType, level connectors.Level) map[message.EventType]connectors.Level {
		return map[message.EventType]connectors.Level{event: level}
	}
	for what, c := range map[string]struct {
		check func(testing.TB)
		fails bool
	}{
		"told":           {func(t testing.TB) { Tells(t, message.EventReceived) }, false},
		"not told":       {func(t testing.TB) { Tells(t, "where") }, true},
		"a key":          {func(t testing.TB) { HasKeys(t, settings{}) }, false},
		"another key":    {func(t testing.TB) { HasKeys(t, more{}) }, true},
		"a level":        {func(t testing.TB) { HasLevels(t, level(message.EventReceived, connectors.Full)) }, false},
		"another level":  {func(t testing.TB) { HasLevels(t, level(message.EventReceived, connectors.Partial)) }, true},
		"another event":  {func(t testing.TB) { HasLevels(t, level(message.EventSent, connectors.Full)) }, true},
		"a dropped one":  {func(t testing.TB) { HasLevels(t, level(message.EventSent, connectors.Dropped)) }, false},
		"links":          {LinksLeadSomewhere, false},
		"a broken link":  {func(t testing.TB) { write("README.md", fmt.Sprintf(page, "[x](none.go)")); LinksLeadSomewhere(t) }, true},
		"another anchor": {func(t testing.TB) { write("README.md", fmt.Sprintf(page, "[x](#none)")); LinksLeadSomewhere(t) }, true},
	} {
		write("README.md", fmt.Sprintf(page, "[itself](README.md#desk)"))
		r := &recorder{TB: t}
		if c.check(r); (len(r.said) > 0) != c.fails {
			t.Errorf("%s: %q", what, r.said)
		}
	}
	if got := Blocks(t, "yaml"); !slices.Equal(got, []string{"connectors:\n  desk:\n    url: x\n"}) {
		t.Errorf("%q", got)
	}
	if got := Blocks(t, "json content"); !slices.Equal(got, []string{"{\"a\":1}\n"}) {
		t.Errorf("%q", got)
	}
}
