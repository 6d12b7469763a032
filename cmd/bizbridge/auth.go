package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"bizbridge/bridge/httpclient/auth"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/config"
	"bizbridge/config/yamlfile"
	"bizbridge/connectors/registry"
)

type authCommand struct {
	configFlag
	Connector string        `arg:"" help:"Name of the connector."`
	Entry     int           `default:"-1" placeholder:"N" help:"Which entry of its auth, counted from 0; not needed where one alone wants a grant."`
	Paste     bool          `help:"Do not open a browser here: the page is opened elsewhere, and the address that it ends at pasted here."`
	Output    string        `placeholder:"FILE" help:"Write this file instead of the one that grant names; - prints the grant."`
	Timeout   time.Duration `default:"10m" placeholder:"TIME" help:"How long to wait for you (${default})."`
}

// Help is shown by "bizbridge auth --help".
func (authCommand) Help() string {
	return `For connectors whose auth has an entry of kind oauth2_authorization_code: gets from the
provider, once, what the bridge calls the helpdesk with from then on. It shows the provider's
page, on which you agree, and writes what comes of it to the file that the entry's grant names:

  connectors:
    desk:
      auth:
        - kind: oauth2_authorization_code
          grant: ${file:/etc/bizbridge/desk.json}
          …

The file need not exist yet; a new one is for you alone (0600), an existing one keeps its owner.
Afterwards send SIGHUP to a bridge that runs, or restart it.

Where redirect_url is on this machine, or is left out, the browser comes back by itself. With a
browser on another machine, or another redirect_url, paste the address that it ends at, even
if the page there does not load. Be quick then: some providers give you one minute.

  bizbridge auth desk --config bizbridge.yaml
  bizbridge auth desk --config bizbridge.yaml --paste
  bizbridge auth desk --config bizbridge.yaml --output - | kubectl create secret generic …

Exits with 0 when the grant is written, 1 when the provider or you refused, 2 for wrong usage.`
}

func (c authCommand) Run(std streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	settings, path, err := c.entry(cfg)
	if err != nil {
		return &exitError{exitInvalid, fmt.Errorf("bizbridge auth: %w", err)}
	}
	target, err := c.target(cfg, path)
	if err != nil {
		return &exitError{exitInvalid, fmt.Errorf("bizbridge auth: %w", err)}
	}
	defer target.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	content, err := c.grant(ctx, std, settings)
	if err == nil {
		err = c.write(std, target, content)
	}
	if err != nil {
		return fmt.Errorf("bizbridge auth: %w", err)
	}
	tellOfEnd(std.err, content)
	return nil
}

var grantPath = regexp.MustCompile(`^connectors\..*\.auth\[[0-9]+\]\.grant$`)

// load reads the configuration without grants: they may be missing or broken, which is why this runs.
func (c authCommand) load() (*config.Config, error) {
	return loaded(config.LoadWithout(c.Config, registry.ConfigTypes(), grantPath.MatchString))
}

// entry finds what is to be granted, and where that stands in the configuration.
func (c authCommand) entry(cfg *config.Config) (auth.Settings, string, error) {
	connector, ok := cfg.Connectors[c.Connector]
	if !ok {
		hint := yamlfile.Suggest(c.Connector, slices.Sorted(maps.Keys(cfg.Connectors)), "Connectors")
		return auth.Settings{}, "", fmt.Errorf("there is no connector %q. %s", c.Connector, hint)
	}
	factory, _ := registry.Find(connector.Type)
	list := factory.AuthSettings(connector.Settings)
	var wanting []int
	for i := range list {
		if list[i].Granted() && (c.Entry < 0 || c.Entry == i) {
			wanting = append(wanting, i)
		}
	}
	path := yamlfile.KeyPath("connectors", c.Connector) + ".auth"
	switch {
	case len(wanting) == 0 && c.Entry >= 0:
		return auth.Settings{}, "", fmt.Errorf("%s is not of kind oauth2_authorization_code: it needs no grant", yamlfile.ItemPath(path, c.Entry))
	case len(wanting) == 0:
		return auth.Settings{}, "", fmt.Errorf("%s has no entry of kind oauth2_authorization_code: %s needs no grant", path, c.Connector)
	case len(wanting) > 1:
		return auth.Settings{}, "", fmt.Errorf("%s has several entries that want a grant: say which with --entry %d", path, wanting[0])
	}
	return list[wanting[0]], auth.GrantPath(c.Connector, wanting[0]), nil
}

