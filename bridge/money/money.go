// Package money reads, adds and writes amounts of money exactly: as whole numbers of a currency's smallest unit.
package money

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Currency is a currency by its ISO 4217 code, in capitals.
type Currency string

// Amount is a number of the smallest units of a currency: cents of USD, yen of JPY, fils of KWD.
type Amount int64

// Max bounds every amount, in either direction, in the smallest unit: a thousand of them can be added without a thought.
const Max Amount = 1_000_000_000_000_000

// Why a text is no amount.
var (
	ErrCurrency  = errors.New("is not a currency of ISO 4217")
	ErrForm      = errors.New(`must be a decimal number such as "12.50": digits, at most one point, no thousands separators, no currency sign`)
	ErrPrecision = errors.New("has more decimals than the currency")
	ErrRange     = errors.New("is too large")
)

// active are the currencies of ISO 4217 that are in use and have a smallest unit, as of January 2026, by the number of their
// decimals. Gold, drawing rights, and what is for tests have none.
var active = map[int]string{
	0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
	2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU " +
		"CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD " +
		"KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO " +
		"NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB " +
		"TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG",
	3: "BHD IQD JOD KWD LYD OMR TND",
	4: "CLF UYW",
}

var decimals = func() map[Currency]int {
	all := make(map[Currency]int, 200)
	for digits, codes := range active {
		for code := range strings.FieldsSeq(codes) {
			all[Currency(code)] = digits
		}
	}
	return all
}()

// Known tells whether this is a currency of ISO 4217.
func (c Currency) Known() bool { _, ok := decimals[c]; return ok }

// Decimals is how many digits the smallest unit has after the point.
func (c Currency) Decimals() int { return decimals[c] }

// maxText is longer than any amount of [Max] can be written without leading zeros.
const maxText = 32

// Parse reads a decimal number. Zeros after the last decimal of the currency are taken ("1.500" USD): they change nothing.
func (c Currency) Parse(text string) (Amount, error) {
	digits, known := decimals[c]
	if !known {
		return 0, ErrCurrency
	}
	number, negative := strings.CutPrefix(text, "-")
	whole, fraction, pointed := strings.Cut(number, ".")
	if whole == "" || pointed && fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, ErrForm
	}
	if len(text) > maxText {
		return 0, ErrRange
	}
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > digits {
		return 0, fmt.Errorf("%w: %s has %d", ErrPrecision, c, digits)
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", digits-len(fraction)), 10, 64)
	if err != nil || Amount(n) > Max {
		return 0, ErrRange
	}
	if negative {
		n = -n
	}
	return Amount(n), nil
}

// Format writes an amount with all decimals of the currency: "12.50", "-0.50", "1200".
func (c Currency) Format(amount Amount) string {
	digits := decimals[c]
	sign, n := "", uint64(amount)
	if amount < 0 {
		sign, n = "-", -n
	}
	text := strconv.FormatUint(n, 10)
	if len(text) <= digits {
		text = strings.Repeat("0", digits-len(text)+1) + text
	}
	if digits == 0 {
		return sign + text
	}
	return sign + text[:len(text)-digits] + "." + text[len(text)-digits:]
}

// Sum adds. The error is [ErrRange].
func Sum(amounts ...Amount) (Amount, error) {
	var sum Amount
	for _, amount := range amounts {
		if amount > Max || amount < -Max {
			return 0, ErrRange
		}
		if sum += amount; sum > Max || sum < -Max {
			return 0, ErrRange
		}
	}
	return sum, nil
}

// Rate is a share in millionths: 8.25 % is 82,500.
type Rate int64

// MaxRate is 100 %.
const MaxRate Rate = 1_000_000

// ParseRate reads a percentage with at most four decimals: "8.25".
func ParseRate(percent string) (Rate, error) {
	whole, fraction, pointed := strings.Cut(percent, ".")
	if whole == "" || pointed && fraction == "" || len(percent) > 8 || len(fraction) > 4 || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, errors.New(`must be a percentage such as "8.25", with at most four decimals`)
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", 4-len(fraction)), 10, 64)
	if err != nil || Rate(n) > MaxRate {
		return 0, errors.New("must be at most 100 percent")
	}
	return Rate(n), nil
}

// Of is the share of an amount that is not negative, rounded to the smallest unit, halves upwards.
func (r Rate) Of(amount Amount) Amount {
	if amount <= 0 {
		return 0
	}
	high, low := bits.Mul64(uint64(amount), uint64(r))
	low, carry := bits.Add64(low, uint64(MaxRate)/2, 0)
	share, _ := bits.Div64(high+carry, low, uint64(MaxRate))
	return Amount(share)
}
