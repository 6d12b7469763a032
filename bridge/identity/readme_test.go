package identity

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// blocks are the README's blocks of a language, without the indent that a list gives them.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, match := range regexp.MustCompile("(?ms)^( *)```"+language+"\n(.*?)^ *```$").FindAllStringSubmatch(string(text), -1) {
		lines := strings.Split(match[2], "\n")
		for i, line := range lines {
			lines[i] = strings.TrimPrefix(line, match[1])
		}
		found = append(found, strings.Join(lines, "\n"))
	}
	return found
}

// settingsOf reads a YAML block as the configuration does, with files for its placeholders.
func settingsOf(t *testing.T, text string, files map[string]string) Settings {
	t.Helper()
	for name, content := range files {
		quoted := string(must(json.Marshal(content)))
		text = strings.ReplaceAll(text, "${file:"+name+"}", quoted)
	}
	if strings.Contains(text, "${") {
		t.Fatalf("a placeholder is left: %s", text)
	}
	var settings Settings
	if err := yaml.UnmarshalWithOptions([]byte(text), &settings, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	return settings
}

// openssl runs each command of the README's sh blocks in a folder of its own, and returns the folder.
func openssl(t *testing.T) (dir string, output map[string]string) {
	t.Helper()
	program, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed: the commands of the README are not run")
	}
	dir, output = t.TempDir(), map[string]string{}
	run := func(command string) string {
		cmd := exec.CommandContext(t.Context(), "sh", "-ec", command)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "PASSPHRASE=correct horse")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		return string(out)
	}
	// What the helpdesk and others have made before.
	run(`openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -aes256 -pass env:PASSPHRASE -out encrypted.pem`)
	run(`openssl req -x509 -newkey rsa:2048 -noenc -keyout helpdesk.pem -subj /CN=helpdesk -out helpdesk.crt 2>/dev/null || ` +
		`openssl req -x509 -newkey rsa:2048 -nodes -keyout helpdesk.pem -subj /CN=helpdesk -out helpdesk.crt`)
	commands := 0
	for _, block := range blocks(t, "sh") {
		for _, line := range strings.Split(strings.TrimSpace(block), "\n") {
			output[line] = run(line)
			commands++
		}
	}
	if commands < 14 {
		t.Fatalf("%s ran %d commands; the README has more", program, commands)
	}
	return dir, output
}

func TestTheCommandsOfTheReadmeMakeKeysThatWork(t *testing.T) {
	dir, output := openssl(t)
	read := func(name string) string { return string(must(os.ReadFile(filepath.Join(dir, name)))) }
	for name, algorithm := range map[string]string{
		"identity-2026-01": RS256, "identity-2026-07": RS256, "identity-ec-2026-01": ES256, "plain": RS256,
	} {
		key, p := readPrivateKey(read(name+".pem"), algorithm)
		if p != nil {
			t.Errorf("%s: %+v", name, p)
			continue
		}
		if name == "plain" {
			continue
		}
		block, _ := pem.Decode([]byte(read(name + ".pub.pem")))
		if !same(key.Public(), must(x509.ParsePKIXPublicKey(block.Bytes))) {
			t.Errorf("%s: another public key", name)
		}
		if info := must(os.Stat(filepath.Join(dir, name+".pem"))); info.Mode().Perm() != 0o600 {
			t.Errorf("%s may be read by others: %v", name, info.Mode())
		}
	}
	if _, p := readPrivateKey(read("encrypted.pem"), RS256); p == nil || p.what != "is encrypted" {
		t.Errorf("%+v", p)
	}
	if _, _, p := readPublicKey(read("helpdesk.crt")); p == nil || p.what != "is a certificate" {
		t.Errorf("%+v", p)
	}
	if _, _, p := readPublicKey(read("helpdesk.pub.pem")); p != nil {
		t.Errorf("%+v", p)
	}
	one := output["openssl pkey -in identity-2026-01.pem -pubout -outform DER | openssl sha256 -r"]
	other := output["openssl pkey -pubin -in identity-2026-01.pub.pem -outform DER | openssl sha256 -r"]
	if one != other || len(one) < 64 {
		t.Errorf("%q and %q", one, other)
	}
}

