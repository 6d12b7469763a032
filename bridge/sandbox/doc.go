// Package sandbox simulates what stands on both sides of the bridge, so that the
// bridge can be tried and tested without an Apple account and without a helpdesk:
//
//	phone page ─▶ simulated Apple gateway ─▶ bridge ─▶ desk page
//	phone page ◀─ simulated Apple gateway ◀─ bridge ◀─ desk page
//
// It is written from Apple's protocol and from the bridge's public webhook
// contract only, and shares no code with the rest of the module: a mistake made
// on one side cannot be repeated on the other. A test forbids the import.
//
// # Shape
//
// [Sandbox] offers three handlers, to be served on separate listeners:
//
//   - Gateway is Apple's gateway, POST /v1/message (gateway.go, rules.go, token.go);
//   - Desk is a helpdesk's webhook endpoint, POST /hooks/apple (desk.go, events.go, webhook.go);
//   - Pages is the web page with its live event stream and its JSON control API
//     (pages.go, api.go, stream.go, assets/).
//
// The phone (phone.go, wire.go) posts to {BridgeURL}/message as Apple does. The desk
// posts to {BridgeURL}/webhooks/{Connector} (agent.go). Every request on any of
// the four hops is kept in a ring (traffic.go), and faults can be switched on
// (faults.go). All state is in memory, bounded, and behind one mutex: the
// sandbox serves one person at a time and clarity is worth more than speed.
//
// # Simulated strictly, from Apple's documents
//
// Towards the bridge (phone → bridge): gzip JSON; Bearer HS256 token with aud = MSP
// id and iat in seconds, signed with the base64-decoded secret; the headers id,
// source-id, destination-id, capability-list and device-agent; typing_start as the
// first request of a conversation; intent and group on the first text after an entry
// link only; tapbacks as quoted text; close when the customer deletes the
// conversation, the same opaque id when they come back; "Not Delivered" when the
// bridge does not answer 200.
//
// From the bridge (bridge → gateway), in this order: 401 no Authorization, 403 an
// Authorization that does not hold, 400 malformed, 404 unknown business, unknown
// customer or a signed-out phone, 410 conversation deleted by the customer, else 200
// with an empty body.
//
// # Choices of the simulator, where Apple documents nothing
//
//   - 400, 401, 403, 404 and 410 carry a plain-text reason. Apple's own are terse.
//   - 413 for a body over 1 MiB, before anything else is looked at.
//   - iat may be one hour off either way; exp is honoured where present.
//   - 404 also answers a business whom the customer never wrote to.
//   - A message id is used once: the same id with the same content is answered 200
//     and not shown again (the phone counts a repeat); with other content it is
//     400. The check comes last, so a repeat into a deleted conversation is 410.
//   - A conversation is open from the moment the phone sends, whether or not the
//     bridge accepts: an answer may be on its way before the bridge has said 200.
//   - One customer's requests are sent one after another, in order. Apple does not
//     promise that.
//   - Resending after "Not Delivered" repeats the same id and the same content, so
//     that de-duplication on the far side can be seen.
//   - The gateway gives the bridge 10 s, and does not retry.
//   - A signed-out phone cannot send either.
//   - A Mac sends its message ids in upper case, everything else in lower case: both
//     are seen in the field.
//   - A slow side takes the message after the delay even if the caller has gone by
//     then; an Apple that drops takes it and resets the connection. Both are the
//     uncertain outcome that a bridge must cope with.
//   - Attachments, rich links, interactive messages and Apple's other routes are
//     answered 400 with an explanation, for now.
//
// # Hooks for browser tests
//
// The page's elements carry data-testid attributes that stay stable. They are listed in
// assets/README.md, and the control API's paths in api.go.
package sandbox
