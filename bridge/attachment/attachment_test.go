package attachment

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func parseKey(t testing.TB, text string) Key {
	t.Helper()
	k, err := ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// oneShot is the whole file under the standard library's cipher, with nothing of ours.
func oneShot(t interface{ Fatal(...any) }, k Key, plain []byte) []byte {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		t.Fatal(err)
	}
	whole := make([]byte, len(plain))
	cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(whole, plain)
	return whole
}

func TestTheCipherIsApples(t *testing.T) {
	var file struct {
		Vectors []struct{ Source, KeyHex, PlaintextUtf8, CipherHex string }
	}
	if err := json.Unmarshal(fixture(t, "vector-attachment-cipher.json"), &file); err != nil || len(file.Vectors) != 2 {
		t.Fatalf("%v, %v", file, err)
	}
	for _, vector := range file.Vectors {
		k := parseKey(t, "00"+vector.KeyHex)
		got, err := io.ReadAll(k.Stream(strings.NewReader(vector.PlaintextUtf8), 0))
		if err != nil || !strings.EqualFold(hex.EncodeToString(got), vector.CipherHex) {
			t.Errorf("%s: %x, %v; want %s", vector.Source, got, err, vector.CipherHex)
		}
	}
}

func TestTheFixtureDecrypts(t *testing.T) {
	var sent struct{ Attachments []struct{ Key string } }
	if err := json.Unmarshal(fixture(t, "in-text-attachment.json"), &sent); err != nil {
		t.Fatal(err)
	}
	k := parseKey(t, sent.Attachments[0].Key)
	got, err := io.ReadAll(k.Stream(bytes.NewReader(fixture(t, "in-attachment.cipher.bin")), 0))
	if want := fixture(t, "in-attachment.plain.png"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v; want %x", got, err, want)
	}
}

// pieces gives its content in reads of the drawn sizes.
type pieces struct {
	content []byte
	sizes   func() int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.content) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.content[:min(len(p.content), p.sizes())])
	p.content = p.content[n:]
	return n, nil
}

func TestAStreamIsTheOneShotCipherFromAnyOffset(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := Key(rapid.SliceOfN(rapid.Byte(), KeySize, KeySize).Draw(t, "key"))
		plain := rapid.SliceOfN(rapid.Byte(), 0, 700).Draw(t, "plain")
		whole := oneShot(t, k, plain)
		offset := rapid.IntRange(0, len(plain)).Draw(t, "offset")
		sizes := rapid.IntRange(1, 100)
		encrypted, err := io.ReadAll(k.Stream(&pieces{plain[offset:], func() int { return sizes.Draw(t, "size") }}, int64(offset)))
		if err != nil || !bytes.Equal(encrypted, whole[offset:]) {
			t.Fatalf("from %d: %x, %v; want %x", offset, encrypted, err, whole[offset:])
		}
		decrypted, err := io.ReadAll(k.Stream(&pieces{encrypted, func() int { return sizes.Draw(t, "size") }}, int64(offset)))
		if err != nil || !bytes.Equal(decrypted, plain[offset:]) {
			t.Fatalf("from %d: %x, %v; want %x", offset, decrypted, err, plain[offset:])
		}
	})
}

func TestAStreamIsRightFarIntoAFile(t *testing.T) {
	k := NewKey()
	for _, offset := range []int64{1 << 20, 100<<20 + 7, 1<<32*16 - 5, 1<<62 + 3} { // the third crosses a carry of the counter
		got, err := io.ReadAll(k.Stream(bytes.NewReader(make([]byte, 64)), offset))
		if err != nil {
			t.Fatal(err)
		}
		for i := range got { // each byte alone, from its own offset
			one, err := io.ReadAll(k.Stream(bytes.NewReader(make([]byte, 1)), offset+int64(i)))
			if err != nil || one[0] != got[i] {
				t.Fatalf("byte %d after %d: %x, %v; want %x", i, offset, one, err, got[i])
			}
		}
		block, _ := aes.NewCipher(k[:])
		var counter, want [16]byte
		for i, n := 15, offset/16; n > 0; i, n = i-1, n>>8 {
			counter[i] = byte(n)
		}
		block.Encrypt(want[:], counter[:])
		if inside := offset % 16; !bytes.Equal(got[:16-inside], want[inside:]) {
			t.Errorf("at %d: %x; want %x", offset, got[:16-inside], want[inside:])
		}
	}
}

