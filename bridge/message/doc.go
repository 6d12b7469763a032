// Package message is the canonical model: the one set of types between Apple's wire format, which stays inside
// bridge/apple, and a helpdesk's, which stays inside its connector.
//
// An [Event] travels from the customer to the helpdesk, an [Outbound] from an agent or a bot to the customer. Both
// have the JSON form of the generic webhook helpdesk, so what a webhook receiver reads is what a connector gets.
//
// The package imports only the standard library, so that everything else can import it.
package message
