package config

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"4s": 4 * time.Second, "100ms": 100 * time.Millisecond, "1h": time.Hour, "1m30s": 90 * time.Second,
		"168h": 168 * time.Hour, "1.5s": 1500 * time.Millisecond, "0s": 0,
	} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || d.Std() != want {
			t.Errorf("%s: %v %v", text, d.Std(), err)
		}
	}
	for _, text := range []string{"", "4", "4 s", "-4s", "+4s", "4d", "four", "1s1s1s1s1s", "100000h", "4S", ".5s", "4s\n"} {
		if d := Duration(7); d.UnmarshalText([]byte(text)) == nil || d != 7 {
			t.Errorf("%q is taken as %v", text, d)
		}
	}
	for d, want := range map[Duration]string{seconds(20): "20s", seconds(3600): "1h", seconds(90): "1m30s", seconds(5400): "1h30m", 0: "0s", seconds(36000): "10h", seconds(600): "10m"} {
		if d.String() != want {
			t.Errorf("got %s, want %s", d, want)
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{
		"16MB": 16_000_000, "16MiB": 16 << 20, "1KB": 1000, "1KiB": 1024, "2GB": 2e9, "2GiB": 2 << 30,
		"16000000": 16_000_000, "12B": 12, "1.5MB": 1_500_000, "0.5KiB": 512, "16 MB": 16_000_000, "0": 0,
		"999999999999999999": 999999999999999999, "999999999GiB": 999999999 << 30,
	} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s.Bytes() != want {
			t.Errorf("%s: %d %v", text, s.Bytes(), err)
		}
	}
	for _, text := range []string{"", "-1", "16mb", "16M", "16TB", "MB", "1.5", "1.5B", "1,5MB", "16  MB", "0x10", "1e3", "9999999999MB", "16MB\n"} {
		if s := Size(7); s.UnmarshalText([]byte(text)) == nil || s != 7 {
			t.Errorf("%q is taken as %d", text, s)
		}
	}
	var fromJSON struct{ A, B Size }
	if err := json.Unmarshal([]byte(`{"A": 1000, "B": "1KiB"}`), &fromJSON); err != nil || fromJSON.A != 1000 || fromJSON.B != 1024 {
		t.Errorf("%+v %v", fromJSON, err)
	}
	if json.Unmarshal([]byte(`{"A": 1.5}`), &fromJSON) == nil || json.Unmarshal([]byte(`{"A": []}`), &fromJSON) == nil {
		t.Error("no size is taken")
	}
}

// TestUnitsReadBack has every value read back from what it prints.
func TestUnitsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Duration(rapid.Int64Range(0, 99_999*3600*1000).Draw(t, "ms") * int64(time.Millisecond))
		var d2 Duration
		if err := d2.UnmarshalText([]byte(d.String())); err != nil || d2 != d {
			t.Fatalf("%s reads back as %s: %v", d, d2, err)
		}
		s := Size(rapid.Int64Range(0, 999_999_999_999_999_999).Draw(t, "size"))
		var s2 Size
		if err := s2.UnmarshalText([]byte(s.String())); err != nil || s2 != s {
			t.Fatalf("%s reads back as %s: %v", s, s2, err)
		}
	})
}

// TestSizeUnits has every unit be its number of bytes, whatever the number.
func TestSizeUnits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom(sizeUnits).Draw(t, "unit")
		n := rapid.Int64Range(0, 999_999_999).Draw(t, "n")
		var s Size
		if err := s.UnmarshalText([]byte(fmt.Sprint(n, unit.suffix))); err != nil || s.Bytes() != n*unit.bytes {
			t.Fatalf("%d%s is %d: %v", n, unit.suffix, s, err)
		}
	})
}

// A size of more than nine digits of KiB once printed as text that could not be read back.
func TestLargeSizeReadsBack(t *testing.T) {
	const size = Size(1_099_511_628_800) // 1,073,741,825 KiB
	var back Size
	if err := back.UnmarshalText([]byte(size.String())); err != nil || back != size {
		t.Errorf("%s reads back as %d: %v", size, back, err)
	}
}
