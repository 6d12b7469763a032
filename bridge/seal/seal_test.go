package seal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const (
	purposeA = Purpose("a")
	purposeB = Purpose("b")
	subject  = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee urn:mbid:AQAAYwG2"
)

var now = time.Unix(1_700_000_000, 0)

func master(n byte) []byte { return bytes.Repeat([]byte{n}, KeySize) }

func ring(t testing.TB, keys ...byte) *Ring {
	t.Helper()
	masters := make([][]byte, len(keys))
	for i, key := range keys {
		masters[i] = master(key)
	}
	r, err := NewRing(masters...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatOneReplicaSealsAnotherOpens(t *testing.T) {
	one, other := ring(t, 1, 2), ring(t, 1, 2)
	rapid.Check(t, func(t *rapid.T) {
		purpose := Purpose(rapid.String().Draw(t, "purpose"))
		subject := rapid.String().Draw(t, "subject")
		plaintext := rapid.SliceOf(rapid.Byte()).Draw(t, "plaintext")
		token := one.Seal(purpose, subject, now.Add(time.Second), plaintext)
		got, err := other.Open(purpose, subject, token, now)
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("%q, %v; want %q", got, err, plaintext)
		}
		if again := one.Seal(purpose, subject, now.Add(time.Second), plaintext); again == token {
			t.Error("sealing twice must not show that the content is the same")
		}
	})
}

func TestATokenIsShortAndFitsIntoAURL(t *testing.T) {
	for size, longest := range map[int]int{0: 56, 100: 190, 500: 723, 1400: 1923} {
		token := ring(t, 1).Seal(purposeA, strings.Repeat("s", 1000), now, make([]byte, size))
		if len(token) > longest {
			t.Errorf("%d bytes give a token of %d characters; at most %d are expected", size, len(token), longest)
		}
		if strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("%s has characters that a URL escapes", token)
		}
	}
}

func TestATokenOpensOnlyForItsPurposeSubjectKeyAndTime(t *testing.T) {
	sealer := ring(t, 1)
	token := sealer.Seal(purposeA, subject, now.Add(time.Minute), []byte("secret"))
	for name, test := range map[string]struct {
		ring    *Ring
		purpose Purpose
		subject string
		now     time.Time
		want    error
	}{
		"right":               {sealer, purposeA, subject, now, nil},
		"at the last moment":  {sealer, purposeA, subject, now.Add(time.Minute - 1), nil},
		"long before":         {sealer, purposeA, subject, time.Unix(0, 0), nil},
		"at its expiry":       {sealer, purposeA, subject, now.Add(time.Minute), ErrExpired},
		"long after":          {sealer, purposeA, subject, now.Add(1000 * time.Hour), ErrExpired},
		"other purpose":       {sealer, purposeB, subject, now, ErrMismatch},
		"no purpose":          {sealer, "", subject, now, ErrMismatch},
		"other subject":       {sealer, purposeA, subject + "x", now, ErrMismatch},
		"subject in capitals": {sealer, purposeA, strings.ToUpper(subject), now, ErrMismatch},
		"no subject":          {sealer, purposeA, "", now, ErrMismatch},
		"other key":           {ring(t, 2), purposeA, subject, now, ErrUnknownKey},
		"one key of several":  {ring(t, 3, 2, 1), purposeA, subject, now, nil},
	} {
		t.Run(name, func(t *testing.T) {
			plaintext, err := test.ring.Open(test.purpose, test.subject, token, test.now)
			if !errors.Is(err, test.want) || (err == nil) != (string(plaintext) == "secret") {
				t.Errorf("got %q, %v; want %v", plaintext, err, test.want)
			}
		})
	}
}

func TestATokenSealedForThePastIsExpired(t *testing.T) {
	r := ring(t, 1)
	for _, expires := range []time.Time{{}, time.Unix(-1, 0), time.Unix(0, 0), now} {
		if _, err := r.Open(purposeA, subject, r.Seal(purposeA, subject, expires, nil), now); !errors.Is(err, ErrExpired) {
			t.Errorf("%v: %v", expires, err)
		}
	}
}

