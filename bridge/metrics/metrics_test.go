package metrics

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
)

var update = flag.Bool("update", false, "write the golden files")

const business = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"

// configured is the registry of a bridge with one business and one connector.
func configured() *Metrics {
	m := New("1.2.3", "abcdef")
	m.Expect(business, "desk")
	m.ExpectConnector("desk")
	m.ExpectPeer("desk", "webhook")
	return m
}

// families gathers the bridge's own metrics.
func families(t *testing.T, m *Metrics) []*dto.MetricFamily {
	t.Helper()
	all, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(family *dto.MetricFamily) bool { return !strings.HasPrefix(family.GetName(), "bizbridge_") })
}

func TestNamesLabelsAndValuesAreTheContract(t *testing.T) {
	var out bytes.Buffer
	for _, family := range families(t, configured()) {
		fmt.Fprintf(&out, "%s %s, %d series\n", family.GetName(), strings.ToLower(family.GetType().String()), len(family.GetMetric()))
		values := make(map[string]map[string]bool)
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if values[label.GetName()] == nil {
					values[label.GetName()] = make(map[string]bool)
				}
				values[label.GetName()][label.GetValue()] = true
			}
		}
		for _, label := range slices.Sorted(maps.Keys(values)) {
			line := fmt.Sprintf("  %s: %q", label, slices.Sorted(maps.Keys(values[label])))
			out.WriteString(strings.ReplaceAll(line, runtime.Version(), "GO") + "\n")
		}
	}
	const path = "testdata/metrics.golden"
	if *update {
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("dashboards rely on these names (-want +got); go test -update writes them:\n%s", diff)
	}
}

func TestEverySeriesStartsAtZero(t *testing.T) {
	for _, family := range families(t, configured()) {
		for _, metric := range family.GetMetric() {
			value := metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			want := 0.0
			if family.GetName() == "bizbridge_build_info" {
				want = 1
			}
			if value != want {
				t.Errorf("%s%v = %v", family.GetName(), metric.GetLabel(), value)
			}
		}
	}
}

func TestNoSeriesAppearsLater(t *testing.T) {
	m := configured()
	count := func() (n int) {
		for _, family := range families(t, m) {
			n += len(family.GetMetric())
		}
		return n
	}
	before := count()
	for _, outcome := range message.Outcomes {
		m.Inbound.WithLabelValues(business, "desk", "text", string(outcome)).Inc()
		m.Inbound.WithLabelValues(UnknownBusiness, "", "unknown", string(outcome)).Inc()
		m.Outbound.WithLabelValues(business, "desk", string(message.KindText), string(outcome)).Inc()
		m.Outbound.WithLabelValues(UnknownBusiness, "desk", "unknown", string(outcome)).Inc()
	}
	for _, reason := range signature.Reasons {
		for _, source := range []string{"apple", "api", "desk"} {
			m.CountSignatureFailure(source, reason)
		}
	}
	for status := range 600 {
		m.UpstreamDuration.WithLabelValues("apple", "message", StatusCode(status)).Observe(1)
		m.UpstreamDuration.WithLabelValues("desk", "webhook", StatusCode(status)).Observe(1)
	}
	if after := count(); after != before {
		t.Errorf("%d series have appeared after the start", after-before)
	}
}

func TestExpectingTwiceDoesNoHarm(t *testing.T) {
	m := configured()
	m.Inbound.WithLabelValues(business, "desk", "text", "accepted").Add(3)
	m.Expect(business, "desk")
	m.ExpectConnector("desk")
	m.ExpectPeer("desk", "webhook")
	var metric dto.Metric
	if err := m.Inbound.WithLabelValues(business, "desk", "text", "accepted").Write(&metric); err != nil || metric.GetCounter().GetValue() != 3 {
		t.Errorf("a reload must not reset what was counted: %v, %v", metric.GetCounter(), err)
	}
}

func TestPromlintHasNoComplaint(t *testing.T) {
	problems, err := promlint.NewWithMetricFamilies(families(t, configured())).Lint()
	if err != nil || len(problems) != 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestStatusCodeIsAClosedSet(t *testing.T) {
	for status, want := range map[int]string{
		0: "error", 200: "2xx", 204: "2xx", 299: "2xx", 302: "3xx", 400: "4xx", 404: "4xx", 428: "4xx", 429: "429", 430: "4xx", 500: "5xx", 503: "5xx", 599: "5xx",
	} {
		if got := StatusCode(status); got != want {
			t.Errorf("%d: %s", status, got)
		}
	}
}

func TestSecondsKeepsMilliseconds(t *testing.T) {
	if got := Seconds(time.UnixMilli(1_700_000_000_123)); got != 1_700_000_000.123 {
		t.Error(got)
	}
}
