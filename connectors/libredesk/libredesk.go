// Package libredesk connects LibreDesk 2.7. A customer's first message opens a conversation in a live chat inbox, as a
// website's widget would; everything else goes through the REST API, with the key of an agent. What agents answer comes by
// a webhook. The folder's README says why, and how it is set up.
package libredesk

import (
	_ "embed"
	"net/http"
	"strings"
	"sync/atomic"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/config"
	"bizbridge/connectors"
)

//go:embed config.schema.json
var schema []byte

// scheme is how LibreDesk signs its webhooks.
const scheme = "libredesk"

// The calls, as the metrics name them.
const (
	opFind   = "find_conversation"
	opRead   = "read_conversation"
	opLogin  = "exchange_token"
	opStart  = "start_conversation"
	opNotice = "set_attributes"
	opUpload = "upload_file"
	opSend   = "send_message"
	opNote   = "write_note"
	opStatus = "set_status"
	opCheck  = "check"
)

// Factory describes the connector to the registry.
func Factory() connectors.Factory {
	full, fallback := connectors.Full, connectors.Fallback
	return connectors.Factory{
		Type:      "libredesk",
		Summary:   "LibreDesk, through a live chat inbox of its own",
		NewConfig: func() any { return &Config{} },
		Schema:    schema,
		Abilities: connectors.Abilities{
			Inbound: map[message.EventType]connectors.Level{
				message.EventReceived: full, message.EventClosed: full,
				message.EventReplied: fallback, message.EventUnsupported: fallback, message.EventSent: fallback,
				message.EventFailed: fallback, message.EventSignIn: fallback, message.EventPayment: fallback,
			},
			Outbound: map[message.Kind]connectors.Level{message.KindText: full, message.KindFiles: full, message.KindTemplate: full},
		},
		PostsOnce:  true,
		Operations: []string{opFind, opRead, opLogin, opStart, opNotice, opUpload, opSend, opNote, opStatus, opCheck},
		Origin:     func(settings any) string { return settings.(*Config).URL },
		New:        newConnector,
	}
}

// Connector is one configured LibreDesk.
type Connector struct {
	connectors.Environment
	url         string
	credentials string // the value of the header Authorization
	inbox       string
	number      atomic.Int64 // of the inbox, once it is known
	inboxSecret config.Secret
	webhooks    *signature.Keys
}

var (
	_ connectors.CloseRelay         = (*Connector)(nil)
	_ connectors.FailureRelay       = (*Connector)(nil)
	_ connectors.Uploader           = (*Connector)(nil)
	_ connectors.NoteWriter         = (*Connector)(nil)
	_ connectors.ConversationFinder = (*Connector)(nil)
	_ connectors.Checker            = (*Connector)(nil)
)

func newConnector(env connectors.Environment, settings any) (connectors.Connector, error) {
	cfg := settings.(*Config)
	known, _ := signature.Lookup(scheme)
	webhooks, err := signature.New(known, config.Reveal(cfg.WebhookSecrets)...)
	if err != nil {
		return nil, err
	}
	return &Connector{
		Environment: env,
		url:         strings.TrimRight(cfg.URL, "/"),
		credentials: "token " + cfg.APIKey.Reveal() + ":" + cfg.APISecret.Reveal(),
		inbox:       cfg.InboxID, inboxSecret: cfg.InboxSecret,
		webhooks: webhooks,
	}, nil
}

// agent is the header of calls to the REST API.
func (c *Connector) agent() http.Header { return http.Header{"Authorization": {c.credentials}} }

// visitor is the header of calls that the widget makes; token is "" where it has none yet.
func (c *Connector) visitor(token string) http.Header {
	header := http.Header{"X-Libredesk-Inbox-Id": {c.inbox}}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	return header
}

// RelaysFailures is always so: LibreDesk does not read the answers to its webhooks.
func (c *Connector) RelaysFailures() bool { return true }

// UploadsFiles is always so.
func (c *Connector) UploadsFiles() bool { return true }
