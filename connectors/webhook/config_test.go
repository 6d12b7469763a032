package webhook_test

import (
	"slices"
	"strings"
	"testing"

	"bizbridge/bridge/httpclient/auth"
	"bizbridge/config"
	"bizbridge/connectors/webhook"
	"bizbridge/connectors/webhook/webhooktest"
)

func TestValidateSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	good := []config.Secret{webhooktest.Secret}
	for name, c := range map[string]struct {
		settings webhook.Config
		want     []string // path: message
	}{
		"right":                {webhook.Config{URL: "https://desk.example.com/hooks?x=1", Secrets: good}, nil},
		"a neighbour":          {webhook.Config{URL: "http://desk:8080", Secrets: good, VerifySecrets: good}, nil},
		"relative":             {webhook.Config{URL: "/hooks", Secrets: good}, []string{"url: is not an absolute http or https URL"}},
		"another scheme":       {webhook.Config{URL: "ftp://desk.example.com", Secrets: good}, []string{"url: is not an absolute http or https URL"}},
		"no host, only a port": {webhook.Config{URL: "http://:8080/hooks", Secrets: good}, []string{"url: is not an absolute http or https URL"}},
		"with a password":      {webhook.Config{URL: "https://u:p@desk.example.com", Secrets: good}, []string{"url: holds a user name or password"}},
		"with a fragment":      {webhook.Config{URL: "https://desk.example.com/#hooks", Secrets: good}, []string{"url: has a fragment (#…), which is never sent"}},
		"secrets": {
			webhook.Config{URL: "https://desk.example.com", Secrets: []config.Secret{webhooktest.Secret, "hunter2"}, VerifySecrets: []config.Secret{"whsec_hunter2!", "whsec_aHVudGVyMg=="}},
			[]string{
				"secrets[1]: does not begin with whsec_", "verify_secrets[0]: is not base64 after whsec_",
				"verify_secrets[1]: has 7 bytes; 24 to 64 are needed",
			},
		},
		"a mapping": {webhook.Config{URL: "https://desk.example.com", Secrets: good, Mapping: "desk.mapping.yaml", Vars: secretVars("base", "https://api.example.com/v2")}, nil},
		"a preset": {webhook.Config{
			URL: "https://rasa.example.com", Secrets: good, Mapping: "preset:rasa", VerifyHeader: "X-Token", VerifySecrets: []config.Secret{"0123456789abcdef"},
		}, nil},
		"keys of a mapping without one": {
			webhook.Config{URL: "https://desk.example.com", Secrets: good, VerifyHeader: "X-Token", Vars: secretVars("token", "hunter2")},
			[]string{"vars: are for a mapping, and there is none", "verify_header: is for helpdesks with a mapping"},
		},
		"a mapping with multipart": {
			webhook.Config{URL: "https://desk.example.com", Secrets: good, Mapping: "desk.mapping.yaml", Attachments: "multipart"},
			[]string{"attachments: cannot be multipart with a mapping"},
		},
		"a header without tokens": {
			webhook.Config{URL: "https://desk.example.com", Secrets: good, Mapping: "desk.mapping.yaml", VerifyHeader: "X Token:"},
			[]string{"verify_header: is no name of a header", "verify_secrets: are needed with verify_header"},
		},
		"tokens": {
			webhook.Config{
				URL: "https://desk.example.com", Secrets: good, Mapping: "desk.mapping.yaml", VerifyHeader: "X-Token",
				VerifySecrets: []config.Secret{"hunter2", "hunter2-hunter2-hunter2\n", "hunter2\nhunter2-hunter2"},
			},
			[]string{
				"verify_secrets[0]: is shorter than 16 characters", "verify_secrets[1]: has white space around it or a line break in it, which no header keeps",
				"verify_secrets[2]: has white space around it or a line break in it, which no header keeps",
			},
		},
		"a login": {webhook.Config{URL: "https://desk.example.com", Secrets: good, Auth: []auth.Settings{
			{Kind: "bearer", Token: "hunter2"}, {Kind: "api_key", Key: "hunter2", Query: "key"},
			{Kind: "customer_token", TokenURL: "https://desk.example.com/login", Fields: secretVars("user", "hunter2"), Cookie: "session"},
		}}, nil},
		"logins": {webhook.Config{URL: "https://desk.example.com", Secrets: good, Attachments: "multipart", Auth: []auth.Settings{
			{Kind: "oauth2_client_credentials", ClientID: "bridge", ClientSecret: "hunter2"}, {Kind: "hmac", Secret: "hunter2", Header: "webhook-signature"},
			{Kind: "customer_token", TokenURL: "http://desk.example.com/login", Fields: secretVars("user", "{customer_id}"), Header: "authorization"},
		}}, []string{
			"auth[0].token_url: is missing", "auth[1].header: is where the bridge's own signature stands", "auth[1].kind: cannot sign files beside an event",
			"auth[2].fields: ask for something of a customer, which a connector does not know", "auth[2].token_url: is plain HTTP",
			"auth[2]: is sent in the same place as auth[0]: header Authorization",
		}},
		"schemes": {webhook.Config{
			URL: "https://desk.example.com", Secrets: []config.Secret{"hunter2"}, VerifySecrets: []config.Secret{"hunter2", "hunter3"}, Attachments: "links",
			SignScheme: "slack", VerifyScheme: "hubspot_v3", VerifyURL: "https://bridge.example.com/webhooks/desk",
		}, nil},
		"one scheme, one secret":      {webhook.Config{URL: "https://desk.example.com", Secrets: []config.Secret{"hunter2"}, SignScheme: "zammad", VerifyScheme: "zammad"}, nil},
		"the default by its name":     {webhook.Config{URL: "https://desk.example.com", Secrets: good, SignScheme: "standard_webhooks", Attachments: "multipart"}, nil},
		"unknown schemes":             {webhook.Config{URL: "https://desk.example.com", Secrets: good, SignScheme: "v2", VerifyScheme: "v1"}, []string{"sign_scheme: names no known scheme", "verify_scheme: names no known scheme"}},
		"whose secrets?":              {webhook.Config{URL: "https://desk.example.com", Secrets: good, VerifyScheme: "zendesk"}, []string{"verify_secrets: are needed: what the helpdesk sends is not signed as what the bridge sends"}},
		"secrets of a scheme":         {webhook.Config{URL: "https://desk.example.com", Secrets: []config.Secret{"hunter2 "}, VerifySecrets: []config.Secret{"hunter2"}, SignScheme: "slack", VerifyScheme: "freshchat"}, []string{"secrets[0]: has white space around it", "verify_secrets[0]: is no RSA key in PEM"}},
		"a token of a scheme":         {webhook.Config{URL: "https://desk.example.com", Secrets: good, VerifySecrets: []config.Secret{"hunter2"}, VerifyScheme: "rocketchat"}, []string{"verify_secrets[0]: is shorter than 16 characters"}},
		"two ways to verify":          {webhook.Config{URL: "https://desk.example.com", Secrets: good, Mapping: "a.yaml", VerifySecrets: []config.Secret{"0123456789abcdef"}, VerifyHeader: "X-Token", VerifyScheme: "sunshine"}, []string{"verify_scheme: cannot stand beside verify_header"}},
		"an address that is missing":  {webhook.Config{URL: "https://desk.example.com", Secrets: good, VerifySecrets: []config.Secret{"x"}, VerifyScheme: "twilio"}, []string{"verify_url: is missing: twilio signs the address"}},
		"an address with a query":     {webhook.Config{URL: "https://desk.example.com", Secrets: good, VerifySecrets: []config.Secret{"x"}, VerifyScheme: "twilio", VerifyURL: "https://x.example.com?a"}, []string{"verify_url: has a query, which each webhook brings"}},
		"an address that is none":     {webhook.Config{URL: "https://desk.example.com", Secrets: good, VerifySecrets: []config.Secret{"x"}, VerifyScheme: "twilio", VerifyURL: "/webhooks"}, []string{"verify_url: is not an absolute http or https URL"}},
		"an address nobody signs":     {webhook.Config{URL: "https://desk.example.com", Secrets: good, VerifyURL: "https://x.example.com"}, []string{"verify_url: is for schemes that sign the address"}},
		"what the bridge cannot sign": {webhook.Config{URL: "https://desk.example.com", Secrets: []config.Secret{"0123456789abcdef"}, SignScheme: "livechat", VerifyScheme: "livechat"}, []string{"sign_scheme: sends the secret itself"}},
		"a key that only verifies":    {webhook.Config{URL: "https://desk.example.com", Secrets: []config.Secret{publicKey()}, SignScheme: "freshchat", VerifyScheme: "freshchat"}, []string{"sign_scheme: cannot sign: the first of secrets is a public key, which only verifies"}},
		"what the bridge never sends": {webhook.Config{URL: "https://desk.example.com", Secrets: []config.Secret{"x"}, VerifySecrets: good, VerifyScheme: "standard_webhooks", SignScheme: "twilio"}, []string{"sign_scheme: signs forms, which the bridge does not send"}},
		"beside a scheme": {webhook.Config{
			URL: "https://desk.example.com", Secrets: []config.Secret{"hunter2"}, SignScheme: "hubspot_v3", VerifySecrets: good, Attachments: "multipart",
			Auth: []auth.Settings{{Kind: "api_key", Key: "hunter2", Query: "key"}, {Kind: "bearer", Token: "hunter2", Header: "x-hubspot-request-timestamp"}},
		}, []string{
			"attachments: cannot be multipart with sign_scheme", "auth[0].query: changes the address, which sign_scheme covers",
			"auth[1].header: is where the bridge's own signature stands",
		}},
		"no such preset": {webhook.Config{URL: "https://desk.example.com", Secrets: good, Mapping: "preset:rassa"}, []string{"mapping: names a preset that does not exist"}},
		"variables of a preset": {
			webhook.Config{URL: "https://desk.example.com", Secrets: good, Mapping: "preset:chat", Vars: secretVars("base", "hunter2", "projekt", "hunter2")},
			[]string{
				"vars.base: is not an absolute http or https URL",
				`vars: the mapping has no variable "projekt"; it has: authorization, base, channel, choose, guest, project; the mapping needs vars that the configuration has to give: authorization, project`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			c.settings.Validate(func(path, message, hint string) {
				got = append(got, path+": "+message)
				if hint == "" {
					t.Errorf("%s: no hint", path)
				}
				if strings.Contains(message+hint, "hunter2") {
					t.Errorf("%s: the secret is in the message", path)
				}
			})
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

func secretVars(pairs ...string) map[string]config.Secret {
	vars := map[string]config.Secret{}
	for i := 0; i < len(pairs); i += 2 {
		vars[pairs[i]] = config.Secret(pairs[i+1])
	}
	return vars
}
