package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"bizbridge/bridge"
	"bizbridge/config"
	"bizbridge/connectors/registry"
)

func loadConfig(path string) (*config.Config, error) {
	return loaded(config.Load(path, registry.ConfigTypes()))
}

// loaded tells what a file has wrong from a file that cannot be read.
func loaded(cfg *config.Config, err error) (*config.Config, error) {
	if _, isProblems := errors.AsType[config.Problems](err); err != nil && !isProblems {
		return nil, &exitError{exitInvalid, fmt.Errorf("bizbridge: the configuration cannot be read: %w", err)}
	}
	return cfg, err
}

type serveCommand struct {
	configFlag
}

// Help is shown by "bizbridge serve --help".
func (serveCommand) Help() string {
	return `Listens on server.listen for Apple and the helpdesks, and on server.admin_listen for
/metrics, /healthz and /readyz.

SIGTERM drains: /readyz turns false, requests in flight finish within server.shutdown_grace.
SIGHUP, and any change of the file, load the configuration again; one that is not valid
changes nothing and is told in the log.`
}

func (c serveCommand) Run(std streams) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	if cfg.Log.Format == "json" && isTerminal(std.err) {
		cfg.Log.Format = "text"
	}
	logger, level := bridge.NewLogger(std.err, cfg.Log)
	// From the first moment and to the end: a SIGHUP that nobody takes would kill the bridge, even while it drains.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	app, err := bridge.New(bridge.Options{
		Config: cfg, Load: func() (*config.Config, error) { return loadConfig(c.Config) },
		Logger: logger, Level: level, Version: version, Commit: buildCommit(),
	})
	if err != nil {
		return fmt.Errorf("bizbridge: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go reloadOnSignal(ctx, hangups, app)
	go watch(ctx, c.Config, app, logger)
	return app.Run(ctx)
}

func reloadOnSignal(ctx context.Context, hangups <-chan os.Signal, app *bridge.App) {
	for {
		select {
		case <-hangups:
			_ = app.Reload() // it has logged and counted the outcome
		case <-ctx.Done():
			return
		}
	}
}

func watch(ctx context.Context, path string, app *bridge.App, logger *slog.Logger) {
	err := config.Watch(ctx, path, func() { _ = app.Reload() })
	if err != nil && ctx.Err() == nil {
		logger.Warn("changes of the configuration file are not noticed; send SIGHUP after a change", "error", err)
	}
}

// isTerminal tells whether people look at w: then logs are text.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

type demoCommand struct {
	Listen string `default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Where the pages are served (${default})."`
	Desk   string `default:"webhook" enum:"webhook,chatwoot,libredesk" help:"The helpdesk to show: webhook, chatwoot or libredesk."`
	NoOpen bool   `help:"Do not open the pages in a browser."`
}

// Help is shown by "bizbridge demo --help".
func (demoCommand) Help() string {
	return `Runs the real bridge between a simulated Apple gateway with a phone and a small webhook
helpdesk. The pages show both sides and every request between them, and have switches that
break things. Everything stays on this machine and is forgotten when it ends.

With --desk chatwoot or --desk libredesk the real connector talks to a stand-in of that product
instead: its page, with what an agent would see, takes the place of the small helpdesk. Answer
there; /help in a line of its own lists what agents can send beside text.`
}

func (c demoCommand) Run(std streams) error {
	logger, _ := bridge.NewLogger(std.err, config.Log{Level: "warn", Format: "text"})
	demo, err := bridge.NewDemo(bridge.DemoOptions{Listen: c.Listen, Desk: c.Desk, Logger: logger, Version: version, Commit: buildCommit()})
	if err != nil {
		return fmt.Errorf("bizbridge: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	fmt.Fprintf(std.out, "The demo runs at %s\nMetrics: %s\nCtrl-C ends it.\n", demo.URL(), demo.MetricsURL())
	if !c.NoOpen && isTerminal(std.out) {
		openBrowser(ctx, demo.URL())
	}
	return demo.Run(ctx)
}

// openBrowser is a courtesy: where it does not work, the address has been printed.
func openBrowser(ctx context.Context, url string) {
	name := "xdg-open"
	if runtime.GOOS == "darwin" {
		name = "open"
	}
	if path, err := exec.LookPath(name); err == nil {
		_ = exec.CommandContext(ctx, path, url).Start()
	}
}
