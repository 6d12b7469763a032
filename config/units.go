package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time: "4s", "1m30s", "100ms".
type Duration time.Duration

// DurationPattern bounds the digits too, so that whatever matches fits.
const DurationPattern = `^([0-9]{1,5}(\.[0-9]{1,3})?(ms|s|m|h)){1,4}$`

var durationForm = regexp.MustCompile(DurationPattern)

func seconds(n int) Duration { return Duration(time.Duration(n) * time.Second) }

// Std returns the duration as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String prints the shortest form that reads back the same: "20s", "1h", "1m30s".
func (d Duration) String() string {
	text := d.Std().String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText prints what String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads "4s".
func (d *Duration) UnmarshalText(text []byte) error {
	if !durationForm.Match(text) {
		return errors.New(`is not a duration such as "4s"`)
	}
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return errors.New(`is not a duration such as "4s"`)
	}
	*d = Duration(parsed)
	return nil
}

// Size is a number of bytes: "16MB" is decimal, "16MiB" binary, a plain number bytes.
type Size int64

// SizePattern bounds the digits too, so that whatever matches fits.
const SizePattern = `^[0-9]{1,9}(\.[0-9]{1,3})? ?(KB|MB|GB|KiB|MiB|GiB)$|^[0-9]{1,18}B?$`

var sizeForm = regexp.MustCompile(SizePattern)

// sizeUnits is ordered so that the first suffix that matches is the whole
// unit, and the first unit that divides a size is the shortest way to print it.
var sizeUnits = []struct {
	suffix string
	bytes  int64
}{
	{"GB", 1e9}, {"GiB", 1 << 30}, {"MB", 1e6}, {"MiB", 1 << 20}, {"KB", 1e3}, {"KiB", 1 << 10}, {"B", 1},
}

// Bytes returns the number of bytes.
func (s Size) Bytes() int64 { return int64(s) }

// String prints the size in the largest unit that divides it and leaves a number that [SizePattern] takes.
func (s Size) String() string {
	for _, unit := range sizeUnits {
		if s > 0 && int64(s)%unit.bytes == 0 && (int64(s)/unit.bytes < 1e9 || unit.bytes == 1) {
			return strconv.FormatInt(int64(s)/unit.bytes, 10) + unit.suffix
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalText prints what String does.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads "16MB", "16 MiB", "1.5GB" or "16000000".
func (s *Size) UnmarshalText(text []byte) error {
	if !sizeForm.Match(text) {
		return errors.New(`is not a size such as "16MB"`)
	}
	number, factor := string(text), int64(1)
	for _, unit := range sizeUnits {
		if cut, found := strings.CutSuffix(number, unit.suffix); found {
			number, factor = strings.TrimSpace(cut), unit.bytes
			break
		}
	}
	if whole, err := strconv.ParseInt(number, 10, 64); err == nil && whole <= math.MaxInt64/factor {
		*s = Size(whole * factor)
		return nil
	}
	fraction, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return fmt.Errorf("is not a size: %w", err)
	}
	*s = Size(math.Round(fraction * float64(factor)))
	return nil
}

// UnmarshalJSON also takes a plain number of bytes.
func (s *Size) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		return s.UnmarshalText([]byte(text))
	}
	return s.UnmarshalText(data)
}
