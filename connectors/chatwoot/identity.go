package chatwoot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"bizbridge/bridge/message"
	"bizbridge/connectors/customerid"
)

// identifierHash proves to an inbox with identity validation that the identifier is no invention; "" where none is
// configured.
func (c *Connector) identifierHash(customer message.CustomerID) string {
	if c.config.HMACToken == "" {
		return ""
	}
	mac := hmac.New(sha256.New, []byte(c.config.HMACToken.Reveal()))
	mac.Write([]byte(sourceID(customer)))
	return hex.EncodeToString(mac.Sum(nil))
}

// guestName tells customers apart until somebody knows their names: Apple tells none.
func guestName(customer message.CustomerID) string {
	const shown = 4
	hash := customerid.Hashed(customer)
	return "Messages guest " + hash[len("amb_"):len("amb_")+shown]
}
