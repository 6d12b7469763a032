package customerid_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"bizbridge/bridge/message"
	"bizbridge/connectors/customerid"
)

// The connectors of all helpdesks agree on these.
func TestVectors(t *testing.T) {
	file, err := os.ReadFile("testdata/ids.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		ID         message.CustomerID `json:"mbid"`
		Reversible string             `json:"path_safe_reversible"`
		Hashed     string             `json:"hashed_id"`
		Email      string             `json:"synthetic_email"`
	}
	if err := json.Unmarshal(file, &want); err != nil {
		t.Fatal(err)
	}
	if got, ok := customerid.Reversible(want.ID); !ok || got != want.Reversible {
		t.Errorf("reversible %s, want %s", got, want.Reversible)
	}
	if got, ok := customerid.Parse(want.Reversible); !ok || got != want.ID {
		t.Errorf("parsed %s, want %s", got, want.ID)
	}
	if got := customerid.Hashed(want.ID); got != want.Hashed || len(got) != customerid.HashedLen {
		t.Errorf("hashed %s, want %s", got, want.Hashed)
	}
	if got := customerid.Email(want.ID); got != want.Email || len(got) != customerid.EmailLen {
		t.Errorf("e-mail %s, want %s", got, want.Email)
	}
	if len(want.Reversible) > customerid.UsualLen {
		t.Errorf("%d characters are more than usual", len(want.Reversible))
	}
}

func TestLengths(t *testing.T) {
	got := [4]int{customerid.UsualLen, customerid.MaxLen, customerid.HashedLen, customerid.EmailLen}
	if got != [4]int{165, 508, 68, 48} {
		t.Error(got)
	}
}

// Only what comes back byte for byte has a reversible form.
func TestNotReversible(t *testing.T) {
	for name, id := range map[string]message.CustomerID{
		"empty":                    "",
		"no base64":                "urn:mbid:",
		"another prefix":           "urn:other:AQAA",
		"no padding":               "urn:mbid:AQ",
		"stray bits":               "urn:mbid:AR==",
		"alphabet of URLs":         "urn:mbid:-_-_",
		"no alphabet":              "urn:mbid:a.b~",
		"line end":                 "urn:mbid:AQ\nAA",
		"longer than an id can be": message.CustomerID("urn:mbid:" + strings.Repeat("A", 504)),
	} {
		if form, ok := customerid.Reversible(id); ok {
			t.Errorf("%s: %q has the form %s", name, id, form)
		}
		if form := customerid.Fitting(id, 0); form != customerid.Hashed(id) {
			t.Errorf("%s: %q fits as %s", name, id, form)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for name, form := range map[string]string{
		"empty":       "",
		"no bytes":    "mbid_",
		"no prefix":   "AQAA",
		"hashed":      customerid.Hashed("urn:mbid:AQAA"),
		"upper case":  "MBID_AQAA",
		"raw":         "urn:mbid:AQAA",
		"padding":     "mbid_AQ==",
		"stray bits":  "mbid_AR",
		"alphabet":    "mbid_+/+/",
		"line end":    "mbid_AQ\nAA",
		"behind it":   "mbid_AQAA ",
		"too long":    "mbid_" + strings.Repeat("A", 504),
		"half a byte": "mbid_AQAAA",
	} {
		if id, ok := customerid.Parse(form); ok {
			t.Errorf("%s: %q is %s", name, form, id)
		}
	}
}

func TestFitting(t *testing.T) {
	id := message.CustomerID("urn:mbid:" + strings.Repeat("A", 160))
	reversible, _ := customerid.Reversible(id)
	for limit, want := range map[int]string{
		0: reversible, 255: reversible, 165: reversible, 164: customerid.Hashed(id), 128: customerid.Hashed(id), 68: customerid.Hashed(id),
		67: "", 50: "",
	} {
		if got := customerid.Fitting(id, limit); got != want {
			t.Errorf("%d: %q, want %q", limit, got, want)
		}
	}
}

// ids are such as Apple may send, and some that it does not.
func ids() *rapid.Generator[message.CustomerID] {
	return rapid.Custom(func(t *rapid.T) message.CustomerID {
		if rapid.Bool().Draw(t, "canonical") {
			raw := rapid.SliceOfN(rapid.Byte(), 1, 377).Draw(t, "raw")
			return message.CustomerID("urn:mbid:" + base64.StdEncoding.EncodeToString(raw))
		}
		return message.CustomerID("urn:mbid:" + rapid.StringMatching(`[!-~]{0,40}`).Draw(t, "other"))
	})
}

var (
	pathSafe = regexp.MustCompile(`^(mbid|amb)_[A-Za-z0-9_-]+$`)
	address  = regexp.MustCompile(`^amb-[0-9a-f]{32}@amb\.invalid$`)
)

func TestForms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id, limit := ids().Draw(t, "id"), rapid.IntRange(customerid.HashedLen, 600).Draw(t, "limit")
		form := customerid.Fitting(id, limit)
		if !pathSafe.MatchString(form) || len(form) > limit || len(form) > customerid.MaxLen {
			t.Fatalf("%q fits %d characters as %q", id, limit, form)
		}
		if parsed, ok := customerid.Parse(form); ok && parsed != id || ok != strings.HasPrefix(form, "mbid_") {
			t.Fatalf("%q comes back as %q, %v", id, parsed, ok)
		}
		if email := customerid.Email(id); !address.MatchString(email) {
			t.Fatal(email)
		}
		for _, form := range []string{form, customerid.Hashed(id), strings.ToUpper(customerid.Email(id))} {
			if !customerid.Belongs(form, id) || customerid.Belongs(form, id+"A") {
				t.Fatalf("%q belongs to the wrong id", form)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, form := range []string{"", "mbid_", "mbid_AQAA", "mbid_-_-_", "mbid_AR", "amb_00", "mbid_AQ\r\nAA"} {
		f.Add(form)
	}
	f.Fuzz(func(t *testing.T, form string) {
		id, ok := customerid.Parse(form)
		if !ok {
			return
		}
		if again, ok := customerid.Reversible(id); !ok || again != form || id.Fault() != "" {
			t.Fatalf("%q is %q, whose form is %q", form, id, again)
		}
	})
}

func FuzzReversible(f *testing.F) {
	for _, id := range []string{"", "urn:mbid:", "urn:mbid:AQAA", "urn:mbid:AQ==", "urn:mbid:+/+/"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		form, ok := customerid.Reversible(message.CustomerID(id))
		if !ok {
			return
		}
		if back, ok := customerid.Parse(form); !ok || string(back) != id || !pathSafe.MatchString(form) {
			t.Fatalf("%q has the form %q, which is %q", id, form, back)
		}
	})
}