func TestTheOlderFormsOfOpenSSLAreRead(t *testing.T) {
	dir, _ := openssl(t)
	for command, algorithm := range map[string]string{
		"openssl pkey -in identity-2026-01.pem -traditional":                               RS256, // PKCS #1
		"openssl ecparam -name prime256v1 -genkey":                                         ES256, // SEC 1, parameters first
		"openssl pkey -in identity-ec-2026-01.pem -traditional":                            ES256,
		"openssl pkey -in identity-2026-01.pem -text":                                      RS256, // words around it
		"cat identity-2026-01.pem identity-2026-01.pub.pem":                                RS256,
		"openssl pkey -in identity-2026-01.pem -outform PEM -pubout":                       "",
		"openssl pkey -in identity-2026-01.pem -traditional -aes256 -passout pass:hunter2": "",
	} {
		cmd := exec.CommandContext(t.Context(), "sh", "-ec", command)
		cmd.Dir = dir
		text, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		_, p := readPrivateKey(string(text), algorithm)
		if (p == nil) != (algorithm != "") {
			t.Errorf("%s: %+v", command, p)
		}
	}
}

func TestTheSettingsOfTheReadmeWork(t *testing.T) {
	texts := blocks(t, "yaml")
	if len(texts) != 2 {
		t.Fatalf("%d examples", len(texts))
	}
	settings := settingsOf(t, texts[0], map[string]string{"identity-2026-01.pem": pkcs8(p256())})
	token, expires, err := signer(t, settings).Sign(map[string]any{"subject": "1", "email": "a@example.com"}, now)
	if err != nil || !expires.Equal(now.Add(5*time.Minute)) {
		t.Fatalf("%v, %v", expires, err)
	}
	header, claims := verify(t, token, p256().Public())
	want := map[string]any{
		"sub": "1", "email": "a@example.com", "scope": "user", "iss": "https://shop.example.com", "aud": "https://desk.example.com",
		"iat": float64(now.Unix()), "exp": float64(expires.Unix()),
	}
	if header.KeyID != "2026-01" || !reflect.DeepEqual(claims, want) {
		t.Errorf("%+v, %v", header, claims)
	}
}

func TestTheExampleOfIAdvizeGivesWhatTheReadmeSays(t *testing.T) {
	v := readVector(t)
	block, _ := pem.Decode([]byte(v.EncPublicPEM))
	settings := settingsOf(t, blocks(t, "yaml")[1], map[string]string{
		"identity-2026-01.pem": v.SignPrivatePEM, "iadvize.txt": base64.StdEncoding.EncodeToString(block.Bytes) + "\n",
	})
	examples := blocks(t, "json")
	if len(examples) != 2 {
		t.Fatalf("%d examples", len(examples))
	}
	var attributes, want map[string]any
	for i, into := range []*map[string]any{&attributes, &want} {
		if err := json.Unmarshal([]byte(examples[i]), into); err != nil {
			t.Fatal(err)
		}
	}
	if got := Subject(ring(t, 1), business, provider, "248289761001"); attributes["subject"] != got {
		t.Errorf("the subject is not what Subject gives: %s", got)
	}
	token, _, err := signer(t, settings).Sign(attributes, time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	_, inner := decrypt(t, token, parsePrivate(t, v.EncPrivatePEM))
	if _, claims := verify(t, inner, parsePrivate(t, v.SignPrivatePEM).Public()); !reflect.DeepEqual(claims, want) {
		t.Errorf("%v; the README has %v", claims, want)
	}
	readme := string(must(os.ReadFile("README.md")))
	for _, part := range []string{token[:strings.Index(token, ".")], inner[:strings.Index(inner, ".")]} {
		if header := string(must(base64.RawURLEncoding.DecodeString(part))); !strings.Contains(readme, "`"+header+"`") {
			t.Errorf("the README does not have the header %s", header)
		}
	}
}

func TestTheReadmeHasEverySetting(t *testing.T) {
	readme := string(must(os.ReadFile("README.md")))
	for _, level := range []struct {
		prefix string
		of     any
	}{{"", Settings{}}, {"keys[].", Key{}}, {"encryption.", Encryption{}}} {
		for field := range reflect.TypeOf(level.of).Fields() {
			name := level.prefix + field.Tag.Get("json")
			if name != "encryption" && name != "keys[].private_key" && !strings.Contains(readme, "`"+name+"`") {
				t.Errorf("it does not tell of %s", name)
			}
		}
	}
}
