package signature

import "time"

// unstated is the tolerance where the vendor names none: long enough for its retries, and shorter than the day for which
// the bridge recognises a repeat.
const unstated = time.Hour

// StandardWebhooks is the name of the scheme that the bridge itself uses.
const StandardWebhooks = "standard_webhooks"

// schemes is the table. The README of this folder shows it; a test compares the two.
var schemes = []Scheme{
	{
		Name: StandardWebhooks, Source: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
		Header: HeaderSignature, Prefix: "v1,", List: true,
		Template: "{id}.{ts}.{body}", Algorithm: HMACSHA256, Encoding: Base64, Key: KeyWhsec,
		IDHeader: HeaderID, TimeHeader: HeaderTimestamp, Time: Seconds, Tolerance: Tolerance,
	},
	{
		Name: "chatwoot", Source: "https://github.com/chatwoot/chatwoot/pull/13573",
		Header: "X-Chatwoot-Signature", Prefix: "sha256=",
		Template: "{ts}.{body}", Algorithm: HMACSHA256, Encoding: Hex, Key: KeyText,
		TimeHeader: "X-Chatwoot-Timestamp", Time: Seconds, Tolerance: Tolerance,
	},
	{
		Name: "libredesk", Source: "https://github.com/abhinavxd/libredesk/blob/main/internal/webhook/webhook.go",
		Header: "X-Libredesk-Signature", Prefix: "sha256=",
		Template: "{body}", Algorithm: HMACSHA256, Encoding: Hex, Key: KeyText,
		TimeField: "timestamp", Time: ISO8601, Tolerance: Tolerance,
	},
	{
		// An older page of the vendor has body and time the other way round, which is wrong.
		Name: "zendesk", Source: "https://developer.zendesk.com/documentation/webhooks/verifying/",
		Header:   "X-Zendesk-Webhook-Signature",
		Template: "{ts}{body}", Algorithm: HMACSHA256, Encoding: Base64, Key: KeyText, // the secret looks like base64, and is not decoded
		TimeHeader: "X-Zendesk-Webhook-Signature-Timestamp", Time: ISO8601, Tolerance: unstated,
	},
	{
		Name: "sunshine", Source: "https://docs.smooch.io/guide/receiving-messages/",
		Header: "X-API-Key", Algorithm: Token, Encoding: Plain, Key: KeyText,
	},
	{
		Name: "infobip_exchange", Source: "https://www.infobip.com/docs/exchange",
		Header:   "X-Ib-Exchange-Req-Signature",
		Template: "{ts}{body}", Algorithm: HMACSHA256, Encoding: Hex, Key: KeyText,
		TimeHeader: "X-Ib-Exchange-Req-Timestamp", Time: Milliseconds, Tolerance: unstated,
	},
	{
		Name: "iadvize", Source: "https://docs.iadvize.dev/apps/build-your-app/app-security",
		Header: "X-iAdvize-Signature", Prefix: "sha256=",
		Template: "{body_or_query}", Algorithm: HMACSHA256, Encoding: Hex, Key: KeyText,
	},
	{
		Name: "intercom", Source: "https://developers.intercom.com/docs/webhooks/setting-up-webhooks",
		Header: "X-Hub-Signature", Prefix: "sha1=",
		Template: "{body}", Algorithm: HMACSHA1, Encoding: Hex, Key: KeyText,
	},
	{
		Name: "freshchat", Source: "https://crmsupport.freshworks.com/en/support/solutions/articles/50000004461-freshchat-webhooks-payload-structure-and-authentication",
		Header:   "X-Freshchat-Signature",
		Template: "{body}", Algorithm: RSASHA256, Encoding: Base64, Key: KeyPEM,
	},
	{
		Name: "front", Source: "https://dev.frontapp.com/docs/security-1",
		Header:   "X-Front-Signature",
		Template: "{ts}:{body}", Algorithm: HMACSHA256, Encoding: Base64, Key: KeyText,
		TimeHeader: "X-Front-Request-Timestamp", Time: Milliseconds, Tolerance: Tolerance,
	},
	{
		Name: "front_rule", Source: "https://dev.frontapp.com/docs/rule-webhooks",
		Header:   "X-Front-Signature",
		Template: "{body}", Algorithm: HMACSHA1, Encoding: Base64, Key: KeyText,
	},
	{
		Name: "zammad", Source: "https://admin-docs.zammad.org/en/latest/manage/webhook.html",
		Header: "X-Hub-Signature", Prefix: "sha1=",
		Template: "{body}", Algorithm: HMACSHA1, Encoding: Hex, Key: KeyText,
	},
	{
		Name: "rocketchat", Source: "https://docs.rocket.chat/docs/webhooks",
		Header: "X-RocketChat-Livechat-Token", Algorithm: Token, Encoding: Plain, Key: KeyText,
	},
	{
		Name: "hubspot_v3", Source: "https://developers.hubspot.com/docs/api/webhooks/validating-requests",
		Header:   "X-HubSpot-Signature-v3",
		Template: "{method}{url_decoded}{body}{ts}", Algorithm: HMACSHA256, Encoding: Base64, Key: KeyText,
		TimeHeader: "X-HubSpot-Request-Timestamp", Time: Milliseconds, Tolerance: Tolerance,
	},
	{
		Name: "hubspot_v2", Source: "https://legacydocs.hubspot.com/docs/faq/v2-request-validation",
		Header:   "X-HubSpot-Signature",
		Template: "{method}{url}{body}", Algorithm: SHA256, Encoding: Hex, Key: KeyText,
	},
	{
		Name: "genesys", Source: "https://developer.genesys.cloud/commdigital/digital/openmessaging/validate",
		Header: "X-Hub-Signature-256", Prefix: "sha256=",
		Template: "{body}", Algorithm: HMACSHA256, Encoding: Base64, Key: KeyText, // GitHub has hex in this header
	},
	{
		Name: "helpscout", Source: "https://developer.helpscout.com/webhooks/",
		Header:   "X-HelpScout-Signature",
		Template: "{body}", Algorithm: HMACSHA1, Encoding: Base64, Key: KeyText,
	},
	{
		Name: "liveperson", Source: "https://developers.liveperson.com/connector-api-webhooks-notification-protocol.html",
		Header: "X-Liveperson-Signature", Prefix: "sha1=",
		Template: "{body}", Algorithm: HMACSHA1, Encoding: Base64, Key: KeyText,
	},
	{
		Name: "liveperson_sha256", Source: "https://developers.liveperson.com/connector-api-webhooks-notification-protocol.html",
		Header: "X-Liveperson-Signature", Prefix: "sha256=",
		Template: "{body}", Algorithm: HMACSHA256, Encoding: Base64, Key: KeyText,
	},
	{
		Name: "livechat", Source: "https://platform.text.com/docs/management/webhooks",
		Field: "secret_key", Algorithm: Token, Encoding: Plain, Key: KeyText,
	},
	{
		Name: "twilio", Source: "https://www.twilio.com/docs/usage/webhooks/webhooks-security",
		Header:   "X-Twilio-Signature",
		Template: "{url}{form}", Algorithm: HMACSHA1, Encoding: Base64, Key: KeyText,
	},
	{
		Name: "slack", Source: "https://docs.slack.dev/authentication/verifying-requests-from-slack",
		Header: "X-Slack-Signature", Prefix: "v0=",
		Template: "v0:{ts}:{body}", Algorithm: HMACSHA256, Encoding: Hex, Key: KeyText,
		TimeHeader: "X-Slack-Request-Timestamp", Time: Seconds, Tolerance: Tolerance,
	},
}
