package messagetest

import (
	"bizbridge/bridge/message"
	"bizbridge/bridge/money"

	"pgregory.net/rapid"
)

// PaymentRequest gives requests whose total is the sum of their items, as written in the currency.
func PaymentRequest() *rapid.Generator[message.PaymentRequest] {
	return rapid.Custom(func(t *rapid.T) message.PaymentRequest {
		currency := rapid.SampledFrom([]money.Currency{"JPY", "USD", "EUR", "KWD"}).Draw(t, "currency")
		request := message.PaymentRequest{
			CurrencyCode: currency, MerchantName: optional(Label()).Draw(t, "merchant"), Images: Images().Draw(t, "images"),
			CountryCode:                   rapid.SampledFrom([]string{"", "US", "DE"}).Draw(t, "country"),
			RequiredBillingContactFields:  contactFields().Draw(t, "billing"),
			RequiredShippingContactFields: contactFields().Draw(t, "shipping"),
			SupportedNetworks:             rapid.SampledFrom([][]string{nil, {"visa", "masterCard"}}).Draw(t, "networks"),
			MerchantCapabilities:          rapid.SampledFrom([][]string{nil, {"supports3DS", "supportsDebit"}}).Draw(t, "capabilities"),
			FallbackURL:                   rapid.SampledFrom([]string{"", "https://pay.example.com/a?b=c"}).Draw(t, "fallback"),
		}
		if rapid.Bool().Draw(t, "bubbles") {
			received, reply := bubbles(t, request.Images)
			request.Received, request.Reply = &received, reply
		}
		request.LineItems = lineItems(t, currency)
		sum := request.Sum()
		if sum <= 0 {
			request.LineItems = append(request.LineItems, lineItem(t, currency, 1-sum))
			sum = 1
		}
		if rapid.Bool().Draw(t, "total") {
			total := lineItem(t, currency, sum)
			request.Total = &total
		}
		for _, id := range rapid.SliceOfNDistinct(id(), 0, 4, rapid.ID).Draw(t, "methods") {
			request.ShippingMethods = append(request.ShippingMethods, message.ShippingMethod{
				ID: id, Label: Label().Draw(t, "label"), Detail: optional(Label()).Draw(t, "detail"),
				Amount: currency.Format(money.Amount(rapid.Int64Range(0, 1e9).Draw(t, "amount"))),
			})
		}
		if len(request.LineItems) == 0 {
			request.LineItems = nil // as it is read
		}
		return request
	})
}

func lineItems(t *rapid.T, currency money.Currency) (items []message.LineItem) {
	for range rapid.IntRange(0, 6).Draw(t, "items") {
		items = append(items, lineItem(t, currency, money.Amount(rapid.Int64Range(-1e9, 1e9).Draw(t, "amount"))))
	}
	return items
}

func lineItem(t *rapid.T, currency money.Currency, amount money.Amount) message.LineItem {
	return message.LineItem{
		Label: Label().Draw(t, "label"), Amount: currency.Format(amount),
		Type: rapid.SampledFrom([]message.LineItemType{"", message.LineItemFinal, message.LineItemPending}).Draw(t, "type"),
	}
}

func contactFields() *rapid.Generator[[]message.ContactField] {
	return rapid.SampledFrom([][]message.ContactField{nil, {message.ContactPost}, {message.ContactName, message.ContactEmail, message.ContactPhone}})
}
