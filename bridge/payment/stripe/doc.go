// Package stripe takes the money of Apple Pay requests through Stripe's public API: one PaymentIntent for each request,
// confirmed with the customer's Apple Pay token. It keeps nothing: every replica with the same key finds the same payment.
//
//	bridge                                                           Stripe
//	  |--POST /v1/payment_intents, key: the request------------------->| made once; a repeat is answered as before
//	  |<--pi_1 (and whether that was a repeat)--------------------------|
//	  |--GET /v1/payment_intents/search-------------------------------->| only after no repeat: has Stripe forgotten the key?
//	  |--GET /v1/payment_intents/pi_1---------------------------------->| only after a repeat
//	  |<--succeeded: done----------------------------------------------|
//	  |--POST /v1/payment_intents/pi_1, metadata----------------------->| only where that shows a refusal: another try follows
//	  |--POST /v1/tokens, key: the consent, Apple's token-------------->| decrypted
//	  |<--tok_1---------------------------------------------------------|
//	  |--POST /v1/payment_intents/pi_1/confirm, key: both, tok_1------->| CHARGES, or reserves
//	  |<--succeeded, or declined: done---------------------------------|
//	  |--GET /v1/payment_intents/pi_1---------------------------------->| once, where that did not tell
//	  |<--succeeded: done; else nobody knows---------------------------|
//
// What each call can do to money, and how often it is made:
//
//   - Making a PaymentIntent takes nothing. It is repeated under the key bizbridge-intent-<request>, so that there is one.
//     What a repeat is answered is as old as the first time; the status in it is not believed.
//   - Making a token takes nothing. It is repeated under bizbridge-token-<transaction>.
//   - Noting a refusal takes nothing, has no key and is repeated.
//   - The confirmation takes the money, or reserves it with capture: manual. It is made once for a consent, under
//     bizbridge-confirm-<request>-<transaction>, and never again by itself: not after 429 or 503 either, and not by net/http
//     beneath. Stripe would recognise a repeat with the same key and not charge again, but the answer to it would not say more
//     than a look at the PaymentIntent does. A PaymentIntent is charged once: a second consent, with another transaction, is
//     refused with payment_intent_unexpected_state, and the answer here is that the request is paid.
//   - Reading and searching take nothing and are repeated.
//
// What an answer means:
//
//   - succeeded and requires_capture are Authorized, with amount_received and amount_capturable, which may differ from what was
//     asked for; processing is Pending; canceled is Declined. Remarks say that money is only reserved, and where livemode is
//     false, that nobody was charged.
//   - 402 is Declined, and so is 200 with requires_payment_method. Reasons are words of this package; nothing that Stripe says is
//     repeated, since it can hold what the customer typed.
//   - 400 and 404 with an invalid_request_error are Permanent, 401 and 403 are Auth, a plain 429 is Throttled (Stripe counts
//     calls before it looks at them). Nothing was taken by the call.
//   - Everything else (no answer, half an answer, 5xx, 409, lock_timeout, idempotency_error, a token that was used, a state that
//     does not fit) is looked into once. Only what is final is believed then. A payment that wants a payment method may be one
//     whose confirmation is still on its way, so that is Uncertain.
//   - Where somebody else had the same PaymentIntent or the same token before, what fails for the moment (429, no connection) is
//     Uncertain as well: they may be paying.
//
// A failure before the PaymentIntent is known (Stripe cannot be reached, or refuses to make one) says that this attempt took
// nothing. It cannot say that no earlier one did, on another replica.
//
// An idempotency_error to the first call means that the request is known with another total, or from before the settings of
// capture changed, or from an older version of this package. Nothing is charged then. Whether the other was paid is searched
// for: if it was, that is the answer; if it was declined, so is this, and it takes a new request; if it is open, or is not found,
// since the search lags, that is Uncertain.
//
// Stripe may forget idempotency keys when they are 24 hours old. After that a request gets a second PaymentIntent. So, where
// the first call is no repeat, the request is searched for: if another PaymentIntent of it is paid, or is processing, that is
// the answer; if it cannot be read, that is Uncertain; if it is open or declined, the new one is confirmed. A search that
// fails, or takes more than two seconds, keeps nobody from paying: there is none for merchants in India, Stripe allows 20 a
// second, and it has outages. It is also behind by a minute, or an hour in an outage. What remains is that a request could be
// paid twice where both the key is forgotten and the search does not tell, so a request must not be payable for longer than
// keys live. The caller's tokens live for 12 hours at most. A 500 to the first call is remembered by Stripe for as long as a
// key: such a request cannot be paid any more, and takes a new one.
//
// What is found is believed only where its metadata has the request_id, the business_id and the customer (the first 32 hex digits
// of SHA-256 of the customer's id) that are asked for. What an older version made has no customer, and is not found.
//
// Find tells of a refusal (requires_payment_method with last_payment_error) only while no other try can be under way. It is not
// documented what Stripe shows of an earlier refusal during a confirmation, so a try that follows a refusal first writes the
// refused charge to metadata[refused]. A refusal that is written there is an old one: Find cannot tell then what comes of the
// try after it, until there is a newer refusal or a payment. This counts on tries that follow each other, as those of one sheet
// do. Of two consents that are given at the very same time on two replicas, the refusal of one could be told while the other is
// being confirmed.
//
// Stripe must be able to decrypt the token: the merchant identifier's payment processing certificate is made from a signing
// request of Stripe's (Dashboard: Settings, Payment methods, Apple Pay, iOS certificates).
//
// No real account at Stripe was at hand. Package stripetest was written from the documentation and behaves as that says. The
// least certain are POST /v1/tokens with a secret key (Stripe's apps send it with the publishable one), and the type of an
// answer of 409, for which the pages differ: it is the status that counts here. UGX is both in Stripe's list of currencies
// without decimals and among those that are written with two; the latter is followed.
//
// Sources. Stripe's pages were read in stored copies of 2025 and 2026, and some only in the parts that others quote; no page was
// fetched from Stripe:
//
//   - https://docs.stripe.com/api/payment_intents/confirm and /search (what a confirmation does to the status; that search lags)
//   - https://docs.stripe.com/api/payment_intents/object (last_payment_error "will be cleared if the PaymentIntent is later updated
//     for any reason", and names the failed charge)
//   - https://docs.stripe.com/search (limits, not in India)
//   - https://docs.stripe.com/payments/without-card-authentication (error_on_requires_action, authentication_not_handled)
//   - https://docs.stripe.com/api/idempotent_requests (what is saved, also 500; at least 24 hours; 255 characters)
//   - https://docs.stripe.com/error-low-level (replays, 429 before the keys)
//   - https://docs.stripe.com/api/errors, https://docs.stripe.com/error-codes, https://docs.stripe.com/rate-limits (lock_timeout)
//   - https://docs.stripe.com/declines/codes
//   - https://docs.stripe.com/currencies (minor units, zero-decimal, special cases, three-decimal)
//   - https://docs.stripe.com/api/versioning
//   - Stripe's SDK for iOS (STPAPIClient+ApplePay), of which an older version and a copy by Signal were read: pk_token,
//     pk_token_instrument_name, pk_token_payment_network, pk_token_transaction_id
//   - stripe-dotnet, generated from Stripe's OpenAPI document: the parameters of a confirmation
package stripe
