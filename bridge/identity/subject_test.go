package identity

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"bizbridge/bridge/seal"
)

func ring(t testing.TB, numbers ...byte) *seal.Ring {
	t.Helper()
	var masters [][]byte
	for _, n := range numbers {
		masters = append(masters, bytes.Repeat([]byte{n}, seal.KeySize))
	}
	r, err := seal.NewRing(masters...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const business, provider = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", "https://login.example.com"

func TestASubjectIsAlwaysTheSameAndShowsNothing(t *testing.T) {
	one, replica := ring(t, 1), ring(t, 1, 2)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		business, provider, subject := text.Draw(t, "business"), text.Draw(t, "provider"), text.Draw(t, "subject")
		got := Subject(one, business, provider, subject)
		if got != Subject(replica, business, provider, subject) {
			t.Error("replicas with the same first key must agree")
		}
		if len(got) != 52 || strings.Trim(got[4:], "0123456789abcdef") != "" || !strings.HasPrefix(got, "amb_") {
			t.Errorf("%q", got)
		}
	})
	// Helpdesks keep it for years: it must not change with a version of the bridge.
	const pinned = "amb_84df7c0249cc0fdbb884b9ea3d563435702a98eccc1354ef"
	if got := Subject(one, business, provider, "248289761001"); got != pinned {
		t.Errorf("got %s", got)
	}
}

func TestSubjectsOfDifferentPeopleDiffer(t *testing.T) {
	seen := map[string][3]string{}
	for _, about := range [][3]string{
		{business, provider, "1"}, {business, provider, "2"}, {business, provider, ""}, {business, provider + "1", ""},
		{business, provider + "/", "1"}, {"b" + business, provider, "1"}, {business + provider, "", "1"}, {"", business + provider, "1"},
		{business, "", provider + "1"}, {"", "", ""}, {"", "\x00", ""}, {"\x00", "", ""},
	} {
		got := Subject(ring(t, 1), about[0], about[1], about[2])
		if other, ok := seen[got]; ok {
			t.Errorf("%q and %q are the same person", about, other)
		}
		seen[got] = about
	}
	if _, ok := seen[Subject(ring(t, 2), business, provider, "1")]; ok {
		t.Error("another key must give another subject")
	}
}

func TestAfterARotationTheEarlierSubjectIsStillKnown(t *testing.T) {
	before, after := Subject(ring(t, 1), business, provider, "1"), Subjects(ring(t, 2, 1), business, provider, "1")
	if len(after) != 2 || after[0] != Subject(ring(t, 2), business, provider, "1") || !slices.Contains(after[1:], before) {
		t.Errorf("%s is not in %v", before, after)
	}
}