func TestEveryFlippedBitIsNoticed(t *testing.T) {
	r := ring(t, 1)
	token := r.Seal(purposeA, subject, now.Add(time.Minute), []byte("content"))
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for bit := range 8 {
			altered := bytes.Clone(raw)
			altered[i] ^= 1 << bit
			if plaintext, err := r.Open(purposeA, subject, base64.RawURLEncoding.EncodeToString(altered), now); err == nil {
				t.Fatalf("bit %d of byte %d: opened as %q", bit, i, plaintext)
			}
		}
	}
	for i := range token {
		for bit := range 8 {
			altered := []byte(token)
			altered[i] ^= 1 << bit
			if plaintext, err := r.Open(purposeA, subject, string(altered), now); err == nil {
				t.Fatalf("bit %d of character %d: opened as %q", bit, i, plaintext)
			}
		}
	}
}

func TestTruncatedAndForeignTokensAreMalformedOrAltered(t *testing.T) {
	r := ring(t, 1)
	token := r.Seal(purposeA, subject, now.Add(time.Minute), []byte("content"))
	for length := range len(token) {
		if _, err := r.Open(purposeA, subject, token[:length], now); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrMismatch) {
			t.Fatalf("the first %d characters: %v", length, err)
		}
	}
	for name, text := range map[string]string{
		"nothing": "", "a word": "context", "padding": token + "=", "a line end": token + "\n", "a line end inside": token[:8] + "\r\n" + token[8:],
		"a space": " " + token, "standard base64": strings.Repeat("+/", 40), "another version": "Ag" + token[2:], "not ASCII": strings.Repeat("é", 40),
	} {
		if _, err := r.Open(purposeA, subject, text, now); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Open(purposeA, subject, token+"AAAA", now); !errors.Is(err, ErrMismatch) {
		t.Errorf("lengthened: %v", err)
	}
}

func TestKeysRotateWithoutATokenBeingLost(t *testing.T) {
	// Append everywhere, roll out, promote, roll out, remove: at each step old and new replicas open each other's tokens.
	steps := []*Ring{ring(t, 1), ring(t, 1, 2), ring(t, 2, 1), ring(t, 2)}
	for i := range len(steps) - 1 {
		for _, sealer := range steps[i : i+2] {
			token := sealer.Seal(purposeA, subject, now.Add(time.Hour), []byte("content"))
			for _, opener := range steps[i : i+2] {
				if _, err := opener.Open(purposeA, subject, token, now); err != nil {
					t.Errorf("step %d: %v", i, err)
				}
			}
		}
	}
	promoted := ring(t, 2, 1).Seal(purposeA, subject, now.Add(time.Hour), nil)
	if _, err := ring(t, 1).Open(purposeA, subject, promoted, now); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("the promoted key must seal: %v", err)
	}
}

func TestNewRingNeedsWholeKeys(t *testing.T) {
	for name, keys := range map[string][][]byte{
		"none": nil, "short": {master(1)[:31]}, "long": {append(master(1), 1)}, "empty": {{}}, "second short": {master(1), master(2)[:16]},
	} {
		if r, err := NewRing(keys...); err == nil {
			t.Errorf("%s: %v", name, r)
		}
	}
}

func TestHashStandsForAnIDWithoutShowingIt(t *testing.T) {
	one, other := ring(t, 1, 2), ring(t, 1)
	hash := one.Hash(subject)
	if hash != other.Hash(subject) {
		t.Error("replicas with the same first key must agree")
	}
	if hash == one.Hash(subject+"x") || hash == ring(t, 2).Hash(subject) {
		t.Error("another id or key must give another hash")
	}
	if len(hash) != 2*hashSize || strings.Trim(hash, "0123456789abcdef") != "" {
		t.Errorf("%q", hash)
	}
}

