package chatwoottest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
)

// hmacFails tells whether identity validation raises an error, of which Rails makes 500.
func (d *Desk) hmacFails(in input) bool {
	given := in.text("identifier_hash")
	if given == "" && !d.HMACMandatory {
		return false
	}
	mac := hmac.New(sha256.New, []byte(HMACToken))
	mac.Write([]byte(in.text("identifier")))
	return !hmac.Equal([]byte(given), []byte(hex.EncodeToString(mac.Sum(nil))))
}

var hmacFailed = fault(http.StatusInternalServerError, "HMAC failed: Invalid Identifier Hash Provided")

func (d *Desk) createContact(in input, _ *contact) answer {
	if d.hmacFails(in) {
		return hmacFailed
	}
	if too := tooLong(in.object("custom_attributes")); too != "" {
		return fault(http.StatusUnprocessableEntity, too)
	}
	who := d.contactBySource(in.text("source_id"))
	if who == nil {
		who = &contact{ID: d.next(), SourceID: in.text("source_id"), Name: in.text("name"), Attributes: in.object("custom_attributes")}
		d.contacts = append(d.contacts, who)
	}
	return answer{http.StatusOK, who.public()}
}

func (c *contact) public() map[string]any {
	return map[string]any{
		"source_id": c.SourceID, "pubsub_token": "pubsubTokenExample", "id": c.ID, "name": c.Name, "email": nil, "phone_number": nil,
	}
}

func (d *Desk) showContact(in input, who *contact) answer {
	if d.hmacFails(in) {
		return hmacFailed
	}
	return answer{http.StatusOK, who.public()}
}

func (d *Desk) updateContact(in input, who *contact) answer {
	if d.hmacFails(in) {
		return hmacFailed
	}
	if too := tooLong(in.object("custom_attributes")); too != "" {
		return fault(http.StatusUnprocessableEntity, too)
	}
	if who.Attributes == nil {
		who.Attributes = make(map[string]any)
	}
	maps.Copy(who.Attributes, in.object("custom_attributes"))
	return answer{http.StatusOK, who.public()}
}

// tooLong tells what Chatwoot says to an attribute that is longer than it allows.
func tooLong(attributes map[string]any) string {
	for name, value := range attributes {
		if text, ok := value.(string); ok && len([]rune(text)) > 1500 {
			return name + " length should be < 1500"
		}
	}
	return ""
}
