package stripe

// What agents read of a decline. Only fixed words: a code that is not here is not repeated. Where Stripe asks to tell no more
// than that the card was declined (fraud, a lost card), no more is told, since agents tell it on.
const (
	wordsDeclined = "the card was declined"
	wordsBank     = "the card's bank declined, and did not say why"
	wordsAuth     = "the card's bank wants a confirmation that Apple Pay in Messages cannot show"
	wordsFunds    = "the card has insufficient funds"
	wordsLimit    = "the card is at its limit"
	wordsExpired  = "the card has expired"
	wordsKind     = "the card cannot be used for this kind of payment"
	wordsCurrency = "the card cannot be used in this currency"
	wordsDetails  = "the card's bank did not accept the details of the card"
	wordsAddress  = "the card's bank did not accept the address"
	wordsPIN      = "the card's bank wants a PIN"
	wordsAgain    = "the card could not be processed; trying again may help"
	wordsTwice    = "the card's bank took it for a repeat of a payment made before"
	wordsAmount   = "the amount is not accepted"
	wordsTest     = "a test card was used where real ones are wanted, or the other way round"
)

var declineWords = map[string]string{
	"approve_with_id":                       wordsAgain,
	"authentication_not_handled":            wordsAuth,
	"authentication_required":               wordsAuth,
	"mobile_device_authentication_required": wordsAuth,
	"call_issuer":                           wordsBank,
	"do_not_honor":                          wordsBank,
	"do_not_try_again":                      wordsBank,
	"generic_decline":                       wordsBank,
	"no_action_taken":                       wordsBank,
	"not_permitted":                         wordsBank,
	"revocation_of_all_authorizations":      wordsBank,
	"revocation_of_authorization":           wordsBank,
	"security_violation":                    wordsBank,
	"service_not_allowed":                   wordsBank,
	"stop_payment_order":                    wordsBank,
	"transaction_not_allowed":               wordsBank,
	"card_not_supported":                    wordsKind,
	"invalid_account":                       wordsKind,
	"new_account_information_available":     wordsKind,
	"card_velocity_exceeded":                wordsLimit,
	"withdrawal_count_limit_exceeded":       wordsLimit,
	"currency_not_supported":                wordsCurrency,
	"duplicate_transaction":                 wordsTwice,
	"expired_card":                          wordsExpired,
	"incorrect_address":                     wordsAddress,
	"incorrect_zip":                         wordsAddress,
	"incorrect_cvc":                         wordsDetails,
	"incorrect_number":                      wordsDetails,
	"invalid_cvc":                           wordsDetails,
	"invalid_expiry_month":                  wordsDetails,
	"invalid_expiry_year":                   wordsDetails,
	"invalid_number":                        wordsDetails,
	"incorrect_pin":                         wordsPIN,
	"invalid_pin":                           wordsPIN,
	"offline_pin_required":                  wordsPIN,
	"online_or_offline_pin_required":        wordsPIN,
	"pin_try_exceeded":                      wordsPIN,
	"insufficient_funds":                    wordsFunds,
	"invalid_amount":                        wordsAmount,
	"issuer_not_available":                  wordsAgain,
	"processing_error":                      wordsAgain,
	"reenter_transaction":                   wordsAgain,
	"try_again_later":                       wordsAgain,
	"live_mode_test_card":                   wordsTest,
	"testmode_decline":                      wordsTest,
}

// codeWords are for errors that come without a decline code.
var codeWords = map[string]string{
	"authentication_required":               wordsAuth,
	"payment_intent_action_required":        wordsAuth,
	"payment_intent_authentication_failure": wordsAuth,
	"requires_action_not_handled":           wordsAuth,
	"card_decline_rate_limit_exceeded":      wordsLimit,
	"expired_card":                          wordsExpired,
	"incorrect_address":                     wordsAddress,
	"incorrect_cvc":                         wordsDetails,
	"incorrect_number":                      wordsDetails,
	"incorrect_zip":                         wordsAddress,
	"insufficient_funds":                    wordsFunds,
	"invalid_cvc":                           wordsDetails,
	"invalid_expiry_month":                  wordsDetails,
	"invalid_expiry_year":                   wordsDetails,
	"invalid_number":                        wordsDetails,
	"processing_error":                      wordsAgain,
}

// refusals are the error codes that operators may read: what is wrong with the account, the settings or the request.
var refusals = map[string]bool{
	"account_invalid": true, "amount_too_large": true, "amount_too_small": true, "api_key_expired": true,
	"idempotency_key_in_use": true, "invalid_charge_amount": true, "livemode_mismatch": true, "lock_timeout": true,
	"parameter_invalid_empty": true, "parameter_invalid_integer": true, "parameter_invalid_string_blank": true,
	"parameter_invalid_string_empty": true, "parameter_missing": true, "parameter_unknown": true, "parameters_exclusive": true,
	"payment_intent_incompatible_payment_method": true, "payment_intent_invalid_parameter": true,
	"payment_intent_unexpected_state": true, "payment_method_unactivated": true, "platform_api_key_expired": true,
	"rate_limit": true, "resource_missing": true, "secret_key_required": true, "testmode_charges_only": true,
	"tls_version_unsupported": true, "token_already_used": true, "url_invalid": true,
	"invalid_charge_amount_no_decimal_compatible": true,
}

// words are why a card was declined.
func (f fault) words() string {
	if words, ok := declineWords[f.DeclineCode]; ok {
		return words
	}
	if words, ok := codeWords[f.Code]; ok {
		return words
	}
	return wordsDeclined
}
