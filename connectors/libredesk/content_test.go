package libredesk_test

import (
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/connectors/libredesk"
)

// TestFilesCanBeFetchedForAnHour, from where LibreDesk is and not from where it thinks that it is.
func TestFilesCanBeFetchedForAnHour(t *testing.T) {
	connector, desk := rig(t)
	desk.RootURL = "http://localhost:9000"
	deliver(t, connector, text("Hello"))
	now := time.Now()
	desk.Now = func() time.Time { return now }
	outs, err := connector.Receive(t.Context(), webhook(desk.Reply(string(customer), "<p>See <b>file</b></p>", false, "a b.pdf", "c.pdf")[0]))
	if err != nil || len(outs) != 1 {
		t.Fatalf("%d messages, %v", len(outs), err)
	}
	content := outs[0].Content.(message.Files)
	if content.Text != "See file" || len(content.Files) != 2 || content.Files[0].Name != "a b.pdf" || content.Files[0].MIMEType != "application/pdf" {
		t.Errorf("%+v", content)
	}
	origin := libredesk.Factory().Origin(settings(desk.URL))
	downloader, err := httpclient.NewDownloader(httpclient.DownloaderOptions{Peer: "desk", Origins: []string{origin}, Metrics: metrics.New("test", "test")})
	if err != nil {
		t.Fatal(err)
	}
	for after, works := range map[time.Duration]bool{0: true, 59 * time.Minute: true, 61 * time.Minute: false} {
		desk.Now = func() time.Time { return now.Add(after) }
		download, err := downloader.Open(t.Context(), content.Files[0].URL)
		if (err == nil) != works {
			t.Errorf("after %s: %v", after, err)
		}
		if err == nil {
			body, _ := io.ReadAll(download.Body)
			_ = download.Body.Close()
			if string(body) != "the bytes of a b.pdf" {
				t.Errorf("%q", body)
			}
		}
	}
}

func TestFilesElsewhereStayWhereTheyAre(t *testing.T) {
	const name = "94c6bc4a-76af-49b0-a8c5-69b1cbc9fca9"
	for _, address := range []string{
		"https://bucket.s3.example.com/uploads/" + name + "?X-Amz-Signature=1&X-Amz-Expires=1800",
		"https://desk.example.test/uploads/another?sig=1&exp=2", "https://elsewhere.example/x", "::",
	} {
		desk := answering(t)
		connector := connect(t, desk.URL, func() time.Time { return captured })
		outs, err := connector.Receive(t.Context(), webhook(changed(t, agentFile, func(p map[string]any) {
			p["attachments"].([]any)[0].(map[string]any)["url"] = address
		})))
		if address == "::" { // what is no address is refused, and the agent is told
			if failure := message.FailureOf(err); failure == nil || failure.Class != message.Invalid || len(outs) != 1 {
				t.Errorf("%s: %+v, %v", address, outs, err)
			}
			continue
		}
		if err != nil || len(outs) != 1 || outs[0].Content.(message.Files).Files[0].URL != address {
			t.Errorf("%s: %+v, %v", address, outs, err)
		}
	}
}

func TestWhatAgentsWriteIsPlainOnThePhone(t *testing.T) {
	for content, want := range map[string]string{
		`<p>Hi, Alice here &amp; happy to help</p>`:                         "Hi, Alice here & happy to help",
		`<p>one</p><p>two<br>three</p>`:                                     "one\n\ntwo\nthree",
		`<p>See <a href="https://example.com/a?b=1&amp;c=2">this</a> 👋</p>`: "See this (https://example.com/a?b=1&c=2) 👋",
		`<ul><li>red</li><li>blue</li></ul><script>alert(1)</script>`:       "- red\n- blue",
		`<p>{{ not a template any more }} &lt;b&gt;</p>`:                    "{{ not a template any more }} <b>",
	} {
		desk := answering(t)
		connector := connect(t, desk.URL, func() time.Time { return captured })
		outs, err := connector.Receive(t.Context(), webhook(changed(t, agentText, func(p map[string]any) { p["content"] = content })))
		if err != nil || len(outs) != 1 {
			t.Fatalf("%s: %v", content, err)
		}
		if diff := cmp.Diff(want, outs[0].Content.(message.Text).Text); diff != "" {
			t.Errorf("%s: %s", content, diff)
		}
	}
	desk := answering(t)
	connector := connect(t, desk.URL, func() time.Time { return captured })
	outs, err := connector.Receive(t.Context(), webhook(changed(t, agentText, func(p map[string]any) {
		p["content"], p["content_type"] = "a <b> is a letter\n&amp; so on", "text"
	})))
	if err != nil || outs[0].Content.(message.Text).Text != "a <b> is a letter\n&amp; so on" {
		t.Errorf("a plain text becomes %+v, %v", outs, err)
	}
}
