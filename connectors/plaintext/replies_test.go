package plaintext_test

import (
	"testing"

	"bizbridge/connectors/plaintext"
)

// What helpdesks send for an agent's reply: the bodies of their webhooks, and what their editors write.
func TestRepliesInHTML(t *testing.T) {
	table{
		"LibreDesk":                {"<p>Hi, Alice here &amp; happy to help</p>", "Hi, Alice here & happy to help"},
		"LibreDesk, plain":         {"Hello from Messages", "Hello from Messages"},
		"LibreDesk, two words":     {"Second <b>inbound</b>", "Second inbound"},
		"LibreDesk, an empty line": {`<p>Hi</p><p><br class="ProseMirror-trailingBreak"></p><p>Bye</p>`, "Hi\n\nBye"},
		"LibreDesk, a list":        {`<p>Please:</p><ul class="list-disc"><li class="ml-4"><p>restart</p></li><li class="ml-4"><p>call <a target="_blank" rel="noopener" href="https://example.test/call">us</a></p></li></ul>`, "Please:\n\n- restart\n- call us (https://example.test/call)"},
		"Zammad":                   {"<div>Hi, how can I help?</div>", "Hi, how can I help?"},
		"Zammad, a signature":      {`<div>Hi Anna,</div><div><br></div><div>done.</div><div><br></div><div data-signature="true" data-signature-id="1">&nbsp; Alice Agent<br>--<br>&nbsp; Example Ltd · <a href="https://example.test" rel="nofollow noreferrer noopener" target="_blank" title="https://example.test">example.test</a></div>`, "Hi Anna,\n\ndone.\n\n\u00a0Alice Agent\n--\n\u00a0Example Ltd · example.test"},
		"Zammad, a quote":          {`<div>Yes.</div><div><br></div><blockquote type="cite"><div>On Monday, Anna wrote:</div><div>Is it open?</div></blockquote>`, "Yes.\n\n> On Monday, Anna wrote:\n> Is it open?"},
		"Intercom":                 {"<p>Hi, how can I <b>help</b>?</p>", "Hi, how can I help?"},
		"Intercom, an image":       {`<p class="no-margin">Look:</p><div class="intercom-container"><img src="https://downloads.example.test/i/o/1/p.png?expires=1"></div><p class="no-margin"></p><p class="no-margin">OK?</p>`, "Look:\n\nOK?"},
		"Intercom, an article":     {`<p>See <a href="https://help.example.test/en/articles/1" target="_blank" class="intercom-content-link">Returns</a> &#128512;</p>`, "See Returns (https://help.example.test/en/articles/1) 😀"},
		"Front":                    {"<p>Hi, how can I <b>help</b>?</p>", "Hi, how can I help?"},
		"Front, an emoji":          {`<div>Thanks <img class="emoji" alt="🙏" src="https://app.example.test/1f64f.png"></div><div><br></div><div class="front-signature"><p style="margin:0">Alice<br>Example</p></div>`, "Thanks 🙏\n\nAlice\nExample"},
		"HubSpot":                  {"<p>Which size?</p>", "Which size?"},
		"HubSpot, an image":        {`<p>look</p><img src="https://24384.example.test/hubfs/24384/p.png">`, "look"},
		"HubSpot, its editor":      {`<div style="font-size: 14px; line-height: 20px"><div>Hi</div><div><span style="color:red">there</span></div></div>`, "Hi\nthere"},
		"Request Tracker":          {"<p>Hi, <b>Alice</b> here &amp; happy</p>", "Hi, Alice here & happy"},
		"Help Scout":               {"<p>Hi, how can I help?</p>", "Hi, how can I help?"},
		"Gmail":                    {`<div dir="ltr">Hello<div><br></div><div>See you</div></div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">Anna &lt;<a href="mailto:anna@example.test">anna@example.test</a>&gt; wrote:<br></div><blockquote class="gmail_quote" style="margin:0">Hi<br></blockquote></div>`, "Hello\n\nSee you\n\nAnna <anna@example.test> wrote:\n\n> Hi"},
		"Outlook":                  {"<html xmlns:o=\"urn:x\"><head><style><!-- p.MsoNormal {margin:0} --></style></head><body lang=DE><div class=WordSection1><p class=MsoNormal>Guten Tag,<o:p></o:p></p><p class=MsoNormal><o:p>&nbsp;</o:p></p><p class=MsoNormal>erledigt.<o:p></o:p></p></div></body></html>", "Guten Tag,\n\nerledigt."},
		"a newsletter":             {`<table role="presentation" width="600"><tr><td><table><tr><td><img src="logo.png" alt="Example"></td></tr><tr><td style="padding:9px"><p>Your order is on its way.</p><p><a href="https://track.example.test/1">Track it</a></p></td></tr></table></td></tr></table>`, "Example\nYour order is on its way.\nTrack it (https://track.example.test/1)"},
	}.check(t, plaintext.FromHTML)
}

func TestRepliesInMarkdown(t *testing.T) {
	table{
		"Chatwoot":                {"Hi, how can I help?", "Hi, how can I help?"},
		"Chatwoot, its editor":    {"Hi **Anna**,\n\nplease see [our page](https://example.test/returns) and *keep* `A-1`.\n\n1. Print\n2. Send\n\n\\- Alice", "Hi Anna,\n\nplease see our page (https://example.test/returns) and keep A-1.\n\n1. Print\n2. Send\n\n- Alice"},
		"Chatwoot, its line ends": {"Hi\\\nAnna\n\nBye", "Hi\nAnna\n\nBye"},
		"Chatwoot, a mention":     {"Ask [@Alice](mention://user/1/Alice)", "Ask @Alice"},
		"Dynamics":                {"Hi, how can I help?", "Hi, how can I help?"},
		"Dynamics, a card's text": {"**Order 1\\_2**\n\n* Phone\n* Case\n\n[Track](https://example.test/t?a=1&b=2)", "Order 1_2\n\n- Phone\n- Case\n\nTrack (https://example.test/t?a=1&b=2)"},
		"Rocket.Chat":             {"Hi, how can I help? :smile: _really_", "Hi, how can I help? :smile: really"},
	}.check(t, plaintext.FromMarkdown)
}
