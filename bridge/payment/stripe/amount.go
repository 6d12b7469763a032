package stripe

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"bizbridge/bridge/money"
)

// Why Stripe cannot take an amount.
var (
	errNoAmount  = errors.New("there is nothing to pay")
	errRange     = errors.New("the amount is too large")
	errUnknown   = errors.New("how amounts of this currency are written is not documented")
	errWhole     = errors.New("only whole amounts of this currency can be paid")
	errTen       = errors.New("amounts of this currency can have two decimals at most")
	errUnderflow = errors.New("the amount is finer than the currency")
)

// Stripe's units where they are not those of ISO 4217, and what divides them. Its page on currencies lists MGA among those
// without decimals, and has ISK and UGX written with two decimals that are always zero: "to charge 5 UGX, provide an amount
// value of 500". (UGX is also in its list of currencies without decimals; the special case says what to send.) HUF and TWD
// are special for payouts only.
var (
	withoutDecimals = []money.Currency{"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
	twoZeroDecimals = []money.Currency{"ISK", "UGX"}
	endingInZero    = []money.Currency{"BHD", "JOD", "KWD", "OMR", "TND"}
)

const ordinaryDecimals = 2 // "currencies are two-decimal currencies unless otherwise specified"

var pow10 = [...]int64{1, 10, 100}

// unit is how Stripe writes amounts of a currency.
type unit struct {
	decimals int
	step     int64 // amounts are multiples of it
	refusal  error // of those that are not
}

func unitOf(currency money.Currency) (unit, error) {
	switch {
	case slices.Contains(withoutDecimals, currency):
		return unit{0, 1, nil}, nil
	case slices.Contains(twoZeroDecimals, currency):
		return unit{2, 100, errWhole}, nil
	case slices.Contains(endingInZero, currency):
		return unit{3, 10, errTen}, nil
	case currency.Known() && currency.Decimals() == ordinaryDecimals:
		return unit{ordinaryDecimals, 1, nil}, nil
	}
	return unit{}, errUnknown // a currency of three or four decimals, or of none, of which Stripe says nothing
}

// CheckAmount implements [payment.AmountChecker]. Stripe's least and largest amounts, which depend on the account, are not
// looked at.
func (p *Provider) CheckAmount(currency money.Currency, amount money.Amount) error {
	_, err := toStripe(currency, amount)
	return err
}

// toStripe gives an amount in Stripe's units.
func toStripe(currency money.Currency, amount money.Amount) (int64, error) {
	u, err := unitOf(currency)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s: %w", currency, err)
	case amount <= 0:
		return 0, errNoAmount
	case amount > money.Max:
		return 0, errRange
	}
	n := int64(amount)
	if finer := currency.Decimals() - u.decimals; finer > 0 { // MGA
		if n%pow10[finer] != 0 {
			return 0, fmt.Errorf("%s: %w", currency, errWhole)
		}
		n /= pow10[finer]
	} else {
		n *= pow10[-finer] // at most 100 times Max, which fits
	}
	if n%u.step != 0 {
		return 0, fmt.Errorf("%s: %w", currency, u.refusal)
	}
	return n, nil
}

// fromStripe reads what Stripe says was taken. It is not held to the steps: what was taken was taken.
func fromStripe(code string, n int64) (money.Currency, money.Amount, error) {
	currency := money.Currency(strings.ToUpper(code))
	u, err := unitOf(currency)
	if err != nil {
		return "", 0, err
	}
	if n < 0 {
		return "", 0, errRange
	}
	finer := u.decimals - currency.Decimals()
	switch {
	case finer > 0 && n%pow10[finer] != 0:
		return "", 0, errUnderflow
	case finer > 0: // ISK, UGX
		n /= pow10[finer]
	case n > int64(money.Max)/pow10[-finer]:
		return "", 0, errRange
	default:
		n *= pow10[-finer] // MGA
	}
	if money.Amount(n) > money.Max {
		return "", 0, errRange
	}
	return currency, money.Amount(n), nil
}
