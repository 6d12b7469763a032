package stripe

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"bizbridge/bridge/money"
)

func TestAmounts(t *testing.T) {
	for _, c := range []struct {
		currency money.Currency
		amount   money.Amount
		want     int64
		err      error
	}{
		{"USD", 1250, 1250, nil},
		{"EUR", 1, 1, nil},
		{"JPY", 500, 500, nil},
		{"KRW", 500, 500, nil},
		{"ISK", 5, 500, nil}, // 5 ISK are written 500
		{"UGX", 5, 500, nil},
		{"HUF", 1045, 1045, nil}, // special for payouts only
		{"TWD", 80045, 80045, nil},
		{"MGA", 500, 5, nil}, // ISO 4217 has two decimals, Stripe none
		{"MGA", 550, 0, errWhole},
		{"KWD", 5120, 5120, nil},
		{"KWD", 5124, 0, errTen},
		{"BHD", 10, 10, nil},
		{"TND", 11, 0, errTen},
		{"IQD", 1000, 0, errUnknown},
		{"LYD", 1000, 0, errUnknown},
		{"CLF", 10000, 0, errUnknown},
		{"UYI", 5, 0, errUnknown},
		{"XAU", 5, 0, errUnknown},
		{"", 5, 0, errUnknown},
		{"usd", 5, 0, errUnknown},
		{"USD", 0, 0, errNoAmount},
		{"USD", -5, 0, errNoAmount},
		{"USD", money.Max, int64(money.Max), nil},
		{"USD", money.Max + 1, 0, errRange},
		{"ISK", money.Max, int64(money.Max) * 100, nil},
	} {
		got, err := toStripe(c.currency, c.amount)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%d %s is %d, %v; want %d, %v", c.amount, c.currency, got, err, c.want, c.err)
		}
		if !errors.Is((&Provider{}).CheckAmount(c.currency, c.amount), c.err) {
			t.Errorf("%d %s is checked otherwise", c.amount, c.currency)
		}
	}
}

func TestAmountsOfStripe(t *testing.T) {
	for _, c := range []struct {
		code string
		n    int64
		want money.Amount
		err  error
	}{
		{"usd", 1250, 1250, nil},
		{"usd", 0, 0, nil},
		{"isk", 500, 5, nil},
		{"isk", 550, 0, errUnderflow},
		{"mga", 5, 500, nil},
		{"kwd", 5124, 5124, nil}, // what was taken was taken
		{"usd", -1, 0, errRange},
		{"usd", math.MaxInt64, 0, errRange},
		{"mga", int64(money.Max), 0, errRange},
		{"xyz", 5, 0, errUnknown},
		{"", 5, 0, errUnknown},
	} {
		currency, got, err := fromStripe(c.code, c.n)
		if got != c.want || !errors.Is(err, c.err) || err == nil && !currency.Known() {
			t.Errorf("%d %s is %d %s, %v", c.n, c.code, got, currency, err)
		}
	}
}

// What can be asked for is read back as it was.
func TestAmountsThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		currency := rapid.SampledFrom([]money.Currency{"USD", "JPY", "ISK", "UGX", "MGA", "KWD", "HUF", "TWD", "XOF"}).Draw(t, "currency")
		amount := money.Amount(rapid.Int64Range(-10, int64(money.Max)).Draw(t, "amount"))
		n, err := toStripe(currency, amount)
		if err != nil {
			return
		}
		back, got, err := fromStripe(string(currency), n)
		if err != nil || back != currency || got != amount {
			t.Fatalf("%d %s became %d, and %d %s, %v", amount, currency, n, got, back, err)
		}
	})
}

func TestEveryListedCurrencyIsKnown(t *testing.T) {
	for _, list := range [][]money.Currency{withoutDecimals, twoZeroDecimals, endingInZero} {
		for _, currency := range list {
			if !currency.Known() {
				t.Errorf("%s is none of ISO 4217", currency)
			}
		}
	}
	for _, currency := range endingInZero {
		if currency.Decimals() != 3 {
			t.Errorf("%s has %d decimals", currency, currency.Decimals())
		}
	}
}
