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
// [Sandbox] offers handlers, to be served on separate listeners:
//
//   - Gateway is Apple's gateway (gateway.go, rules.go, accept.go, token.go): POST /v1/message,
//     /v1/authenticate (authenticate.go),
//     /v1/decodePayload (reply.go, archive.go) and /v1/constructPayload (richlink.go), GET
//     /v1/preUpload and /v1/preDownload (mmcs.go), and below /mmcs/ the store of encrypted
//     files that they lead to (transfer.go). Interactive messages and rich links are checked
//     by checks.go, interactive.go, images.go and a file for each kind: quickreply.go,
//     listpicker.go, timepicker.go, forms.go, customapp.go, paymentrules.go, richlink.go;
//   - Desk is a helpdesk's webhook endpoint, POST /hooks/apple (desk.go, events.go,
//     webhook.go, form.go, deskreply.go, desksignin.go, paymentdesk.go), and GET /files/… for what the agent sends
//     (deskfile.go). Beside it is a till, POST /hooks/payment: a payment provider's side of the shop (till.go, tillprices.go);
//   - Calls stands before another helpdesk's server, where [Options] have a [HelpDesk] in the place of the desk: what goes between it and
//     the bridge shows as if it were the desk's, and its page is in a frame on ours (helpdesk.go). Its webhooks come by way of Desk;
//   - Provider is an OpenID provider at which the phone's customers sign in (provider.go, providertoken.go,
//     consent/), where [Options] have a SignIn;
//   - MerchantSessions is Apple Pay's service of merchant sessions, for who has the merchant's certificate (paysession.go,
//     paycertificates.go), where Options have [MerchantSessions];
//   - Pages is the web page with its live event stream, its JSON control API, and the
//     files and images that it shows (pages.go, api.go, stream.go, filepage.go, images.go,
//     samples.go, assets/).
//
// The phone (phone.go, phonefile.go, answer.go, formanswer.go, signin.go, oldsignin.go, crypt.go, ecies.go, wire.go,
// payment.go, paysheet.go, paycallbacks.go)
// posts to {BridgeURL}/message as Apple does, and goes through the pages of a sign-in (webview.go). The desk posts to {BridgeURL}/webhooks/{Connector} (agent.go), and gets
// what the bridge links to when the agent opens it. Every request on any of
// these ways is kept in a ring (traffic.go), without what is secret (mask.go), and faults can be switched on
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
// hex of either case and in base64. Answers to interactive messages carry what was chosen, in
// the shape of Apple's examples; one of more than 10 KB comes as interactiveDataRef.
//
// From the bridge (bridge → gateway), in this order: 401 no Authorization, 403 an
// Authorization that does not hold, 400 malformed, 404 unknown business, unknown
// customer or a signed-out phone, 410 conversation deleted by the customer, else 200
// with an empty body, or with the dataRef of an interactive message that asked for it.
// Of interactive messages and rich links each field is checked by Apple's rules of August 2026:
// what is shown is printable and has at most 200 characters, images are PNGs of at most
// 200,000 bytes, together less than 5,000,000 as written, and are referred to by names that
// exist, forms use the short names of keyboards and come to an end on every way.
// Of payments each field is checked, that they add up, and that their session leads to the address that they name; a merchant
// that is not registered, or whose hash stands for it, is 400. The phone calls that address and the others without any token,
// as Apple does, and believes nothing but STATUS_SUCCESS.
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
//   - decodePayload compresses its answer for those who accept gzip, and knows JSON and
//     archives of a URL, packed or not.
//   - Where nobody has called the gateway yet, the URL that identifies a phone's file has the host
//     mmcs.invalid: it is a name, and nobody can fetch it anyway.
//   - Printable is all but control characters, line and paragraph separators, private use,
//     noncharacters, U+FFFC, U+FFFD and U+FEFF. Joiners and marks of direction are fine, and so
//     are code points that are newer than ours. A title of white space counts as missing.
//   - A PNG decodes when its header does and its end is there. Pixels are not looked at.
//   - sessionIdentifier and requestIdentifier are UUIDs. version or mspVersion must be "1.0".
//   - A quick reply must not have receivedMessage or replyMessage. Where a replyMessage is, it
//     has a title. An app's attachments are an empty list, or absent.
//   - A list picker's section titles, a time picker's title and a slot's order are optional; the
//     event's identifier is not. An icon of an app has less than 15,000 bytes.
//   - A form's items have a value, which may be any string. On a page for one choice the items
//     say what follows, and only they; elsewhere the page does, and only it; a page that
//     submits says nothing. Ways may meet and even lead back, as long as all can reach an end.
//   - Dates of a form are of y, M and d only. A regex is refused for what no dialect knows, and
//     where our own does not know it, the phone does not apply it. It must match the whole value.
//   - A rich link's image is a PNG, too, and its title a label. Addresses have at most 8,192
//     bytes. A richLinkDataRef comes back with the members that it was given, and no other.
//     Those addresses have an App Clip whose host begins with "appclip.".
//   - authenticate is refused on /v1/message, and everything else on /v1/authenticate. /v1/encodePayload
//     answers 400 with an explanation, for now. Invitations are taken without rules of
//     their own, and cannot be answered yet.
//   - A sign-in has a redirectURI, which makes it the new way, or a responseEncryptionKey, the old one, and no member
//     besides those that Apple documents. A state that another message had is 400. Scopes may be none. It gets no
//     dataRef. A device with AUTH2 knows the old way, too.
//   - The browser follows 10 redirects and takes 30 s. A way that ends at a page is a cancel, for that is what closing it
//     is; one that breaks is the failure "network_error". Of a messages-auth address, status error or failure is a failure
//     with its error as error_code, cancel a cancel, and any other unknown.
//   - Of the old way, a denial, a cancel and a page are errors of the domain authentication.error with code 0, the
//     fault bad_key is "Failed creating key", cryptor 2. Answers to sign-ins go inline, with the request's replyMessage
//     whatever came of it; that of the old way has alternateTitle in addition.
//   - A sign-in may be tapped again and again, but not while it is under way. Late is 5 s.
//   - The provider knows one client, and takes any redirect_uri with https, or http of the loopback. response_type token
//     is for the old way's address. Its browser finds the form by its fields person and decision: at another provider
//     it ends at the page. Tokens hold for 10 minutes, a code that comes twice takes back what was given for it.
//   - A merchant session is for one message, which an interactive message that is sent again is not: with a session that
//     was used or has expired, the phone shows "Invalid Payment Request". With one that was made up or altered, Apple answers
//     200 and the phone shows nothing. Sessions expire until the message comes; how late it is paid does not matter.
//     Without a certificate there is no connection, with another merchant's 417.
//   - Amounts have at most four decimals, whatever the currency. The total is the sum of the items where there are any, with
//     the amounts of those that are pending. No member is taken that is not documented, and no network that Apple Pay JS lacks.
//   - A sheet begins with the first contact, method, and card that the business takes, and tells of the contact only. It tells
//     of the order once for a message: the items, then the total. It shows the first of new methods as chosen.
//   - An answer to an update is {}, or newLineItems with a newTotal that is their sum; that to a contact may have
//     newShippingMethods and errors, which keep the customer from paying until they choose another contact. Anything else, or
//     nothing within 30 s, ends the sheet, and so does another status than 200. The answer to the order is not looked at.
//   - A payment that is not answered 200 and STATUS_SUCCESS within 30 s was not completed. The sheet stays, for another try
//     with another transaction; who leaves it then leaves with a failure. While a payment is processed nobody can leave.
//   - payment.state is success, failure or canceled, once for each sheet, by reference. What was paid cannot be opened again.
//   - Before they have paid, a British contact's postal code is its first half. Billing is the first contact's.
//   - Paid twice means at the same time. Told late means after the payment was answered; what was held back when the customer
//     leaves is never told. Tokens have the shape of EC_v1, and noise in them.
//   - A device without Apple Pay gets the fallback's page by GET, follows it as the browser of a sign-in does, and tells nobody.
//   - Requests of the bridge's to the provider are told from the phone's by User-Agent, in the traffic panel only.
//   - What a device cannot show, by its capabilities when the message came, is a placeholder for
//     good. Apps run on the iPhone only; a watch shows text and links.
//   - Quick replies can be answered until any bubble follows, everything else for as long as its
//     bytes are kept, as often as wanted, each time with the bubble's one session.
//   - Answered up to 10,240 bytes of interactiveData inline, else by reference, unless the page
//     asks for one or the other. An app's archive holds its URL and session, and nothing else.
//   - A time picker without an offset shows GMT. Answers of several items are in the picker's
//     order. An input left empty is answered with an empty value, and each page once.
//   - The same answer may be delivered twice: a second after the first, and only if that arrived.
//   - Requests with Sec-Fetch-Mode are an agent's browser's, and no calls of the bridge's. Faults of the desk hit the calls of the bridge,
//     not its webhooks.
//   - The desk shows of a content that the page wrote its first words only.
//   - At the desk somebody is signed in once steps of one request have told both who and that Apple confirms it, in
//     either order. Steps after that alter nothing.
//
// And at the desk: a form's part fileN belongs to the event's Nth attachment. Files of up
// to 64 KB, and 256 KB per message, are sent along; the bridge fetches larger ones.
//
// A payment has one line there: once it was paid, only its completion alters the line. The till knows the carts that the desk
// sent by the request_id among the parts of the bridge's answer, ships to three countries, taxes by country, asks more for
// shipping abroad, and charges a request once: whatever is asked after that is answered as the first success was. What was
// declined stays so for its transaction, what is pending until the fault is off and somebody asks.
//
// # Hooks for browser tests
//
// The page's elements carry data-testid attributes that stay stable. They are listed in
// assets/README.md, and the control API's paths in api.go.
package sandbox
