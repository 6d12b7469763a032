package bridge

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func (a *App) adminRoutes() http.Handler {
	engine := gin.New()
	if err := engine.SetTrustedProxies(nil); err != nil {
		panic(err) // an empty list is always good
	}
	engine.Use(gin.CustomRecoveryWithWriter(nil, func(c *gin.Context, _ any) { c.AbortWithStatus(http.StatusInternalServerError) }))
	engine.GET("/metrics", gin.WrapH(promhttp.HandlerFor(a.metrics.Registry, promhttp.HandlerOpts{})))
	engine.GET("/healthz", gin.WrapF(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	}))
	engine.GET("/readyz", gin.WrapF(a.ready))
	return engine
}

// ready tells a load balancer whether to send requests here. A configuration that was refused on a reload is reported,
// but the old one still works.
func (a *App) ready(w http.ResponseWriter, _ *http.Request) {
	status, state, checks := http.StatusOK, "ready", map[string]string{"config": "ok"}
	if a.rejected.Load() {
		checks["config"] = "the newest configuration is not usable; the one before it is in force"
	}
	if a.draining.Load() {
		status, state = http.StatusServiceUnavailable, "draining"
	}
	writeJSON(w, status, map[string]any{"status": state, "checks": checks})
}
