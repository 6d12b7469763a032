package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"

	"bizbridge/bridge/sandbox"
)

// Demo is a bridge between a simulated gateway with a phone and a small webhook helpdesk, or a stand-in of another, all in one
// process but talking over real sockets on the loopback.
type Demo struct {
	app     *App
	sandbox *sandbox.Sandbox
	servers []*http.Server
	serving sync.WaitGroup
	pages   net.Listener
	desk    string // the connector's type
	posted  func() // waits for the stand-in's webhooks
	watch   func(server string, handler http.Handler) http.Handler
	folder  string // of templates and of a picture for links; removed at the end
}

// DemoOptions is what a demo needs.
type DemoOptions struct {
	Listen          string // where the pages are; everything else is on free ports of the loopback
	Desk            string // the type of the helpdesk's connector
	Logger          *slog.Logger
	Version, Commit string
}

// NewDemo opens everything. Nothing is served before [Demo.Run], but for what simulates the world around the bridge.
func NewDemo(options DemoOptions) (*Demo, error) {
	return newDemoWatched(options, func(_ string, handler http.Handler) http.Handler { return handler })
}

// newDemoWatched lets tests see what reaches the gateway and the desk.
func newDemoWatched(options DemoOptions, watch func(server string, handler http.Handler) http.Handler) (*Demo, error) {
	if err := checkDemoDesk(options.Desk); err != nil {
		return nil, err
	}
	var at demoListeners
	if err := at.open(options.Listen); err != nil {
		at.close()
		return nil, fmt.Errorf("%w; choose another address with --listen", err)
	}
	d := &Demo{watch: watch, pages: at.pages, desk: options.Desk, posted: func() {}}
	if err := d.build(at, options); err != nil {
		at.close()
		_ = os.RemoveAll(d.folder)
		return nil, err
	}
	return d, nil
}

// demoListeners are where everything is.
type demoListeners struct {
	pages, public, admin, gateway, desk, standIn, provider, applePay net.Listener
}

func (l *demoListeners) all() []*net.Listener {
	return []*net.Listener{&l.pages, &l.public, &l.admin, &l.gateway, &l.desk, &l.standIn, &l.provider, &l.applePay}
}

func (l *demoListeners) open(pages string) (err error) {
	address := pages
	for _, each := range l.all() {
		if *each, err = net.Listen("tcp", address); err != nil {
			*each = nil
			return err
		}
		address = "127.0.0.1:0"
	}
	return nil
}

func (l *demoListeners) close() {
	for _, each := range l.all() {
		if *each != nil {
			_ = (*each).Close()
		}
	}
}

func (d *Demo) serve(listener net.Listener, handler http.Handler) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: readHeaderTimeout}
	d.servers = append(d.servers, server)
	d.serving.Go(func() { _ = server.Serve(listener) })
}

// URL is where the pages are.
func (d *Demo) URL() string { return "http://" + d.pages.Addr().String() + "/" }

// origins are those under which a browser knows the pages. In a policy an address of IPv6 cannot stand.
func (d *Demo) origins() string {
	at := d.pages.Addr().(*net.TCPAddr)
	origins := fmt.Sprintf("http://localhost:%d", at.Port)
	if four := at.IP.To4(); four != nil && !four.IsUnspecified() {
		return fmt.Sprintf("http://%s:%d %s", four, at.Port, origins)
	}
	return fmt.Sprintf("http://127.0.0.1:%d %s", at.Port, origins)
}

// MetricsURL is where the demo's bridge shows its metrics.
func (d *Demo) MetricsURL() string { return "http://" + d.app.AdminAddr().String() + "/metrics" }

// Run serves until ctx ends.
func (d *Demo) Run(ctx context.Context) error {
	err := d.app.Run(ctx)
	d.sandbox.Close()
	for _, server := range d.servers {
		err = errors.Join(err, server.Close())
	}
	d.serving.Wait()
	d.posted()
	return errors.Join(err, os.RemoveAll(d.folder))
}
