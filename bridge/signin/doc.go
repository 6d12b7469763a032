// Package signin asks an OAuth 2.0 or OpenID Connect provider who a customer is: Apple's sign-in for devices with the
// capability AUTH2. The older flow, in which the device fetches the token itself, has its cryptography in package legacy
// and asks here only for the last step, [Service.Identify].
//
//	helpdesk    bridge                    Apple, Messages                    provider
//	   |           |                            |                               |
//	   |--send---->| [Service.State]            |                               |
//	   |           |--/authenticate, state----->| bubble; the customer taps     |
//	   |           |                            |                               |
//	   |           |      pkce: false           |--OAuth URL, state------------>|
//	   |           |                            |                               |
//	   |           |<--GET /oauth/start, state--|  pkce: true                   |
//	   |           |---302, + challenge, nonce------(the browser)-------------->|
//	   |           |                            |                               | signs in
//	   |           |<--GET /oauth/callback, code, state---(the browser)---------|
//	   |           |--POST token: code, secret, verifier----------------------->|
//	   |           |<--access token, ID token-----------------------------------|
//	   |           |--GET userinfo, or check the ID token---------------------->|
//	   |<--signin.completed, identity, confirmed: false                         |
//	   |           |---302 messages-auth://---->| the sheet closes              |
//	   |           |<--POST /message, success---|                               |
//	   |<--signin.completed, confirmed: true                                    |
//
// What proves what:
//
//   - The state is sealed by the bridge. It proves that the bridge asked this customer of this business to sign in at this
//     provider, with this request, not long ago. It does not prove who came back with it: a link can be passed on.
//   - The code, exchanged with the client's secret, proves that whoever came back could sign in at the provider, and the
//     ID token or the userinfo of that exchange who they are there.
//   - The verifier and the nonce, where the provider's login begins at /oauth/start, prove that the code was given for this
//     very state: one that was stolen elsewhere and brought with a state of the thief's own buys nothing.
//   - Apple's success, which does not come through this package, tells that a sheet on the customer's own device reached
//     the end. Only with it is an identity more than a claim, hence Confirmed is false here.
//
// What is left: who gets somebody else to open their link and to sign in there, and then makes their own device report
// success, is taken for the other. The provider's page names who asks, a state works once on each replica and a code once
// at all, and a second person with the same request shows as a second identity: a receiver that sees two different subjects
// for one request must take neither. In the old flow the device brings the token, which a provider may have given to
// another program; where that matters, leave legacy off.
//
// Nothing is stored. The state carries 16 random bytes from which verifier and nonce are derived, so that every replica
// with the keys has them, also after a rotation. Used states are remembered by one replica only, and not for ever: what
// holds everywhere is that the provider takes a code once.
//
// Sources: RFC 6749 (OAuth 2.0), RFC 6750 (bearer tokens), RFC 7636 (PKCE), RFC 8414 (metadata), RFC 9207 (iss in the
// answer), RFC 9700 (best practice), OpenID Connect Core 1.0 and Discovery 1.0; Apple's "Authentication" in the MSP REST API
// documentation and its samples of 2025 for the request; the scheme messages-auth is known from one vendor's code.
package signin
