// Package metrics defines every metric once: name, help, labels and the closed set of each label's values. All series
// exist from the start, at zero, so that rate() and alerts work from the first scrape. No label ever holds an id, a name
// that somebody outside chose, or a URL.
package metrics

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"bizbridge/bridge/fallback"
	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
)

// UnknownBusiness is the business of what could not be attributed to one.
const UnknownBusiness = "unknown"

// Values of labels that no other package owns.
var (
	InboundTypes = []string{"text", "interactive", "typing_start", "typing_end", "close", "unknown"}
	Directions   = []string{"inbound", "outbound"}
	StatusCodes  = []string{"2xx", "3xx", "4xx", "429", "5xx", "error"}
	// AttachmentOutcomes tell what became of a file.
	AttachmentOutcomes = []string{"streamed", "linked", "refused", "failed"}
	RetryReasons       = []string{"connect", "429", "503", "refused", "other"}
)

// Metrics is the registry of one bridge and everything in it.
type Metrics struct {
	Registry *prometheus.Registry

	Inbound             *prometheus.CounterVec // business, connector, type, outcome
	Outbound            *prometheus.CounterVec // business, connector, kind, outcome
	InboundDuration     *prometheus.HistogramVec
	OutboundDuration    *prometheus.HistogramVec
	Overhead            *prometheus.HistogramVec // direction
	UpstreamDuration    *prometheus.HistogramVec // peer, operation, code
	UpstreamRetries     *prometheus.CounterVec   // peer, reason
	SignatureFailures   *prometheus.CounterVec   // source, reason
	Attachments         *prometheus.CounterVec   // direction, outcome
	AttachmentBytes     *prometheus.CounterVec   // direction, outcome
	IDRExpansions       *prometheus.CounterVec   // outcome
	Fallbacks           *prometheus.CounterVec   // from, to, reason
	DuplicatesDropped   *prometheus.CounterVec   // source
	WebhooksIgnored     *prometheus.CounterVec   // connector
	SignIns             *prometheus.CounterVec   // provider, status
	Payments            *prometheus.CounterVec   // status
	Inflight            *prometheus.GaugeVec     // direction
	LastInbound         *prometheus.GaugeVec     // business
	ClockSkew           prometheus.Gauge
	CertificateNotAfter *prometheus.GaugeVec   // name
	ConfigReloads       *prometheus.CounterVec // outcome
	LastReload          prometheus.Gauge
}

// latencyBuckets reach from the bridge's own work to the deadline of a slow helpdesk.
var latencyBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 4, 8, 16, 30}

// overheadBuckets look closely at the millisecond: that is where the bridge should be.
var overheadBuckets = []float64{.0001, .00025, .0005, .001, .002, .004, .008, .016, .05, .25, 1}

// New makes the registry with all metrics that need no configuration at zero. [Metrics.Expect] adds the others.
func New(version, commit string) *Metrics {
	m := &Metrics{Registry: prometheus.NewRegistry()}
	m.Inbound = m.counter("inbound_messages_total",
		"Messages from Apple, by how they ended.", "business", "connector", "type", "outcome")
	m.Outbound = m.counter("outbound_messages_total",
		"Messages from helpdesks and bots, by how they ended.", "business", "connector", "kind", "outcome")
	m.InboundDuration = m.histogram("inbound_duration_seconds",
		"Time from Apple's request to its answer, the helpdesk's part included.", latencyBuckets, "connector")
	m.OutboundDuration = m.histogram("outbound_duration_seconds",
		"Time from the sender's request to its answer, Apple's part included.", latencyBuckets, "connector")
	m.Overhead = m.histogram("overhead_seconds",
		"Time spent in the bridge itself, waiting on neither side.", overheadBuckets, "direction")
	m.UpstreamDuration = m.histogram("upstream_request_duration_seconds",
		"Time of one request that the bridge made, by peer, operation and class of answer.", latencyBuckets, "peer", "operation", "code")
	m.UpstreamRetries = m.counter("upstream_retries_total",
		"Requests that were made again, by the reason.", "peer", "reason")
	m.SignatureFailures = m.counter("signature_failures_total",
		"Requests and tokens whose signature was refused.", "source", "reason")
	m.Attachments = m.counter("attachments_total",
		"Files by what became of them: streamed through, linked to, refused for what they are, or failed.", "direction", "outcome")
	m.AttachmentBytes = m.counter("attachment_bytes_total",
		"Bytes of files, as far as they were streamed.", "direction", "outcome")
	m.IDRExpansions = m.counter("idr_expansions_total",
		"Large interactive answers by who could read them.", "outcome")
	m.Fallbacks = m.counter("fallbacks_total",
		"What was shown as something simpler than it was, and why.", "from", "to", "reason")
	m.DuplicatesDropped = m.counter("duplicates_dropped_total",
		"Repeats that were answered without being delivered again.", "source")
	m.WebhooksIgnored = m.counter("webhooks_ignored_total",
		"Genuine webhooks that held nothing to send: echoes, notes, other channels, events that the connector does not know.", "connector")
	m.SignIns = m.counter("signins_total", "Steps of sign-ins that were told to helpdesks, by how they ended.", "provider", "status")
	m.Payments = m.counter("payments_total", "Steps of payments, by how they ended.", "status")
	m.Inflight = m.gauge("inflight", "Messages being worked on.", "direction")
	m.LastInbound = m.gauge("last_inbound_timestamp_seconds",
		"Unix time of the last message from Apple; 0 until one came.", "business")
	m.ClockSkew = m.gauge("clock_skew_seconds",
		"Age of the last accepted token of Apple: far from zero means that a clock is wrong.").WithLabelValues()
	m.CertificateNotAfter = m.gauge("certificate_not_after_timestamp_seconds",
		"Unix time at which a certificate expires.", "name")
	m.ConfigReloads = m.counter("config_reloads_total",
		"Attempts to load a changed configuration.", "outcome")
	m.LastReload = m.gauge("config_last_reload_success_timestamp_seconds",
		"Unix time of the last configuration that was applied.").WithLabelValues()
	m.gauge("build_info", "Always 1; the labels tell what is running.", "version", "commit", "go").
		WithLabelValues(version, commit, runtime.Version()).Set(1)
	m.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.zero()
	return m
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "bizbridge", Name: name, Help: help}, labels)
	m.Registry.MustRegister(vec)
	return vec
}

