// Command bizbridge carries Apple Messages for Business to and from a helpdesk.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/alecthomas/kong"

	"bizbridge/config"
)

// Set by release builds: -ldflags "-X main.version=… -X main.commit=…".
var (
	version = "dev"
	commit  = ""
)

// Exit codes.
const (
	exitOK      = 0
	exitFailed  = 1
	exitInvalid = 2 // usage, or a configuration that is not valid
)

const description = `Carries Apple Messages for Business to and from the helpdesk that you already have.

Try it without any configuration:

  bizbridge demo

Connect your own helpdesk:

  export BIZBRIDGE_KEY=$(bizbridge keygen)
  bizbridge schema config > bizbridge.schema.json   # completion in your editor
  bizbridge check --config bizbridge.yaml
  bizbridge serve --config bizbridge.yaml`

type commandLine struct {
	Serve      serveCommand      `cmd:"" help:"Run the bridge."`
	Demo       demoCommand       `cmd:"" help:"Run the bridge with a simulated phone and a small helpdesk; needs no configuration."`
	Check      checkCommand      `cmd:"" help:"Check a configuration; tells every problem with its line and a hint."`
	Send       sendCommand       `cmd:"" help:"Send one message through a running bridge."`
	Auth       authCommand       `cmd:"" help:"Get the grant of an operator that a helpdesk's OAuth wants, once."`
	Mapping    mappingCommand    `cmd:"" help:"Test and try mappings between the bridge's events and a helpdesk's own JSON."`
	Connectors connectorsCommand `cmd:"" help:"List the helpdesks that there are connectors for, and what each can show."`
	Link       linkCommand       `cmd:"" help:"Print the link, or the QR code, with which customers begin a conversation."`
	Schema     schemaCommand     `cmd:"" help:"Print the JSON Schema of the configuration or of the messages, or an example configuration."`
	Keygen     keygenCommand     `cmd:"" help:"Print a new master key, or a secret for a webhook."`
	Version    versionCommand    `cmd:"" help:"Print version, commit and Go version."`
}

// streams is where a command reads and writes; tests put their own.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// configFlag is the one flag that most commands share.
type configFlag struct {
	Config string `required:"" env:"BIZBRIDGE_CONFIG" placeholder:"FILE" help:"Configuration file (${env})."`
}

// exitError ends the program with a code; its text has been chosen for people.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func main() { os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})) }

func run(args []string, std streams) int {
	var line commandLine
	exited := -1
	parser, err := kong.New(&line,
		kong.Name("bizbridge"), kong.Description(description),
		kong.Writers(std.out, std.err), kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Bind(std),
	)
	if err != nil {
		panic(err) // the command line's own declaration is wrong
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintf(std.err, "bizbridge: %v\nRun \"bizbridge --help\", or a command with --help, to see what is possible.\n", err)
		return exitInvalid
	}
	err = parsed.Run()
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(std.err, err)
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit.code
	}
	if _, ok := errors.AsType[config.Problems](err); ok {
		return exitInvalid
	}
	return exitFailed
}

func buildCommit() string {
	if commit != "" {
		return commit
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return "unknown"
}