func TestDeriveGivesOneValueOfEachKeyTheSealingOneFirst(t *testing.T) {
	before, after := ring(t, 1).Derive(purposeA, subject, 48), ring(t, 2, 1).Derive(purposeA, subject, 48)
	if len(before) != 1 || len(after) != 2 || len(before[0]) != 48 || len(after[0]) != 48 {
		t.Fatalf("%d and %d values", len(before), len(after))
	}
	if !bytes.Equal(before[0], after[1]) || bytes.Equal(before[0], after[0]) {
		t.Error("after a rotation the value of the old key must be the second, and the first another")
	}
	if longer := ring(t, 1).Derive(purposeA, subject, 96)[0]; !bytes.Equal(longer[:48], before[0]) || bytes.Equal(longer[48:], before[0]) {
		t.Error("more bytes must be a continuation of the same")
	}
}

func TestDeriveIsHKDFOfRFC5869(t *testing.T) {
	mac := func(key []byte, parts ...string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(strings.Join(parts, "")))
		return h.Sum(nil)
	}
	key := mac(mac(make([]byte, sha256.Size), string(master(1))), "bizbridge derive a\x01")
	first := mac(key, subject, "\x01")
	second := mac(key, string(first), subject, "\x02")
	want := append(first, second...)[:48]
	if got := ring(t, 1).Derive(purposeA, subject, 48)[0]; !bytes.Equal(got, want) {
		t.Errorf("%x; want %x: what was derived by an earlier version must be derived again", got, want)
	}
}

func TestDeriveTellsPurposesSubjectsAndKeysApart(t *testing.T) {
	seen := map[string]string{}
	for _, key := range []byte{1, 2} {
		for _, pair := range [][2]string{{"a", "b"}, {"a", "c"}, {"ab", ""}, {"", "ab"}, {"a ", "b"}, {"a", " b"}, {"a\x00", "b"}, {"a", "\x00b"}} {
			value := string(ring(t, key).Derive(Purpose(pair[0]), pair[1], KeySize)[0])
			if other, ok := seen[value]; ok {
				t.Errorf("key %d, %q: the same as %s", key, pair, other)
			}
			seen[value] = fmt.Sprintf("key %d, %q", key, pair)
		}
	}
	for _, info := range []string{"seal a", "derive a", "key id", "log hash"} {
		if _, ok := seen[string((&ringKey{master: master(1)}).derive(info))]; ok {
			t.Errorf("the key %q itself was given out", info)
		}
	}
}

func TestARingServesManyGoroutines(t *testing.T) {
	r := ring(t, 1)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			purpose := Purpose(rune('a' + i%3))
			for range 50 {
				if _, err := r.Open(purpose, subject, r.Seal(purpose, subject, now.Add(time.Hour), nil), now); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

func FuzzOpen(f *testing.F) {
	r := ring(f, 1, 2)
	good := r.Seal(purposeA, subject, now.Add(time.Hour), []byte("content"))
	for _, seed := range []string{good, "", good[:20], good + "=", good + "\n", ring(f, 2).Seal(purposeA, subject, now.Add(time.Hour), nil)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		plaintext, err := r.Open(purposeA, subject, token, now)
		if err != nil {
			if plaintext != nil {
				t.Fatalf("%q along with %v", plaintext, err)
			}
			return
		}
		// Nobody without the keys makes a token, so what opens was sealed by this package: it has its one form.
		raw, decodeErr := base64.RawURLEncoding.Strict().DecodeString(token)
		if decodeErr != nil || base64.RawURLEncoding.EncodeToString(raw) != token || len(raw) != overhead+len(plaintext) {
			t.Fatalf("%q opened as %q", token, plaintext)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	r, content := ring(b, 1), make([]byte, 200)
	b.ReportAllocs()
	for b.Loop() {
		r.Seal(purposeA, subject, now, content)
	}
}

func BenchmarkOpen(b *testing.B) {
	r := ring(b, 1)
	token := r.Seal(purposeA, subject, now.Add(time.Hour), make([]byte, 200))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Open(purposeA, subject, token, now); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDerive(b *testing.B) {
	r := ring(b, 1, 2)
	b.ReportAllocs()
	for b.Loop() {
		r.Derive(purposeA, subject, 48)
	}
}
