package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"bizbridge/bridge/entrypoint"
	"bizbridge/connectors"
)

type linkCommand struct {
	Business string `required:"" placeholder:"ID" help:"Business id, as Apple Business Register shows it."`
	Intent   string `help:"What it is about; comes back as the intent of the first text, by which routes can choose a helpdesk."`
	Group    string `help:"For whom it is; comes back as the group of the first text."`
	Body     string `help:"What stands in the customer's field already."`
	QR       string `name:"qr" placeholder:"FILE" help:"Write the QR code to a file, .png for screens or .svg for print."`
	HTML     string `name:"html" placeholder:"WORDS" help:"Print a link for a web page with these words, instead of the URL."`
	Maps     string `placeholder:"ADDRESS" help:"Print the match.intent of customers who come from this place in Apple Maps, instead of the URL."`
}

// Help is shown by "bizbridge link --help".
func (linkCommand) Help() string {
	return `Only customers begin conversations, so they need a link to tap or a code to scan. On a terminal the QR code is shown, too.

  bizbridge link --business aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee --intent billing --body "I have a question"
  bizbridge link --business … --qr poster.svg
  bizbridge link --business … --html "Chat with us in Messages"

Who comes from a place in Apple Maps has its postal address as their intent. --maps prints the pattern for a route:

  bizbridge link --business … --maps "1 Main Street, Springfield"`
}

func (c linkCommand) Run(std streams) error {
	if !connectors.IsUUID(c.Business) {
		return &exitError{exitInvalid, errors.New("--business: a business id is a UUID, such as aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee; Apple Business Register shows it")}
	}
	if c.Maps != "" {
		return c.maps(std)
	}
	link := entrypoint.Link{Business: c.Business, Intent: c.Intent, Group: c.Group, Body: c.Body}
	if err := link.Check(); err != nil {
		return &exitError{exitInvalid, fmt.Errorf("--%w", err)}
	}
	shown := link.URL()
	if c.HTML != "" {
		shown = link.Snippet(c.HTML)
	}
	fmt.Fprintln(std.out, shown)
	if c.QR == "" && !isTerminal(std.out) {
		return nil
	}
	code, err := link.QR()
	if err != nil {
		return &exitError{exitInvalid, fmt.Errorf("--body: %w", err)}
	}
	if c.QR == "" {
		_, err := fmt.Fprint(std.out, code.Text())
		return err
	}
	return writeCode(code, c.QR)
}

func (c linkCommand) maps(std streams) error {
	pattern := entrypoint.MapsPattern(c.Maps)
	if pattern == "" {
		return &exitError{exitInvalid, errors.New("--maps: the address has no words to recognise it by")}
	}
	_, err := fmt.Fprintf(std.out, "match: {intent: %q}\n", pattern)
	return err
}

func writeCode(code entrypoint.Code, file string) error {
	var drawn []byte
	switch strings.ToLower(filepath.Ext(file)) {
	case ".png":
		var err error
		if drawn, err = code.PNG(); err != nil {
			return err
		}
	case ".svg":
		drawn = code.SVG()
	default:
		return &exitError{exitInvalid, errors.New("--qr: the file's name has to end with .png or .svg")}
	}
	return os.WriteFile(file, drawn, 0o644)
}
