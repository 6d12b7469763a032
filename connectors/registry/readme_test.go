package registry

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

var update = flag.Bool("update", false, "write the table of the README")

const (
	begin = "<!-- written by go test ./connectors/registry -update -->\n"
	end   = "<!-- end -->"
)

// TestTheTableOfTheReadmeIsThatOfTheCode compares what the front door promises with what the connectors declare.
func TestTheTableOfTheReadmeIsThatOfTheCode(t *testing.T) {
	const path = "../../README.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatal("the README has no place for the table")
	}
	want := before + begin + table() + end + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(text) {
		t.Errorf("the README's table is not that of the code; go test ./connectors/registry -update writes it:\n%s", table())
	}
}

// marks are the levels as the table shows them.
var marks = map[connectors.Level]string{connectors.Full: "●", connectors.Partial: "◐", connectors.Fallback: "○"}

func mark(level connectors.Level) string {
	if symbol, ok := marks[level]; ok {
		return symbol
	}
	return "–"
}

func table() string {
	var out strings.Builder
	row := func(name string, cell func(connectors.Factory) string) {
		fmt.Fprintf(&out, "| %s |", name)
		for _, factory := range Factories {
			fmt.Fprintf(&out, " %s |", cell(factory))
		}
		out.WriteString("\n")
	}
	row("", func(f connectors.Factory) string {
		return fmt.Sprintf("[`%s`](connectors/%s/README.md)", f.Type, f.Type)
	})
	row("---", func(connectors.Factory) string { return "---" })
	for _, kind := range message.Kinds {
		row("to the phone: "+strings.ReplaceAll(string(kind), "_", " "), func(f connectors.Factory) string { return mark(f.Abilities.Sends(kind)) })
	}
	for _, event := range message.EventTypes {
		row("to the helpdesk: `"+string(event)+"`", func(f connectors.Factory) string { return mark(f.Abilities.Takes(event)) })
	}
	return "\n" + out.String() + "\n● whole  ◐ not all of it  ○ as something simpler  – not\n\n"
}

// TestEveryConnectorHasItsPage, since the table links to it.
func TestEveryConnectorHasItsPage(t *testing.T) {
	for _, factory := range Factories {
		if _, err := os.Stat("../" + factory.Type + "/README.md"); err != nil {
			t.Error(err)
		}
	}
}
