package bridge

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"

	"github.com/gin-gonic/gin"

	"bizbridge/bridge/flow"
	"bizbridge/bridge/message"
	"bizbridge/bridge/signin"
)

// routes registers every public route. Gin stays in this file: handlers are plain net/http.
func (s *site) routes() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	if err := engine.SetTrustedProxies(proxyList(s.config.Network.TrustedProxies)); err != nil {
		panic(err) // prefixes that have been parsed
	}
	engine.Use(s.recoverPanics, identifyRequest)
	engine.NoRoute(gin.WrapF(func(w http.ResponseWriter, _ *http.Request) {
		(&problem{Type: "about:blank", Title: "Not Found", Status: http.StatusNotFound,
			Detail: "there is nothing at this path; public_url's path prefixes every route"}).write(w)
	}))
	engine.NoMethod(gin.WrapF(func(w http.ResponseWriter, _ *http.Request) {
		(&problem{Type: "about:blank", Title: "Method Not Allowed", Status: http.StatusMethodNotAllowed,
			Detail: "this path takes another method"}).write(w)
	}))

	public := engine.Group(strings.TrimRight(s.config.PublicURL().Path, "/"))
	public.POST("/message", gin.WrapF(s.postMessage))
	public.Any("/webhooks/:connector", s.webhookRoute)
	public.Any("/webhooks/:connector/*rest", s.webhookRoute)
	public.Match([]string{http.MethodGet, http.MethodHead}, "/media/:token/:filename", func(c *gin.Context) {
		s.media.ServeHTTP(c.Writer, c.Request, c.Param("token"))
	})
	public.GET(startPath, gin.WrapF(s.serveOAuth((*signin.Service).Start)))
	public.GET(callbackPath, gin.WrapF(s.serveOAuth((*signin.Service).Callback)))
	public.POST("/identity/:connector/token", func(c *gin.Context) { s.postIdentityToken(c.Writer, c.Request, c.Param("connector")) })
	public.Match([]string{http.MethodGet, http.MethodHead}, "/identity/:connector/jwks", func(c *gin.Context) {
		s.getIdentityKeys(c.Writer, c.Request, c.Param("connector"))
	})
	s.paymentRoutes(public)
	public.GET(domainAssociationPath, gin.WrapF(s.getDomainAssociation))
	if public.BasePath() != "/" { // Apple asks at the root
		engine.GET(domainAssociationPath, gin.WrapF(s.getDomainAssociation))
	}
	public.POST("/v1/messages", gin.WrapF(s.postAPIMessage))
	public.GET("/v1/openapi.json", gin.WrapF(s.getOpenAPI))
	return engine
}

func (s *site) webhookRoute(c *gin.Context) { s.webhook(c.Writer, c.Request, c.Param("connector")) }

// identifyRequest gives every request an id, which its answer carries, so that a sender can name it.
func identifyRequest(c *gin.Context) {
	id := rand.Text()
	c.Header(requestIDHeader, id)
	c.Request = c.Request.WithContext(flow.WithRequestID(withClientIP(c.Request.Context(), c.ClientIP()), id))
}

// recoverPanics answers 503 instead of dropping the connection: the sender must hear that nothing was accepted.
func (s *site) recoverPanics(c *gin.Context) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(cause)
		}
		s.logger.Error("handler panicked", "path", c.FullPath(), "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
		if !c.Writer.Written() {
			newProblem(message.CodeUnavailable, "the bridge failed while handling this request").write(c.Writer)
		}
		c.Abort()
	}()
	c.Next()
}

func proxyList(prefixes []netip.Prefix) []string {
	list := make([]string, len(prefixes))
	for i, prefix := range prefixes {
		list[i] = prefix.String()
	}
	return list
}
