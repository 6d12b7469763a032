package apple

import (
	"slices"
	"strings"

	"bizbridge/bridge/message"
)

// Account is one MSP account in Apple Business Register.
type Account struct {
	MSPID   string
	Secrets [][]byte // decoded; the first signs, all verify
}

// Business is a Messages for Business account and the MSP account that it belongs to.
type Business struct {
	ID    message.BusinessID // as registered
	MSPID string
}

// Directory finds accounts and businesses. It is immutable.
type Directory struct {
	accounts   []Account
	businesses map[string]Business // by id in lower case
}

// NewDirectory takes what a validated configuration holds: every business's account exists.
func NewDirectory(accounts []Account, businesses []Business) *Directory {
	d := &Directory{accounts: accounts, businesses: make(map[string]Business, len(businesses))}
	for _, business := range businesses {
		d.businesses[strings.ToLower(string(business.ID))] = business
	}
	return d
}

// Business finds a business by its id in any case.
func (d *Directory) Business(id message.BusinessID) (Business, bool) {
	business, ok := d.businesses[strings.ToLower(string(id))]
	return business, ok
}

func (d *Directory) account(mspID string) (Account, bool) {
	i := slices.IndexFunc(d.accounts, func(a Account) bool { return strings.EqualFold(a.MSPID, mspID) })
	if i < 0 {
		return Account{}, false
	}
	return d.accounts[i], true
}
