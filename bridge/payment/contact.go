package payment

import (
	"bytes"
	"encoding/json"
	"strings"

	"bizbridge/bridge/message"
)

// wireContact is a contact as Apple Pay writes it. Members of another type than documented are left out.
type wireContact struct {
	GivenName          json.RawMessage `json:"givenName"`
	FamilyName         json.RawMessage `json:"familyName"`
	EmailAddress       json.RawMessage `json:"emailAddress"`
	PhoneNumber        json.RawMessage `json:"phoneNumber"`
	AddressLines       json.RawMessage `json:"addressLines"`
	SubLocality        json.RawMessage `json:"subLocality"`
	Locality           json.RawMessage `json:"locality"`
	PostalCode         json.RawMessage `json:"postalCode"`
	AdministrativeArea json.RawMessage `json:"administrativeArea"`
	Country            json.RawMessage `json:"country"`
	CountryCode        json.RawMessage `json:"countryCode"`
}

func (c callback) contact() (contact wireContact, ok bool) {
	var wire struct {
		Contact json.RawMessage `json:"shippingContact"`
	}
	if !isObject(c.payment) || json.Unmarshal(c.payment, &wire) != nil || !isObject(wire.Contact) {
		return wireContact{}, false
	}
	return contact, json.Unmarshal(wire.Contact, &contact) == nil
}

// hasContact tells whether the customer has chosen an address.
func (c callback) hasContact() bool { _, ok := c.contact(); return ok }

// destination is what rules want to know of where an order goes. Before the consent Apple tells no more of an address.
type destination struct {
	country string // ISO 3166, in capitals
	region  string // state or province, as the customer's phone writes it
}

// destination reads it; ok is false where there is none with a country.
func (c callback) destination() (where destination, ok bool) {
	contact, ok := c.contact()
	where = destination{strings.ToUpper(line(contact.CountryCode)), line(contact.AdministrativeArea)}
	return where, ok && where.country != ""
}

// deliverTo is the whole address, for the helpdesk; nil where none was asked for.
func (c callback) deliverTo() *message.ShippingContact {
	contact, ok := c.contact()
	if !ok {
		return nil
	}
	return &message.ShippingContact{
		GivenName: line(contact.GivenName), FamilyName: line(contact.FamilyName), EmailAddress: line(contact.EmailAddress),
		PhoneNumber: line(contact.PhoneNumber), AddressLines: lines(contact.AddressLines), SubLocality: line(contact.SubLocality),
		Locality: line(contact.Locality), PostalCode: line(contact.PostalCode), AdministrativeArea: line(contact.AdministrativeArea),
		Country: line(contact.Country), CountryCode: line(contact.CountryCode),
	}
}

// line is one line of an address, as people can read it; "" for what is none.
func line(raw json.RawMessage) string { return string(message.CutLabel(text(raw))) }

const maxAddressLines = 10

func lines(raw json.RawMessage) []string {
	var found []string
	elements := json.NewDecoder(bytes.NewReader(raw))
	if first, _ := elements.Token(); first != json.Delim('[') {
		return nil
	}
	for elements.More() && len(found) < maxAddressLines {
		var element json.RawMessage
		if elements.Decode(&element) != nil {
			break
		}
		if one := line(element); one != "" {
			found = append(found, one)
		}
	}
	return found
}
