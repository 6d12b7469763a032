package bridge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"bizbridge/bridge/flow"
	"bizbridge/bridge/metrics"
	"bizbridge/bridge/payment"
	"bizbridge/bridge/signin"
	"bizbridge/config"
)

const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 20 * time.Second // for a whole request: bodies are at most limits.max_body
	writeTimeout      = 90 * time.Second // above the longest delivery.timeout
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	maxLameDuck       = 2 * time.Second
	lastAnswers       = time.Second // to tell the senders of cancelled messages
)

// Options is what a bridge needs.
type Options struct {
	Config *config.Config
	// Load reads the configuration again; nil: it is never reloaded.
	Load    func() (*config.Config, error)
	Logger  *slog.Logger
	Level   *slog.LevelVar // of Logger; follows log.level on a reload; may be nil
	Version string
	Commit  string
	// SessionRoots are the authorities that Apple Pay's certificate may be of; nil: the system's. A simulator has one of its own.
	SessionRoots *x509.CertPool
	// Public and Admin are listened on instead of the configured addresses, when not nil.
	Public, Admin net.Listener
}

// App is one running bridge.
type App struct {
	options  Options
	logger   *slog.Logger
	metrics  *metrics.Metrics
	memory   *flow.Memory
	visits   *signin.Memory
	payments *payment.Memory
	site     atomic.Pointer[site]
	reloadMu sync.Mutex
	draining atomic.Bool
	rejected atomic.Bool // the newest configuration was not usable
	public   net.Listener
	admin    net.Listener
}

// New builds everything and opens both listeners, so that an address in use is told at once. Nothing is served before
// [App.Run].
func New(options Options) (*App, error) {
	a := newApp(options)
	first, err := a.newSite(options.Config)
	if err != nil {
		return nil, err
	}
	a.site.Store(first)
	first.warn()
	a.metrics.LastReload.Set(metrics.Seconds(time.Now()))
	if err := a.listen(options.Config.Server); err != nil {
		return nil, err
	}
	return a, nil
}

// newApp has everything that outlives a configuration.
func newApp(options Options) *App {
	return &App{
		options: options, logger: options.Logger, metrics: metrics.New(options.Version, options.Commit),
		memory: flow.NewMemory(time.Now), visits: signin.NewMemory(), payments: payment.NewMemory(),
		public: options.Public, admin: options.Admin,
	}
}

func (a *App) listen(server config.Server) (err error) {
	if a.public == nil {
		if a.public, err = net.Listen("tcp", server.Listen); err != nil {
			return fmt.Errorf("server.listen: %w", err)
		}
	}
	if server.TLS.Cert != "" {
		a.public = tls.NewListener(a.public, &tls.Config{
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.site.Load().certificate, nil },
			MinVersion:     tls.VersionTLS12,
		})
	}
	if a.admin == nil {
		if a.admin, err = net.Listen("tcp", server.AdminListen); err != nil {
			return errors.Join(fmt.Errorf("server.admin_listen: %w", err), a.public.Close())
		}
	}
	return nil
}

// PublicAddr and AdminAddr are where the bridge listens.
func (a *App) PublicAddr() net.Addr { return a.public.Addr() }

// AdminAddr is the address of metrics and health.
func (a *App) AdminAddr() net.Addr { return a.admin.Addr() }

// Run serves until ctx ends, then drains: readiness goes false, requests in flight finish within shutdown_grace. The
// error is nil for a clean end.
func (a *App) Run(ctx context.Context) error {
	public := newServer(http.HandlerFunc(a.servePublic), a.logger)
	admin := newServer(a.adminRoutes(), a.logger)
	failed := make(chan error, 2)
	var serving sync.WaitGroup
	serving.Go(func() { failed <- public.Serve(a.public) })
	serving.Go(func() { failed <- admin.Serve(a.admin) })
	a.reloadMu.Lock()
	a.site.Load().run()
	a.reloadMu.Unlock()
	a.logger.Info("ready", "public", a.public.Addr().String(), "admin", a.admin.Addr().String(), "version", a.options.Version)

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	a.drain(public)
	err = errors.Join(err, admin.Close())
	serving.Wait()
	a.site.Load().close()
	return err
}

func (a *App) drain(public *http.Server) {
	a.draining.Store(true)
	grace := a.site.Load().config.Server.ShutdownGrace.Std()
	a.logger.Info("draining", "grace", grace)
	// Load balancers go on sending until they have seen that readiness is false: that must not fail.
	time.Sleep(min(grace/10, maxLameDuck))
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	err := public.Shutdown(ctx)
	a.site.Load().stopReading(ctx) // not before: what was taken until now may still be answered
	a.memory.Drain(ctx)
	if err == nil {
		return
	}
	a.logger.Warn("the grace period ended with requests under way; their senders hear that they failed")
	ctx, cancel = context.WithTimeout(context.Background(), lastAnswers)
	defer cancel()
	if public.Shutdown(ctx) != nil {
		_ = public.Close()
	}
}

func newServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(serverLog{logger}, "", 0),
	}
}

func (a *App) servePublic(w http.ResponseWriter, r *http.Request) {
	a.site.Load().handler.ServeHTTP(w, r)
}

// Reload reads the configuration again. An invalid one changes nothing but the metrics; its problems are the error.
func (a *App) Reload() error {
	a.reloadMu.Lock()
	defer a.reloadMu.Unlock()
	cfg, err := a.options.Load()
	var next *site
	if err == nil {
		next, err = a.newSite(cfg)
	}
	if err != nil {
		a.rejected.Store(true)
		a.metrics.ConfigReloads.WithLabelValues("rejected").Inc()
		a.logger.Error("the new configuration is not usable; the old one stays", "problems", err.Error())
		return err
	}
	previous := a.site.Swap(next)
	previous.retire()
	next.run()
	next.warn()
	a.rejected.Store(false)
	a.metrics.ConfigReloads.WithLabelValues("applied").Inc()
	a.metrics.LastReload.Set(metrics.Seconds(time.Now()))
	if a.options.Level != nil {
		a.options.Level.Set(LogLevel(cfg.Log))
	}
	a.logger.Info("configuration applied")
	a.warnOfRestart(previous.config, cfg)
	return nil
}

func (a *App) warnOfRestart(previous, next *config.Config) {
	before, after := previous.Server, next.Server
	if before.Listen != after.Listen || before.AdminListen != after.AdminListen ||
		(before.TLS.Cert == "") != (after.TLS.Cert == "") || previous.Log.Format != next.Log.Format {
		a.logger.Warn("server.listen, server.admin_listen, switching server.tls on or off, and log.format take effect only after a restart")
	}
}
