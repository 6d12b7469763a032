package legacy

import "fmt"

// The domains of the errors that a device reports when the old sign-in failed.
const (
	DomainCryptor        = "com.apple.icloud.messages.business.cryptor"
	DomainAuthentication = "com.apple.icloud.messages.business.authentication.error"
)

type deviceError struct {
	domain string
	code   int
}

// explanations are of logs and of what the device's code was seen to do; Apple documents none of them.
var explanations = map[deviceError]string{
	{DomainCryptor, 0}: "The device got an empty responseEncryptionKey. " +
		"Send the key of the request with it.",
	{DomainCryptor, 1}: "The device could not read responseEncryptionKey as base64. " +
		"Send it in standard base64 with padding; the URL-safe alphabet is refused.",
	{DomainCryptor, 2}: "The device could not make a key of responseEncryptionKey: it is not a point of an elliptic curve, but an RSA key, PEM or DER, perhaps. " +
		"Send the uncompressed point of P-384 alone, 97 bytes that begin with 04.",
	{DomainCryptor, 3}: "The device found the public key in responseEncryptionKey invalid: it is compressed or of another curve, perhaps. " +
		"Send the uncompressed point of P-384, 97 bytes that begin with 04.",
	{DomainCryptor, 4}: "The device could not encrypt the access token. " +
		"Ask the customer to try again; if it stays so, look for what is special about the key, the token or the version of the system.",
	{DomainAuthentication, 0}: "The device got no token from the sign-in provider, or an empty answer. " +
		"Check the token URL and the client identifier in Apple Business Register and the client secret; with responseType token, the token URL there must be empty.",
	{DomainAuthentication, 2}: "The provider's answer to the device has no access_token. " +
		"The token URL in Apple Business Register must answer with JSON that has one; check the URL, the client secret and what the provider answers.",
}

// longestDomain is how much of an unknown domain is repeated; Apple's are about half as long.
const longestDomain = 100

// Explain says in words what an error of the device means, and how to mend it.
func Explain(domain string, code int) string {
	if text, ok := explanations[deviceError{domain, code}]; ok {
		return text
	}
	const advice = "Ask the customer to try again; if it stays so, check the provider's settings in Apple Business Register."
	switch domain {
	case DomainCryptor:
		return fmt.Sprintf("The device could not encrypt the access token, for a reason that is not known (code %d). %s", code, advice)
	case DomainAuthentication:
		return fmt.Sprintf("The device could not get an access token, for a reason that is not known (code %d). %s", code, advice)
	}
	if len(domain) > longestDomain {
		domain = domain[:longestDomain]
	}
	return fmt.Sprintf("The device reported error %d of %q, which is not known. %s", code, domain, advice)
}
