package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInterpolation(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                           "plain",
		"":                                "",
		"$":                               "$",
		"$HOME {x} $$ }":                  "$HOME {x} $$ }",
		"${env:NUMBER}":                   "12",
		"a${env:NUMBER}b${env:TRUE}c":     "a12btruec",
		"${env:NUMBER}${env:NUMBER}":      "1212",
		"${env:EMPTY}":                    "",
		"${env:PLACEHOLDER}":              "${env:BIZBRIDGE_KEY}", // what a placeholder stands for is not expanded
		"$${env:NUMBER}":                  "${env:NUMBER}",
		"$$${env:NUMBER}":                 "$${env:NUMBER}",
		"$${}":                            "${}",
		"$${env:NUMBER} ${env:NUMBER} $$": "${env:NUMBER} 12 $$",
		"${file:/run/one-line}":           "one line",
		"${file:/run/crlf}":               "one line",
		"${file:/run/pem}":                files["/run/pem"],
		"${file:/run/blank}":              "",
		"https://u:${env:NUMBER}@host/":   "https://u:12@host/",
		"line\n${env:NUMBER}\nline\n":     "line\n12\nline\n",
	} {
		got, bad := fakeResolver().expand(text)
		if got != want || len(bad) > 0 {
			t.Errorf("%q: got %q %v, want %q", text, got, bad, want)
		}
	}
	for text, want := range map[string]string{
		"${env:NOT_SET}":           "environment variable NOT_SET is not set",
		"x${env:NOT_SET}y":         "environment variable NOT_SET is not set",
		"${file:/run/missing}":     `file "/run/missing" does not exist`,
		"${file:}":                 `unknown placeholder "${file:}"`,
		"${env:}":                  `unknown placeholder "${env:}"`,
		"${env:A B}":               `unknown placeholder "${env:A B}"`,
		"${}":                      `unknown placeholder "${}"`,
		"${NUMBER}":                `unknown placeholder "${NUMBER}"`,
		"${ENV:NUMBER}":            `unknown placeholder "${ENV:NUMBER}"`,
		"${exec:ls}":               `unknown placeholder "${exec:ls}"`,
		"${env:NUMBER":             `"${" without "}"`,
		"${env:${env:NUMBER}}":     `"${" without "}"`,
		"ok ${env:NUMBER} then ${": `"${" without "}"`,
	} {
		_, bad := fakeResolver().expand(text)
		if len(bad) != 1 || bad[0].message != want || bad[0].hint == "" {
			t.Errorf("%q: got %q, want %q", text, bad, want)
		}
	}
}

// TestPEMInEveryForm has a text of several lines survive each way to write it.
func TestPEMInEveryForm(t *testing.T) {
	pem := files["/run/pem"]
	for _, value := range []string{
		"${file:/run/pem}",
		`"${file:/run/pem}"`,
		"|\n      " + strings.ReplaceAll(strings.TrimSpace(pem), "\n", "\n      "),
		`"` + strings.ReplaceAll(pem, "\n", `\n`) + `"`,
	} {
		text := strings.Replace(minimal(t), "${env:DESK_SECRET}", "whsec_a", 1)
		text = strings.Replace(text, "    url:", "    auth:\n     token: "+value+"\n    url:", 1)
		c := mustParse(t, text)
		if got := c.Connectors["desk"].Settings.(*webhookSettings).Auth.Token.Reveal(); got != pem {
			t.Errorf("%q: got %q", value, got)
		}
	}
}

func TestSystemResolver(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "token"), "from a file\n")
	write(t, filepath.Join(dir, "large"), strings.Repeat("x", maxFile+1))
	t.Setenv("BIZBRIDGE_TEST_VARIABLE", "from the environment")
	r := systemResolver(dir)
	for text, want := range map[string]string{
		"${env:BIZBRIDGE_TEST_VARIABLE}":               "from the environment",
		"${file:token}":                                "from a file",
		"${file:./token}":                              "from a file",
		"${file:" + filepath.Join(dir, "token") + "}":  "from a file",
		"${file:../" + filepath.Base(dir) + "/token}":  "from a file",
		"${file:token}/${env:BIZBRIDGE_TEST_VARIABLE}": "from a file/from the environment",
	} {
		if got, bad := r.expand(text); got != want || len(bad) > 0 {
			t.Errorf("%s: got %q %v", text, got, bad)
		}
	}
	for name, want := range map[string]string{
		"large":   "is larger than",
		"missing": "does not exist",
		".":       "cannot be read",
	} {
		if _, bad := r.expand("${file:" + name + "}"); len(bad) != 1 || !strings.Contains(bad[0].message, want) {
			t.Errorf("%s: got %v, want %q", name, bad, want)
		}
	}
	if os.Geteuid() != 0 {
		write(t, filepath.Join(dir, "locked"), "x")
		if err := os.Chmod(filepath.Join(dir, "locked"), 0); err != nil {
			t.Fatal(err)
		}
		if _, bad := r.expand("${file:locked}"); len(bad) != 1 || !strings.Contains(bad[0].message, "may not be read") {
			t.Errorf("locked: %v", bad)
		}
	}
}

// TestFilesAreRemembered has the configuration say which file a value is the content of.
func TestFilesAreRemembered(t *testing.T) {
	for text, want := range map[string]string{
		"${file:/run/one-line}": "/run/one-line", "${file:a/b c.json}": "a/b c.json", "plain": "", "": "", "${env:NUMBER}": "", "$${file:/run/one-line}": "",
		"x${file:/run/one-line}": "", "${file:/run/one-line}x": "", "${file:/run/one-line}${file:/run/one-line}": "", "${file:/run/one-line": "", "${file:}": "",
	} {
		if got := fileOf(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestLoadWithout has a file be named and not read.
func TestLoadWithout(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bizbridge.yaml")
	text := minimal(t) + "    auth: {kind: bearer, token: \"${file:missing}\"}\n    verify_secrets: [\"${file:there}\"]\n"
	for name, value := range environment {
		t.Setenv(name, value)
	}
	write(t, path, text)
	write(t, filepath.Join(dir, "there"), "from a file\n")
	const missing, there = "connectors.desk.auth.token", "connectors.desk.verify_secrets[0]"
	if _, err := Load(path, testTypes()); err == nil || !strings.Contains(err.Error(), `file "missing" does not exist`) {
		t.Errorf("Load: %v", err)
	}
	c, err := LoadWithout(path, testTypes(), func(path string) bool { return path == missing || path == "connectors.desk.url" })
	if err != nil {
		t.Fatal(err)
	}
	settings := c.Connectors["desk"].Settings.(*webhookSettings)
	if settings.Auth.Token != "" || settings.Auth.Kind != "bearer" || settings.VerifySecrets[0] != "from a file" {
		t.Error("another value than the one to leave out is missing, or that one is there")
	}
	if settings.URL == "" {
		t.Error("what is no file is read all the same")
	}
	if len(c.Files) != 2 || c.Files[missing] != "missing" || c.Files[there] != "there" || c.Path(c.Files[there]) != filepath.Join(dir, "there") {
		t.Errorf("Files: %v", c.Files)
	}
}
