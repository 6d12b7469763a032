package money

import (
	"errors"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		currency Currency
		text     string
		want     Amount
		err      error
	}{
		{"USD", "1.50", 150, nil},
		{"USD", "1.5", 150, nil}, // as phones write it
		{"USD", "2", 200, nil},
		{"USD", "0.00", 0, nil},
		{"USD", "-0.50", -50, nil},
		{"USD", "1.500", 150, nil},
		{"USD", "007.10", 710, nil},
		{"JPY", "1200", 1200, nil},
		{"JPY", "1200.00", 1200, nil},
		{"JPY", "1200.5", 0, ErrPrecision},
		{"KWD", "1.234", 1234, nil},
		{"KWD", "1.2345", 0, ErrPrecision},
		{"CLF", "0.0001", 1, nil},
		{"USD", "1.005", 0, ErrPrecision},
		{"USD", "10000000000000.00", 1_000_000_000_000_000, nil},
		{"USD", "10000000000000.01", 0, ErrRange},
		{"USD", "99999999999999999999999999999999999999999", 0, ErrRange},
		{"USD", "", 0, ErrForm},
		{"USD", "-", 0, ErrForm},
		{"USD", ".5", 0, ErrForm},
		{"USD", "5.", 0, ErrForm},
		{"USD", "1,50", 0, ErrForm},
		{"USD", "1.000.00", 0, ErrForm},
		{"USD", "+1", 0, ErrForm},
		{"USD", "1e3", 0, ErrForm},
		{"USD", "0x10", 0, ErrForm},
		{"USD", "1_000", 0, ErrForm},
		{"USD", "$1", 0, ErrForm},
		{"USD", " 1", 0, ErrForm},
		{"USD", "NaN", 0, ErrForm},
		{"USD", "١", 0, ErrForm},
		{"EURO", "1", 0, ErrCurrency},
		{"usd", "1", 0, ErrCurrency},
		{"XAU", "1", 0, ErrCurrency},
		{"", "1", 0, ErrCurrency},
	} {
		got, err := c.currency.Parse(c.text)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s %q: %d, %v; want %d, %v", c.currency, c.text, got, err, c.want, c.err)
		}
	}
}

func TestEveryCurrencyIsListedOnce(t *testing.T) {
	count := 0
	for _, codes := range active {
		count += (len(codes) + 1) / 4
	}
	if count != len(decimals) {
		t.Errorf("%d codes are listed, %d of them different", count, len(decimals))
	}
}

func currencies(t *rapid.T) Currency {
	return rapid.SampledFrom([]Currency{"JPY", "USD", "KWD", "CLF"}).Draw(t, "currency")
}

func amounts(t *rapid.T, name string) Amount {
	return Amount(rapid.Int64Range(-int64(Max), int64(Max)).Draw(t, name))
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		currency, amount := currencies(t), amounts(t, "amount")
		got, err := currency.Parse(currency.Format(amount))
		if err != nil || got != amount {
			t.Fatalf("%s: %v, %v", currency.Format(amount), got, err)
		}
	})
}

func TestSumIsThatOfRationalNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		currency := currencies(t)
		exact, all := new(big.Rat), []Amount(nil)
		for range rapid.IntRange(0, 20).Draw(t, "items") {
			amount := Amount(rapid.Int64Range(-1e12, 1e12).Draw(t, "amount"))
			number, _ := new(big.Rat).SetString(currency.Format(amount))
			exact.Add(exact, number)
			all = append(all, amount)
		}
		sum, err := Sum(all...)
		got, _ := new(big.Rat).SetString(currency.Format(sum))
		if err != nil || got.Cmp(exact) != 0 {
			t.Fatalf("%v is %s, %v; want %s", all, currency.Format(sum), err, exact)
		}
	})
}

func TestSumEnds(t *testing.T) {
	for _, all := range [][]Amount{{Max, 1}, {-Max, -1}, {Max + 1}, {Max, Max, -Max}} {
		if _, err := Sum(all...); !errors.Is(err, ErrRange) {
			t.Errorf("%v: %v", all, err)
		}
	}
}

func TestRateRoundsHalvesUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate, amount := Rate(rapid.Int64Range(0, int64(MaxRate)).Draw(t, "rate")), Amount(rapid.Int64Range(0, int64(Max)).Draw(t, "amount"))
		doubled := new(big.Int).Mul(big.NewInt(2*int64(amount)), big.NewInt(int64(rate))) // floor(x + 1/2) = floor((2x + 1) / 2)
		want := doubled.Add(doubled, big.NewInt(int64(MaxRate)))
		want.Div(want, big.NewInt(2*int64(MaxRate)))
		if got := rate.Of(amount); int64(got) != want.Int64() {
			t.Fatalf("%d of %d is %d; want %s", rate, amount, got, want)
		}
	})
	if Rate(82_500).Of(-5) != 0 {
		t.Error("there is a share of a negative amount")
	}
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]Rate{"8.25": 82_500, "0": 0, "100": MaxRate, "19": 190_000, "0.0001": 1} {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-1", "100.01", "8,25", ".5", "5.", "1.23456", "1e1", "101"} {
		if got, err := ParseRate(text); err == nil {
			t.Errorf("%q is taken as %d", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"1.50", "-0.5", "00", "1e3", "99999999999999999999"} {
		f.Add("USD", text)
	}
	f.Fuzz(func(t *testing.T, code, text string) {
		currency := Currency(code)
		amount, err := currency.Parse(text)
		if err != nil {
			return
		}
		want, ok := new(big.Rat).SetString(text)
		got, _ := new(big.Rat).SetString(currency.Format(amount))
		if !ok || want.Cmp(got) != 0 {
			t.Fatalf("%q of %s is read as %s", text, code, currency.Format(amount))
		}
	})
}
