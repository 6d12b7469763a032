package bridge

import (
	"strings"
	"testing"
	"time"
)

func TestReloadKeepsTheOldConfigurationWhenTheNewOneIsNotValid(t *testing.T) {
	w := newWorld(t)
	good := w.configText
	w.configText += "\nunknown: true\n"
	err := w.app.Reload()
	if err == nil || !strings.Contains(err.Error(), `unknown key "unknown"`) {
		t.Errorf("Reload: %v", err)
	}
	if w.metric(`bizbridge_config_reloads_total{outcome="rejected"}`) != 1 {
		t.Error("the rejected reload was not counted")
	}
	if checks := w.admin("/readyz").json(t)["checks"].(map[string]any); checks["config"] == "ok" {
		t.Error("readiness does not tell of the rejected configuration")
	}
	if got := w.fromPhone(phoneText("00000000-0000-4000-8000-000000000001", "Hello")); got.status != 200 {
		t.Errorf("the old configuration does not serve: %d", got.status)
	}

	w.configText = strings.Replace(good, "connector: other}", "connector: desk}", 1)
	if err := w.app.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := w.fromDesk("1", sendBody(map[string]any{"business_id": otherID})); got.status != 200 {
		t.Errorf("the new configuration is not in force: %d %s", got.status, got.body)
	}
	if checks := w.admin("/readyz").json(t)["checks"].(map[string]any); checks["config"] != "ok" {
		t.Errorf("readiness still says %v", checks["config"])
	}
}

func TestRepeatIsRecognisedAcrossAReload(t *testing.T) {
	w := newWorld(t)
	body := phoneText("00000000-0000-4000-8000-000000000001", "Hello")
	w.fromPhone(body)
	if err := w.app.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := w.fromPhone(body); got.status != 200 {
		t.Errorf("the repeat: %d", got.status)
	}
	if got := w.desk.all(); len(got) != 1 {
		t.Errorf("the desk got %d events", len(got))
	}
	if w.metric(`bizbridge_duplicates_dropped_total{source="apple"}`) != 1 {
		t.Error("the duplicate was not counted")
	}
}

func TestDrainFinishesWhatIsUnderWay(t *testing.T) {
	w := newWorld(t)
	w.desk.respond(func(received) int { time.Sleep(300 * time.Millisecond); return 200 })
	answered := make(chan answer, 1)
	go func() { answered <- w.fromPhone(phoneText("00000000-0000-4000-8000-000000000001", "Hello")) }()
	w.desk.wait(t, 1)
	if err := w.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if got := <-answered; got.status != 200 {
		t.Errorf("the message under way: %d %s", got.status, got.body)
	}
}

func TestDrainTellsTheSendersOfWhatCannotFinish(t *testing.T) {
	w := newWorld(t)
	w.configText = strings.NewReplacer("shutdown_grace: 2s", "shutdown_grace: 200ms", "timeout: 1s", "timeout: 30s").Replace(w.configText)
	if err := w.app.Reload(); err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	defer close(release)
	w.desk.respond(func(received) int { <-release; return 200 })
	answered := make(chan answer, 1)
	go func() { answered <- w.fromPhone(phoneText("00000000-0000-4000-8000-000000000001", "Hello")) }()
	w.desk.wait(t, 1)
	began := time.Now()
	if err := w.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the shutdown took %v", took)
	}
	if got := <-answered; got.status != 503 {
		t.Errorf("the message under way: %d %s", got.status, got.body)
	}
}
