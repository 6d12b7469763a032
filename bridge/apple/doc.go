// Package apple speaks Apple's protocol for messaging service providers (MSP REST API v1): it verifies and reads what
// the gateway posts, and sends messages to it. Apple's wire format stays in here; the rest of the bridge sees
// [message.Event] and [message.Outbound].
package apple