// target opens what the grant is written to, before anybody agrees to anything: a code works only once.
func (c authCommand) target(cfg *config.Config, path string) (*grantFile, error) {
	switch file := cfg.Files[path]; {
	case c.Output == "-":
		return &grantFile{}, nil
	case c.Output != "":
		return newGrantFile(c.Output)
	case file == "":
		return nil, fmt.Errorf("%s names no file to write the grant to. Write grant: ${file:/etc/bizbridge/%s.json}, or use --output", path, c.Connector)
	default:
		return newGrantFile(cfg.Path(file))
	}
}

func (c authCommand) write(std streams, target *grantFile, content []byte) error {
	if c.Output == "-" {
		_, err := std.out.Write(content)
		return err
	}
	if err := target.Write(content); err != nil {
		return err
	}
	fmt.Fprintf(std.err, "Granted. %s has the grant. Send SIGHUP to a bridge that runs, or restart it.\n", target.path)
	return nil
}

// grant has the operator agree, and returns the content of the file.
func (c authCommand) grant(ctx context.Context, std streams, settings auth.Settings) ([]byte, error) {
	g, err := auth.NewGrant(settings, auth.Deps{Peer: c.Connector, Metrics: metrics.New(version, buildCommit())})
	if err != nil {
		return nil, fmt.Errorf("%w. End what listens there, or have another redirect_url registered", err)
	}
	defer g.Close()
	fmt.Fprintf(std.err, "Open this page and agree:\n\n  %s\n\n", g.URL())
	listens := g.Listens() && !c.Paste
	if listens {
		fmt.Fprintln(std.err, "Waiting for your browser to come back. If it is on another machine, paste the address that it ends at:")
	} else {
		fmt.Fprintln(std.err, "Then paste the address that your browser ends at, even if the page there does not load:")
	}
	if !c.Paste && isTerminal(std.err) {
		openBrowser(ctx, g.URL())
	}
	waiting, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	code, err := awaitCode(waiting, g, listens, std)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(std.err, "The code is here; asking the provider for the grant.")
	content, err := g.Exchange(ctx, code)
	if err != nil {
		return nil, fmt.Errorf("%s. Run it again: a code works once, and not for long", message.FailureOf(err).Reason)
	}
	return content, nil
}

// outcome is a code, or why there is none.
type outcome struct {
	code string
	err  error
}

// awaitCode takes the code from whoever has it first: the browser that comes back, or the operator who pastes. What
// reads stdin may go on doing so: it ends with the program.
func awaitCode(ctx context.Context, g *auth.Grant, listens bool, std streams) (string, error) {
	outcomes := make(chan outcome, 2)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	returned := make(chan struct{})
	if listens {
		go func() {
			defer close(returned)
			code, err := g.Wait(ctx)
			if ctx.Err() == nil {
				outcomes <- outcome{code, err}
			}
		}()
		defer func() { stop(); <-returned }() // the browser gets its page
	}
	go func() {
		code, err := readPasted(g, std)
		if err != nil && listens {
			return // nobody pastes, but the browser may still come
		}
		outcomes <- outcome{code, err}
	}()
	select {
	case got := <-outcomes:
		return got.code, got.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return "", errors.New("stopped before anybody agreed")
		}
		return "", errors.New("nobody agreed in time; run it again, with a longer --timeout if needed")
	}
}

// readPasted reads addresses until one has the code.
func readPasted(g *auth.Grant, std streams) (string, error) {
	lines := bufio.NewScanner(std.in)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		code, err := g.Read(lines.Text())
		if err == nil {
			return code, nil
		}
		fmt.Fprintf(std.err, "%v. Paste it again:\n", err)
	}
	return "", errors.New("no address with a code came; paste what the browser's address bar shows in the end")
}

// tellOfEnd says what the bridge cannot do anything about.
func tellOfEnd(out io.Writer, content []byte) {
	var grant struct {
		RefreshToken string     `json:"refresh_token"`
		ExpiresAt    *time.Time `json:"expires_at"`
	}
	if json.Unmarshal(content, &grant) != nil || grant.RefreshToken != "" {
		return
	}
	end := "once it is refused"
	if grant.ExpiresAt != nil {
		end = "before " + grant.ExpiresAt.Format(time.RFC3339)
	}
	fmt.Fprintf(out, "The provider gave no refresh token: run this command again %s.\n", end)
}