func TestAStreamHandsErrorsOn(t *testing.T) {
	broken := errors.New("broken")
	got, err := io.ReadAll(NewKey().Stream(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)), 0))
	if len(got) != 3 || !errors.Is(err, broken) {
		t.Errorf("%x, %v", got, err)
	}
}

func TestKeysAreFreshAndSurviveTheWire(t *testing.T) {
	one, other := NewKey(), NewKey()
	if one == other || one == (Key{}) {
		t.Error("two files got one key")
	}
	if got := parseKey(t, one.Encode()); got != one {
		t.Error("the key changed on the wire")
	}
	if got := parseKey(t, "00"+strings.ToUpper(one.Encode()[2:])); got != one {
		t.Error("upper case is another key")
	}
}

func TestAWrongKeyIsRefusedWithoutShowingIt(t *testing.T) {
	digits := strings.Repeat("7c", KeySize)
	for name, text := range map[string]string{
		"missing": "", "no prefix": digits, "other prefix": "01" + digits, "short": "00" + digits[2:], "long": "00" + digits + "7c",
		"not hex": "00" + digits[:62] + "zz", "padded": " 00" + digits, "line end": "00" + digits + "\n", "0x": "0x" + digits,
		"base64": base64.StdEncoding.EncodeToString(make([]byte, 33)), "not ASCII": "00" + strings.Repeat("é", 32),
	} {
		k, err := ParseKey(text)
		if err == nil || k != (Key{}) {
			t.Errorf("%s: a key came of it", name)
			continue
		}
		if strings.Contains(err.Error(), "7c7c") || strings.Contains(err.Error(), "zz") || len(text) > 10 && strings.Contains(err.Error(), text) {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
}

func TestAKeyNeverPrints(t *testing.T) {
	k := Key(bytes.Repeat([]byte{0xab}, KeySize))
	source := Source{Business: "b", URL: "https://example.com/u", Owner: "o", Key: k, Name: "Ada's letter.pdf", MIMEType: "application/pdf", Size: 5}
	var printed strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "% x", "%T%v", "%08x", "%z"} {
		for _, value := range []any{k, &k, source, &source, []Key{k}, map[string]Key{"k": k}, map[Key]int{k: 1}, struct{ K *Key }{&k}} {
			fmt.Fprintf(&printed, verb+"\n", value)
		}
	}
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&printed, nil), slog.NewTextHandler(&printed, nil)} {
		slog.New(handler).Info("m", "key", k, "keys", []Key{k}, "source", source, "pointer", &source)
	}
	for _, value := range []any{k, &k, source, map[Key]int{k: 1}} {
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		printed.Write(encoded)
	}
	for _, leak := range []string{"abab", "ABAB", "ab ab", "171", "253", "10101011", `\xab`, "U+00AB", "«"} {
		if strings.Contains(printed.String(), leak) {
			t.Errorf("the key printed (%s): %s", leak, printed.String())
		}
	}
	if !strings.Contains(printed.String(), "***") {
		t.Errorf("%s", printed.String())
	}
}

func TestASourceLogsNothingOfTheCustomer(t *testing.T) {
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("m", "source",
		Source{Business: "b", URL: "https://example.com/u", Owner: "owner", Signature: []byte("sig"), Name: "Ada.pdf", Size: 5})
	for _, secret := range []string{"example.com", "owner", "c2ln", "Ada"} {
		if strings.Contains(logged.String(), secret) {
			t.Errorf("logged %s: %s", secret, logged.String())
		}
	}
}

