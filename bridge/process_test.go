package bridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// buildOnce compiles the command as a user would, once for all tests of this package that run it as a process.
var buildOnce = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "bizbridge-test")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "bizbridge")
	output, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", path, "bizbridge/cmd/bizbridge").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, output)
	}
	return path, nil
})

func buildBridge(tb testing.TB) string {
	tb.Helper()
	path, err := buildOnce()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// process is one bridge in a process of its own, which can be killed and started again at the same address.
type process struct {
	tb            testing.TB
	path, config  string
	listen, admin string
	env           []string // beside the test's own
	command       *exec.Cmd
	stderr        *syncBuffer
}

func freeAddress(tb testing.TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// newProcess writes the configuration and starts the bridge. keys are what differs between tests.
func newProcess(tb testing.TB, apple, desk, extra string) *process {
	tb.Helper()
	p := &process{tb: tb, path: buildBridge(tb), listen: freeAddress(tb), admin: freeAddress(tb)}
	p.config = filepath.Join(tb.TempDir(), "bizbridge.yaml")
	text := fmt.Sprintf(`
server: {listen: %q, admin_listen: %q, public_url: "http://%s"}
keys: [%q]
apple: {gateway_url: "%s/v1", accounts: [{msp_id: %q, secrets: [%q]}]}
businesses: [{id: %q, msp_id: %q, connector: desk}]
connectors: {desk: {type: webhook, url: "%s/hook", secrets: [%q]}}
api: {keys: [{name: bot, token: %q, businesses: ["*"]}]}
%s
`, p.listen, p.admin, p.listen, masterKey, apple, mspID, appleSecret, businessID, mspID, desk, deskSecret, apiToken, extra)
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	p.start()
	tb.Cleanup(p.kill)
	return p
}

// start starts the bridge and waits until it is ready.
func (p *process) start() {
	p.tb.Helper()
	p.stderr = &syncBuffer{}
	p.command = exec.Command(p.path, "serve", "--config", p.config)
	p.command.Stderr = p.stderr
	p.command.Env = append(os.Environ(), p.env...)
	if err := p.command.Start(); err != nil {
		p.tb.Fatal(err)
	}
	for range 1000 {
		resp, err := http.Get("http://" + p.admin + "/readyz")
		if err == nil {
			resp.Body.Close()
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
	p.tb.Fatalf("the bridge does not become ready:\n%s", p.stderr)
}

// kill ends the bridge as a crash does.
func (p *process) kill() {
	if p.command.ProcessState == nil {
		_ = p.command.Process.Signal(syscall.SIGKILL)
		_ = p.command.Wait()
	}
}

// memory reads one of the kernel's figures about the bridge, in bytes: VmRSS is its resident set now, VmHWM the largest
// that it ever had. 0 where there is no such thing.
func (p *process) memory(field string) float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		var kilobytes float64
		if _, err := fmt.Sscanf(line, field+": %f kB", &kilobytes); err == nil {
			return kilobytes * 1024
		}
	}
	return 0
}

func TestServeReloadsOnHangupAndOnAChangeOfTheFileAndDrainsOnTerm(t *testing.T) {
	p := newProcess(t, "http://127.0.0.1:1", "http://127.0.0.1:1", "")
	reloads := func(outcome string) bool {
		resp, err := http.Get("http://" + p.admin + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var body bytes.Buffer
		_, _ = body.ReadFrom(resp.Body)
		return !strings.Contains(body.String(), `bizbridge_config_reloads_total{outcome="`+outcome+`"} 0`)
	}
	eventually := func(what string, condition func() bool) {
		t.Helper()
		for range 300 {
			if condition() {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("%s does not happen:\n%s", what, p.stderr)
	}
	if err := p.command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually("the reload on SIGHUP", func() bool { return reloads("applied") })

	text, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.config, append(text, "nonsense: 1\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually("the rejection of a broken file", func() bool { return reloads("rejected") })
	eventually("the log line with the place", func() bool { return strings.Contains(p.stderr.String(), `unknown key \"nonsense\"`) })

	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.command.Wait(); err != nil {
		t.Errorf("SIGTERM does not end with 0: %v\n%s", err, p.stderr)
	}
	for line := range strings.Lines(p.stderr.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a log line is not JSON: %s", line)
		}
	}
}

// BenchmarkStartToReady starts the program until /readyz answers, and shows its resident memory and its size on disk.
func BenchmarkStartToReady(b *testing.B) {
	buildBridge(b) // not part of the start
	var memory float64
	for b.Loop() {
		p := newProcess(b, "http://127.0.0.1:1", "http://127.0.0.1:1", "")
		b.StopTimer()
		time.Sleep(200 * time.Millisecond)
		memory = p.memory("VmRSS")
		p.kill()
		b.StartTimer()
	}
	b.ReportMetric(memory/1e6, "MB-resident")
	if info, err := os.Stat(buildBridge(b)); err == nil {
		b.ReportMetric(float64(info.Size())/1e6, "MB-binary")
	}
}
