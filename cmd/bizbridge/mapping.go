package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"bizbridge/mapping"
)

type mappingCommand struct {
	Test mappingTestCommand `cmd:"" help:"Run the tests of a mapping file."`
	Try  mappingTryCommand  `cmd:"" help:"Show what one rule of a mapping makes of a payload."`
	Show mappingShowCommand `cmd:"" help:"Print one of the mappings that come with the bridge, to start from; without a name, list them."`
}

type mappingTestCommand struct {
	File string `arg:"" help:"Mapping file, or preset:NAME."`
}

// Help is shown by "bizbridge mapping test --help".
func (mappingTestCommand) Help() string {
	return `Checks the file and runs its tests. Nothing is contacted: the helpdesk's answers stand in the file.
Exits with 0 when all pass, 1 when one fails, 2 for a file that is not valid.`
}

func (c mappingTestCommand) Run(std streams) error {
	m, err := loadMapping(c.File)
	if err != nil {
		return err
	}
	failed := 0
	results := m.Test(context.Background())
	for _, result := range results {
		if result.OK {
			fmt.Fprintf(std.out, "ok    %s\n", result.Name)
			continue
		}
		failed++
		fmt.Fprintf(std.out, "FAIL  %s\n      %s\n", result.Name, strings.ReplaceAll(result.Diff, "\n", "\n      "))
	}
	for _, warning := range m.Warnings() {
		fmt.Fprintln(std.err, "warning: "+warning.String())
	}
	if failed > 0 {
		return fmt.Errorf("%s: %d of %s failed", c.File, failed, count(len(results), "test", "tests"))
	}
	fmt.Fprintf(std.out, "%s: %s passed.\n", c.File, count(len(results), "test", "tests"))
	return nil
}

type mappingTryCommand struct {
	File string            `arg:"" help:"Mapping file, or preset:NAME."`
	Rule string            `required:"" help:"Name of the rule."`
	Var  map[string]string `placeholder:"NAME=VALUE" help:"Value of a variable; may be repeated."`
}

// Help is shown by "bizbridge mapping try --help".
func (mappingTryCommand) Help() string {
	return `Reads a payload from standard input and prints what the rule makes of it, as JSON. For an inbound rule
the payload is an event, or {"event": …, "answers": [{"status": 200, "body": …}]} with what the helpdesk says
to each step. For an outbound rule it is the body of a webhook; an object of nothing but "body", "headers",
"query" and "method", any of them, is the whole webhook instead.
Exits with 0 when the rule works, 1 when it fails, which "error" in the JSON explains, 2 when there is no such
rule or the file or the payload is not valid.

  bizbridge mapping try desk.mapping.yaml --rule "agent reply" < payload.json`
}

func (c mappingTryCommand) Run(std streams) error {
	m, err := loadMapping(c.File)
	if err != nil {
		return err
	}
	payload, err := io.ReadAll(io.LimitReader(std.in, 16<<20))
	if err != nil {
		return err
	}
	given := map[string]any{}
	for _, name := range required(m) {
		given[name] = "https://" + name + ".example.com" // whatever it is, the rule can be seen at work
	}
	for name, value := range c.Var {
		given[name] = value
	}
	vars, err := m.Bind(given)
	if err != nil {
		return &exitError{exitInvalid, err}
	}
	trial, err := m.Try(context.Background(), c.Rule, payload, vars)
	if err != nil {
		return &exitError{exitInvalid, err}
	}
	if _, err = io.WriteString(std.out, trial.String()); err == nil && trial.Error != "" {
		err = fmt.Errorf("%s: the rule %q fails on this payload", c.File, c.Rule)
	}
	return err
}

func required(m *mapping.Mapping) []string {
	_, names := m.Variables()
	return names
}

type mappingShowCommand struct {
	Name string `arg:"" optional:"" help:"Name of the mapping."`
}

func (c mappingShowCommand) Run(std streams) error {
	if c.Name == "" {
		_, err := fmt.Fprintln(std.out, strings.Join(mapping.Presets(), "\n"))
		return err
	}
	text, err := mapping.PresetSource(c.Name)
	if err != nil {
		return &exitError{exitInvalid, err}
	}
	_, err = std.out.Write(text)
	return err
}

func loadMapping(name string) (*mapping.Mapping, error) {
	if preset, ok := strings.CutPrefix(name, "preset:"); ok {
		m, err := mapping.Preset(preset)
		if err != nil {
			return nil, &exitError{exitInvalid, err}
		}
		return m, nil
	}
	m, problems, err := mapping.Load(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &exitError{exitInvalid, fmt.Errorf("there is no file %s", name)}
	}
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		texts := make([]string, len(problems))
		for i, problem := range problems {
			texts[i] = problem.String()
		}
		return nil, &exitError{exitInvalid, errors.New(strings.Join(texts, "\n"))}
	}
	return m, nil
}
