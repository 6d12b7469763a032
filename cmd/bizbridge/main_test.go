package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"bizbridge": main})
}

// TestScripts runs the command line as a user does: one file per scenario in testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"agree": agree, "mode": mode, "expand": expand},
		Setup: func(env *testscript.Env) error {
			env.Setenv("API", startAPI(env))
			env.Setenv("PROVIDER", startProvider(env))
			return nil
		},
	})
}

// startAPI stands in for a running bridge's API: it answers by the text that is sent.
func startAPI(env *testscript.Env) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, beside, err := readForm(r)
		var send struct {
			Data struct {
				Content struct{ Text string }
			}
		}
		if err != nil || json.Unmarshal(body, &send) != nil || r.Header.Get("Authorization") != "Bearer a-token-of-sixteen-or-more" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if send.Data.Content.Text == "closed" {
			w.WriteHeader(http.StatusGone)
			_, _ = io.WriteString(w, `{"status":410,"code":"closed"}`)
			return
		}
		_, _ = w.Write(append(body, beside...))
	}))
	env.Defer(server.Close)
	return server.URL
}

// readForm reads a message and, if it is a form, what stands beside it.
func readForm(r *http.Request) (body, beside []byte, err error) {
	form, err := r.MultipartReader()
	if err != nil {
		body, err = io.ReadAll(r.Body)
		return body, nil, err
	}
	for {
		part, err := form.NextPart()
		if err == io.EOF {
			return body, beside, nil
		}
		if err != nil {
			return nil, nil, err
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return nil, nil, err
		}
		if part.FormName() == "message" {
			body = content
			continue
		}
		beside = append(beside, "\nfile "+part.FileName()+": "+string(content)...)
	}
}

// A configuration is never read from a place that the user did not name.
func TestNoConfigurationIsGuessed(t *testing.T) {
	t.Setenv("BIZBRIDGE_CONFIG", "")
	if code := run([]string{"check"}, streams{os.Stdin, io.Discard, io.Discard}); code != exitInvalid {
		t.Errorf("exit code %d", code)
	}
}