func TestSignatures(t *testing.T) {
	const hexText, base64Text = "81a619c81da5a01c6139219a5d20e17430c631e1eb", "gaYZyB2loBxhOSGaXSDhdDDGMeHr"
	const other = "AbhXJsgSOjHfPX7MooF9L2Tqay+m"
	for name, test := range map[string]struct{ hex, base64, want string }{
		"hex":                        {hexText, "", hexText},
		"hex in capitals":            {strings.ToUpper(hexText), "", hexText},
		"base64":                     {"", base64Text, hexText},
		"both":                       {hexText, base64Text, hexText},
		"base64 is preferred":        {hexText, other, "01b85726c8123a31df3d7ecca2817d2f64ea6b2fa6"},
		"broken base64":              {hexText, "gaYZyB2loBxhOSGaXSDhdDDGMeH!", hexText},
		"hex where base64 belongs":   {"", hexText, ""},
		"the same beside hex":        {hexText, strings.ToUpper(hexText), hexText},
		"64 hex digits as base64":    {"", strings.Repeat("ab", 32), ""},
		"base64 where hex belongs":   {base64Text, "", ""},
		"broken hex, sound base64":   {"zz", base64Text, hexText},
		"odd hex":                    {hexText[1:], "", ""},
		"nothing":                    {"", "", ""},
		"short":                      {"81a619", "gaYZ", ""},
		"long":                       {strings.Repeat("ab", 65), "", ""},
		"line end":                   {"", base64Text[:14] + "\n" + base64Text[14:], ""},
		"no padding where it is due": {"", "gaYZyB2loBxhOSGaXSDhdDDGMeHrAA", ""},
		"padding":                    {"", "gaYZyB2loBxhOSGaXSDhdDDGMeHrAA==", hexText + "00"},
		"bits after the end":         {"", "gaYZyB2loBxhOSGaXSDhdDDGMeHrAB==", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseSignature(test.hex, test.base64)
			if hex.EncodeToString(got) != test.want || (err == nil) != (test.want != "") {
				t.Errorf("%x, %v; want %s", got, err, test.want)
			}
			if err != nil && (strings.Contains(err.Error(), "a619c81d") || strings.Contains(err.Error(), "gaYZ")) {
				t.Errorf("the error shows the signature: %v", err)
			}
		})
	}
}

func TestHexIsNeverReadAsBase64(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		signature := rapid.SliceOfN(rapid.Byte(), 20, 32).Draw(t, "signature")
		text := hex.EncodeToString(signature)
		if rapid.Bool().Draw(t, "upper") {
			text = strings.ToUpper(text)
		}
		if got, err := ParseSignature("", text); err == nil {
			t.Fatalf("%s as base64: %x", text, got)
		}
		got, err := ParseSignature(text, base64.StdEncoding.EncodeToString(signature))
		if err != nil || !bytes.Equal(got, signature) {
			t.Fatalf("%x, %v", got, err)
		}
	})
}

// BenchmarkStream compares a decrypted copy with the bare cipher over the same buffers. They take turns, so that whatever
// else the machine does slows both; ratio is the stream's speed in terms of the cipher's, by the medians.
func BenchmarkStream(b *testing.B) {
	const size = 16 << 20
	k, content, buffer := NewKey(), make([]byte, size), make([]byte, 64<<10)
	block, err := aes.NewCipher(k[:])
	if err != nil {
		b.Fatal(err)
	}
	bare := func() {
		stream := cipher.NewCTR(block, make([]byte, aes.BlockSize))
		for rest := content; len(rest) > 0; rest = rest[len(buffer):] {
			copy(buffer, rest)
			stream.XORKeyStream(buffer, buffer)
		}
	}
	ours := func() {
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, k.Stream(struct{ io.Reader }{bytes.NewReader(content)}, 0), buffer); err != nil {
			b.Fatal(err)
		}
	}
	var medians [2]time.Duration
	var times [2][]time.Duration
	b.SetBytes(2 * size)
	for b.Loop() {
		for i, run := range []func(){bare, ours} {
			began := time.Now()
			run()
			times[i] = append(times[i], time.Since(began))
		}
	}
	for i := range times {
		slices.Sort(times[i])
		medians[i] = times[i][len(times[i])/2]
	}
	b.ReportMetric(float64(medians[0])/float64(medians[1]), "ratio")
	b.ReportMetric(size/1e6/medians[1].Seconds(), "stream-MB/s")
}
