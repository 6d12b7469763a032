package infobip_test

import (
	"context"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"bizbridge/connectors"
	"bizbridge/connectors/connectortest/fake"
	"bizbridge/connectors/infobip"
	"bizbridge/connectors/infobip/infobiptest"
)

func check(t *testing.T, connector connectors.Connector) []connectors.Finding {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	findings := connector.(connectors.Checker).Check(ctx)
	for _, finding := range findings {
		good := finding.Verdict == connectors.Good
		if finding.Subject == "" || good != (finding.Cause == "") || good != (finding.Fix == "") {
			t.Errorf("incomplete: %+v", finding)
		}
		if strings.Contains(finding.Cause+finding.Fix, infobiptest.APIKey) {
			t.Errorf("a secret: %+v", finding)
		}
	}
	return findings
}

func verdicts(findings []connectors.Finding) []connectors.Verdict {
	var list []connectors.Verdict
	for _, finding := range findings {
		list = append(list, finding.Verdict)
	}
	return list
}

func TestCheck(t *testing.T) {
	const good, doubtful, broken = connectors.Good, connectors.Doubtful, connectors.Broken
	for name, c := range map[string]struct {
		prepare func(*infobiptest.Desk)
		change  func(*infobip.Config)
		want    []connectors.Verdict
		cause   string
	}{
		"agents":           {nil, func(*infobip.Config) {}, []connectors.Verdict{good, good}, ""},
		"a chatbot":        {nil, answers, []connectors.Verdict{good}, ""},
		"another key":      {func(d *infobiptest.Desk) { d.Authorization = "App other" }, closingText, []connectors.Verdict{broken, broken, doubtful}, "(401)"},
		"no Conversations": {func(d *infobiptest.Desk) { d.NoConversations = true }, func(*infobip.Config) {}, []connectors.Verdict{good, broken}, "(403)"},
		"no subscription":  {nil, closingText, []connectors.Verdict{good, good, broken}, "no subscription"},
		"another event":    {func(d *infobiptest.Desk) { d.Events = []string{"CONVERSATION_CREATED"} }, closingText, []connectors.Verdict{good, good, broken}, "no subscription"},
		"the event":        {func(d *infobiptest.Desk) { d.Events = []string{"CONVERSATION_CREATED", "CONVERSATION_STATUS_UPDATED"} }, closingText, []connectors.Verdict{good, good, good}, ""},
		"another address":  {nil, func(c *infobip.Config) { c.URL += "/elsewhere" }, []connectors.Verdict{broken, broken}, "(404)"},
		"asks for patience": {func(d *infobiptest.Desk) {
			d.Script.Always(func() fake.Fault { return fake.Fault{Status: 429, Header: fake.RetryLater()} })
		}, answers, []connectors.Verdict{doubtful}, "(429)"},
		"takes anything": {func(d *infobiptest.Desk) { d.Script.Always(func() fake.Fault { return fake.Fault{Status: 200} }) }, answers, []connectors.Verdict{doubtful}, "not refused"},
		"nobody listens": {func(d *infobiptest.Desk) { d.Stop() }, answers, []connectors.Verdict{doubtful}, "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			desk := startDesk(t)
			if c.prepare != nil {
				c.prepare(desk)
			}
			findings := check(t, connect(t, desk.URL, c.change))
			causes := ""
			for _, finding := range findings {
				causes += finding.Cause
			}
			if !slices.Equal(verdicts(findings), c.want) || !strings.Contains(causes, c.cause) {
				t.Errorf("%+v, want %v", findings, c.want)
			}
			if n := len(desk.Messages()); n > 0 {
				t.Errorf("check has sent %d messages", n)
			}
		})
	}
}

// Nothing that Infobip may answer breaks the check.
func TestCheckOfEveryStatus(t *testing.T) {
	for _, status := range []int{200, 204, 301, 400, 401, 403, 404, 410, 418, 422, 500, 501} {
		server := httptest.NewServer(statuses(status))
		if n := len(check(t, connect(t, server.URL, closingText))); n != 3 {
			t.Errorf("%d: %d findings", status, n)
		}
		server.Close()
	}
}
