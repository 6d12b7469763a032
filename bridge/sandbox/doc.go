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
//   - Gateway is Apple's gateway (gateway.go, rules.go, accept.go, token.go): POST /v1/message
//     and /v1/decodePayload (interactive.go, reply.go, archive.go), GET /v1/preUpload and
//     /v1/preDownload (mmcs.go), and below /mmcs/ the store of encrypted files that they
//     lead to (transfer.go);
//   - Desk is a helpdesk's webhook endpoint, POST /hooks/apple (desk.go, events.go,
//     webhook.go, form.go), and GET /files/… for what the agent sends (deskfile.go);
//   - Pages is the web page with its live event stream, its JSON control API, and the
//     files that it shows (pages.go, api.go, stream.go, filepage.go, assets/).
//
// The phone (phone.go, phonefile.go, crypt.go, wire.go) posts to {BridgeURL}/message as
// Apple does. The desk posts to {BridgeURL}/webhooks/{Connector} (agent.go), and gets
// what the bridge links to when the agent opens it. Every request on any of
// the four hops is kept in a ring (traffic.go), and faults can be switched on
// (faults.go). All state is in memory, bounded, and behind one mutex: the
// sandbox serves one person at a time and clarity is worth more than speed. Only
// files have their own place (vault.go): bounded, too, the large ones in temporary
// files that Close removes.
//
// # Simulated strictly, from Apple's documents
//
// Towards the bridge (phone → bridge): gzip JSON; Bearer HS256 token with aud = MSP
// id and iat in seconds, signed with the base64-decoded secret; the headers id,
// source-id, destination-id, capability-list and device-agent; typing_start as the
// first request of a conversation; intent and group on the first text after an entry
// link only; tapbacks as quoted text; close when the customer deletes the
// conversation, the same opaque id when they come back; "Not Delivered" when the
// bridge does not answer 200. Attachments are encrypted with AES-256 in counter mode,
// each with a fresh key, and come as MMCS coordinates, the size a number, the signature in
// hex of either case and in base64; an answer that is too large comes as interactiveDataRef.
//
// From the bridge (bridge → gateway), in this order: 401 no Authorization, 403 an
// Authorization that does not hold, 400 malformed, 404 unknown business, unknown
// customer or a signed-out phone, 410 conversation deleted by the customer, else 200
// with an empty body, or with the dataRef of an interactive message that asked for it.
// Of attachments each field is checked against what was uploaded. preDownload answers
// 200 to parameters that lead nowhere, and the data is garbage. The phone shows a
// file as an icon when it does not decrypt to its type.
//
// # Choices of the simulator, where Apple documents nothing
//
//   - 400, 401, 403, 404 and 410 carry a plain-text reason. Apple's own are terse.
//   - 413 for a message over 8 MiB, before anything else is looked at.
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
//   - An upload address is good for 60 s and one upload: 409 after that, 403 when late,
//     411 for a chunked upload, 400 for another length, compression or an Authorization
//     header. What is refused by its headers alone does not spend the address. A download
//     address is good for 5 s, as often as wanted, 403 after that. Addresses mix escaped
//     and unescaped characters and are compared byte for byte: an altered one is 404.
//   - A signature is 0x81, or 0x01 for interactive content, and the ciphertext's SHA-1. One
//     in hex is no base64 to preDownload, for want of padding.
//   - A size of 0 cannot be uploaded. 100 MB are 100,000,000 bytes.
//   - Of parameters for preDownload, MMCS-* beats the short names. A missing one is 400.
//   - An attachment that does not fit its upload is 400, and so is a dataRefSig that is not
//     known, or a reference that is not as it was given. Interactive messages of an
//     MSP's own making (a key, no dataRefSig) are not taken.
//   - Whether a message came by reference is the customer's choice on the page, not a
//     matter of 10 KB: the phone answers by reference only, for now.
//   - decodePayload compresses its answer for those who accept gzip, and knows JSON and
//     archives of a URL, packed or not.
//   - Where nobody has called the gateway yet, the URL that identifies a phone's file has the host
//     mmcs.invalid: it is a name, and nobody can fetch it anyway.
//   - Of interactive messages only bid and data.requestIdentifier are checked. Rich links and
//     Apple's other routes are answered 400 with an explanation, for now.
//
// And at the desk: a form's part fileN belongs to the event's Nth attachment. Files of up
// to 64 KB, and 256 KB per message, are sent along; the bridge fetches larger ones.
//
// # Hooks for browser tests
//
// The page's elements carry data-testid attributes that stay stable. They are listed in
// assets/README.md, and the control API's paths in api.go.
package sandbox
