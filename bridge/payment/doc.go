// Package payment asks customers for money with Apple Pay, and lets the business's payment provider take it. The bridge
// moves requests for money, never money.
//
//	helpdesk    bridge                     Apple, Messages                      provider
//	   |           |                             |                                 |
//	   |--send---->| [Service.Ask]               |                                 |
//	   |           |--session, mTLS------------->| Apple Pay                       |
//	   |           |--/message, session, URLs--->| bubble; the customer taps       |
//	   |           |                             |                                 |
//	   |           |<--/pay/{token}/…Update------| the sheet changes               |
//	   |           |--payment.update, or rules------------------------------------>|
//	   |           |---new lines, new total----->|                                 |
//	   |           |                             | consents                        |
//	   |           |<--/pay/{token}/paymentGateway                                 |
//	   |           |--Apple Pay token, untouched---------------------------------->|
//	   |           |<--charged, how much-------------------------------------------|
//	   |<--payment.updated, authorized           |                                 |
//	   |           |---STATUS_SUCCESS----------->| Done                            |
//	   |           |<--POST /message, state------|                                 |
//	   |<--payment.updated, completed            |                                 |
//
// What proves what:
//
//   - The token in the callbacks' address is sealed by the bridge and expires. It proves that the bridge asked this customer
//     of this business for this, and how much; any replica can answer. Apple's callbacks are not authenticated otherwise:
//     who has the address can post to it, but has no Apple Pay token that the provider could charge.
//   - The provider's answer, and nothing else, proves that money was taken. The phone's own report at the end is
//     told only beside it.
//   - A total that the sheet cannot change is sealed, and what the provider says it charged is compared with it. Where totals
//     change, the provider keeps the cart by request_id: Apple's callbacks carry neither amount nor chosen shipping. The
//     static rules of a merchant ([Rules]) are the exception: they price by the address alone, which comes with the consent.
//
// A request is charged at most once because the provider is asked under the request's id, which does not change with the
// replica, the retry or the consent. The bridge repeats no call to a provider of which it does not know the outcome: that is
// told as uncertain.
//
// What is left: who answers an update late or wrongly ends the sheet, and the customer has to tap again; whether Apple's
// sheet takes an updated total over every step cannot be tried without an Apple account. A merchant whose rules change
// between request and consent takes nothing: the customer would not have seen the new price.
//
// Sources: protocol §8, from Apple's tutorial of 2020 and samples of 2025; for the
// sheet's words "Apple Pay on the Web", developer.apple.com/documentation/applepayontheweb.
package payment