func (m *Metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "bizbridge", Name: name, Help: help}, labels)
	m.Registry.MustRegister(vec)
	return vec
}

func (m *Metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "bizbridge", Name: name, Help: help, Buckets: buckets}, labels)
	m.Registry.MustRegister(vec)
	return vec
}

func (m *Metrics) zero() {
	for _, direction := range Directions {
		m.Overhead.WithLabelValues(direction)
		m.Inflight.WithLabelValues(direction)
	}
	for _, direction := range Directions {
		for _, outcome := range AttachmentOutcomes {
			m.Attachments.WithLabelValues(direction, outcome)
			m.AttachmentBytes.WithLabelValues(direction, outcome)
		}
	}
	for _, step := range fallback.Steps {
		m.Fallbacks.WithLabelValues(string(step.From), string(step.To), string(step.Reason))
	}
	for _, status := range message.PaymentStatuses {
		m.Payments.WithLabelValues(string(status))
	}
	for _, outcome := range []string{"decoded", "local", "failed"} {
		m.IDRExpansions.WithLabelValues(outcome)
	}
	for _, source := range []string{"apple", "api", "media", "state", "pay"} {
		m.expectSource(source)
	}
	for _, outcome := range []string{"applied", "rejected"} {
		m.ConfigReloads.WithLabelValues(outcome)
	}
	m.ExpectPeer("apple", "message", "pre_upload", "upload", "pre_download", "download", "decode_payload", "construct_payload", "authenticate")
	m.ExpectPeer("links", "open_file")
	m.expectInbound(UnknownBusiness, "")
	m.expectOutbound(UnknownBusiness, "")
}

func (m *Metrics) expectSource(source string) {
	for _, reason := range signature.Reasons {
		m.SignatureFailures.WithLabelValues(source, string(reason))
	}
	m.DuplicatesDropped.WithLabelValues(source)
}

// Expect puts all series of a configured business and its connector at zero. Repeating it does no harm.
func (m *Metrics) Expect(business, connector string) {
	m.expectInbound(business, connector)
	m.expectOutbound(business, connector)
	m.InboundDuration.WithLabelValues(connector)
	m.OutboundDuration.WithLabelValues(connector)
	m.LastInbound.WithLabelValues(business)
}

// ExpectConnector puts the series at zero that a connector has without a business.
func (m *Metrics) ExpectConnector(connector string) {
	m.expectSource(connector)
	m.expectOutbound(UnknownBusiness, connector)
	m.WebhooksIgnored.WithLabelValues(connector)
}

// ExpectPeer puts the series of a peer's operations at zero.
func (m *Metrics) ExpectPeer(peer string, operations ...string) {
	for _, operation := range operations {
		for _, code := range StatusCodes {
			m.UpstreamDuration.WithLabelValues(peer, operation, code)
		}
	}
	for _, reason := range RetryReasons {
		m.UpstreamRetries.WithLabelValues(peer, reason)
	}
}

// ExpectProvider puts the series of a provider of sign-ins at zero.
func (m *Metrics) ExpectProvider(provider string) {
	for _, status := range message.SignInStatuses {
		m.SignIns.WithLabelValues(provider, string(status))
	}
}

func (m *Metrics) expectInbound(business, connector string) {
	for _, kind := range InboundTypes {
		for _, outcome := range message.Outcomes {
			m.Inbound.WithLabelValues(business, connector, kind, string(outcome))
		}
	}
}

func (m *Metrics) expectOutbound(business, connector string) {
	for _, kind := range append([]message.Kind{"unknown"}, message.Kinds...) {
		for _, outcome := range message.Outcomes {
			m.Outbound.WithLabelValues(business, connector, string(kind), string(outcome))
		}
	}
}

// StatusCode is the code label of an HTTP status; 0 stands for a request without an answer.
func StatusCode(status int) string {
	switch {
	case status == 429:
		return "429"
	case status >= 200 && status < 300:
		return "2xx"
	case status >= 300 && status < 400:
		return "3xx"
	case status >= 400 && status < 500:
		return "4xx"
	case status >= 500:
		return "5xx"
	}
	return "error"
}

// CountSignatureFailure counts a refused signature.
func (m *Metrics) CountSignatureFailure(source string, reason signature.Reason) {
	m.SignatureFailures.WithLabelValues(source, string(reason)).Inc()
}

// Seconds is a time as Prometheus writes it.
func Seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
