package signature

import (
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the table of the README")

func TestTheTableIsSound(t *testing.T) {
	known := []string{"{id}", "{ts}", "{method}", "{url}", "{url_decoded}", "{body}", "{body_or_query}", "{form}"}
	seen := map[string]bool{}
	for _, s := range schemes {
		var used []string
		for _, p := range parts(s.Template) {
			if strings.HasPrefix(string(p), "{") {
				used = append(used, string(p))
			}
		}
		has := func(placeholder string) bool { return slices.Contains(used, placeholder) }
		source, err := url.Parse(s.Source)
		for fault, is := range map[string]bool{
			"its name is no name, or not its own":               seen[s.Name] || !regexp.MustCompile(`^[a-z0-9_]+$`).MatchString(s.Name),
			"it has no source":                                  err != nil || source.Scheme != "https",
			"the proof stands in one place":                     (s.Header == "") == (s.Field == ""),
			"a placeholder is unknown, or there twice":          len(slices.Compact(slices.Sorted(slices.Values(used)))) != len(used) || slices.ContainsFunc(used, func(p string) bool { return !slices.Contains(known, p) }),
			"only tokens have no text":                          (s.Template == "") != (s.Algorithm == Token),
			"a text leaves the body out":                        s.Template != "" && !has("{body}") && !has("{body_or_query}") && !has("{form}"),
			"an id is not signed":                               has("{id}") != (s.IDHeader != ""),
			"a time is not signed":                              has("{ts}") != (s.TimeHeader != ""),
			"a time has no unit, or no tolerance":               (s.TimeHeader != "" || s.TimeField != "") != (s.Time != "" && s.Tolerance > 0),
			"a repeat could come when it is no longer known":    s.Tolerance >= 24*time.Hour,
			"RSA and PEM go together":                           (s.Algorithm == RSASHA256) != (s.Key == KeyPEM),
			"there is no encoding, algorithm, or form of a key": s.Encoding == "" || s.Algorithm == "" || s.Key == "",
			"tokens are plain":                                  (s.Encoding == Plain) != (s.Algorithm == Token),
		} {
			if is {
				t.Errorf("%s: %s", s.Name, fault)
			}
		}
		seen[s.Name] = true
		if found, ok := Lookup(s.Name); !ok || found != s {
			t.Errorf("%s is not found", s.Name)
		}
	}
	if _, ok := Lookup(""); ok || len(Names()) != len(schemes) || Names()[0] != StandardWebhooks {
		t.Errorf("%q", Names())
	}
}

func TestATokenInAHeaderOfTheOperatorsChoice(t *testing.T) {
	keys, err := New(TokenIn("x-my-token"), "one", "two")
	if err != nil {
		t.Fatal(err)
	}
	for given, want := range map[string]Reason{"one": "", "two": "", "three": Mismatch, "": Missing} {
		header := http.Header{}
		if given != "" {
			header.Set("X-My-Token", given)
		}
		if _, err := keys.Verify(Request{Header: header}, time.Now()); reasonOf(err) != want {
			t.Errorf("%q: %v, want %q", given, err, want)
		}
	}
}

// row is a scheme as the README shows it.
func row(s Scheme) string {
	code := func(text string) string {
		if text == "" {
			return "–"
		}
		return "`" + text + "`"
	}
	place := code(s.Header)
	if s.Field != "" {
		place = code(s.Field) + " of the body"
	}
	made := fmt.Sprintf("%s, %s", s.Algorithm, s.Encoding)
	if s.Algorithm == Token {
		made = "the secret itself"
	}
	at := "–"
	if s.Time != "" {
		at = fmt.Sprintf("%s, %s, ±%d min", code(s.TimeHeader), s.Time, int(s.Tolerance.Minutes()))
		if s.TimeField != "" {
			at = fmt.Sprintf("%s of the body, %s, ±%d min", code(s.TimeField), s.Time, int(s.Tolerance.Minutes()))
		}
	}
	return fmt.Sprintf("| [`%s`](%s) | %s | %s | %s | %s | %s | %s |", s.Name, s.Source, place, code(s.Template), made, code(s.Prefix), at, s.Key)
}

// TestTheREADMEShowsTheTable compares it line by line; -update writes it anew.
func TestTheREADMEShowsTheTable(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| \\[`.*\\n")
	var want strings.Builder
	for _, s := range schemes {
		want.WriteString(row(s) + "\n")
	}
	if *update {
		first := true
		text = rows.ReplaceAllFunc(text, func([]byte) []byte {
			if !first {
				return nil
			}
			first = false
			return []byte(want.String())
		})
		if err := os.WriteFile("README.md", text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(rows.FindAllString(string(text), -1), ""); got != want.String() {
		t.Errorf("the table differs; -update writes it anew. Got\n%s\nwant\n%s", got, want.String())
	}
	for _, placeholder := range []string{"id", "ts", "method", "url", "url_decoded", "body", "body_or_query", "form"} {
		if !strings.Contains(string(text), "\n| `{"+placeholder+"}` |") {
			t.Errorf("it does not tell of {%s}", placeholder)
		}
	}
}
