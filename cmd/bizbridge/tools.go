package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"runtime"

	"bizbridge/bridge"
	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors/registry"
)

type checkCommand struct {
	configFlag
}

// Help is shown by "bizbridge check --help".
func (checkCommand) Help() string {
	return `Prints every problem as file:line:column: problem. hint. Exits with 0 for a valid
configuration and with 2 otherwise. Nothing is contacted. Templates are tried with values that fit, and the
mappings' own tests run. For each connector it prints what reaches the other side, and how.`
}

func (c checkCommand) Run(std streams) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	report, err := bridge.Check(context.Background(), cfg)
	if err != nil {
		return &exitError{exitInvalid, err}
	}
	fmt.Fprintf(std.out, "%s is valid: %s, %s", c.Config,
		count(len(cfg.Businesses), "business", "businesses"), count(len(cfg.Connectors), "connector", "connectors"))
	if report.Templates > 0 {
		fmt.Fprintf(std.out, ", %s", count(report.Templates, "template", "templates"))
	}
	if report.Tests > 0 {
		fmt.Fprintf(std.out, "; %s of mappings passed", count(report.Tests, "test", "tests"))
	}
	fmt.Fprintln(std.out, ".")
	for _, warning := range report.Warnings {
		fmt.Fprintln(std.out, "warning: "+warning)
	}
	return writeMatrix(std.out, cfg, report.Abilities)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

type schemaCommand struct {
	Of string `arg:"" enum:"config,message,example" help:"config: of the configuration file. message: of events and message.send. example: a commented configuration."`
}

func (c schemaCommand) Run(std streams) error {
	text := message.Schema()
	switch c.Of {
	case "config":
		schema, err := config.Schema(registry.ConfigTypes())
		if err != nil {
			return err
		}
		text = schema
	case "example":
		text = config.Example()
	}
	_, err := std.out.Write(text)
	return err
}

type keygenCommand struct {
	Webhook bool `help:"Print a webhook secret (whsec_…) instead of a master key."`
}

func (c keygenCommand) Run(std streams) error {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	prefix := ""
	if c.Webhook {
		prefix = "whsec_"
	}
	_, err := fmt.Fprintln(std.out, prefix+base64.StdEncoding.EncodeToString(key))
	return err
}

type versionCommand struct{}

func (versionCommand) Run(std streams) error {
	_, err := fmt.Fprintf(std.out, "bizbridge %s (commit %s, %s)\n", version, buildCommit(), runtime.Version())
	return err
}
