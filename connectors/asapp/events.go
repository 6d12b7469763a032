package asapp

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/connectors/plaintext"
)

// The types of GenerativeAgent's events. ASAPP's documentation has two names for some.
const (
	eventProcessingStart = "processingStart"
	eventProcessingEnd   = "processingEnd"
	eventReply           = "reply"
	eventAuthRequired    = "authenticationRequired"
	eventAuthRequested   = "authenticationRequested"
	eventToAgent         = "transferToAgent"
	eventToSystem        = "transferToSystem"
	eventSystemTransfer  = "systemTransfer"
)

// agentEvent is one event of GenerativeAgent.
type agentEvent struct {
	ID                     string `json:"generativeAgentMessageId"`
	ConversationID         string `json:"conversationId"`
	ExternalConversationID string `json:"externalConversationId"`
	Type                   string `json:"type"`
	Reply                  struct {
		MessageID string `json:"messageId"`
		Text      string `json:"text"`
	} `json:"reply"`
	SystemTransfer   *transfer `json:"systemTransfer"`
	TransferToSystem *transfer `json:"transferToSystem"`

	// missed is no event of ASAPP's: it asks what was said in the conversation while no stream was open.
	missed *due
}

// transfer is what GenerativeAgent hands over to a system.
type transfer struct {
	ReferenceVariables map[string]any `json:"referenceVariables"`
	TransferVariables  map[string]any `json:"transferVariables"`
	CurrentTaskName    string         `json:"currentTaskName"`
}

var errNoEvent = errors.New("an event of GenerativeAgent is not one")

// readEvent reads the data of a server-sent event. false: it is not about a customer of the bridge.
func readEvent(data string) (event agentEvent, ours bool, err error) {
	if err := json.Unmarshal([]byte(data), &event); err != nil {
		return event, false, errNoEvent // the cause would quote it
	}
	if event.ID == "" {
		sum := sha256.Sum256([]byte(data))
		event.ID = "sha256:" + hex.EncodeToString(sum[:16])
	}
	return event, event.ConversationID != "" && strings.HasPrefix(event.ExternalConversationID, "amb_"), nil
}

// contentOf is what an event says to the customer, and the key by which all replicas know it; nil for nothing.
func (c *Connector) contentOf(event agentEvent) (content message.Content, key string) {
	key = "event " + event.ConversationID + " " + event.Type + " " + event.ID // one id may stand for several
	switch event.Type {
	case eventProcessingStart:
		return message.Typing{State: message.TypingOn}, key
	case eventProcessingEnd:
		return message.Typing{State: message.TypingOff}, key
	case eventReply:
		if text := plaintext.FromMarkdown(event.Reply.Text); strings.TrimSpace(text) != "" {
			return message.Text{Text: text}, replyKey(event)
		}
	case eventAuthRequired, eventAuthRequested:
		return message.SignInRequest{}, key
	case eventToAgent:
		if c.settings.HandOverText != "" {
			return message.Text{Text: c.settings.HandOverText}, key
		}
	case eventToSystem, eventSystemTransfer:
		if handed := cmp.Or(event.TransferToSystem, event.SystemTransfer); handed != nil {
			if template, ok := handed.template(); ok {
				return template, key
			}
		}
	}
	return nil, ""
}

// replyKey is made of what the list of messages has too, so that a reply that is found there is the one that the stream
// brings. ASAPP's examples use one id for several replies; their texts tell them apart.
func replyKey(event agentEvent) string {
	sum := sha256.Sum256([]byte(event.Reply.Text))
	return "reply " + event.ConversationID + " " + event.Reply.MessageID + " " + hex.EncodeToString(sum[:8])
}

// templateVariables are the transfer variables that name a template.
var templateVariables = []string{"template", "quickReply", "listPicker", "timePicker", "form", "richLink", "payment"}

// template is the rich message that is asked for, with all other variables for its words.
func (t *transfer) template() (message.Template, bool) {
	for _, variable := range templateVariables {
		name, _ := t.TransferVariables[variable].(string)
		if !message.TemplateName.MatchString(name) {
			continue
		}
		vars := make(map[string]any)
		for _, variables := range []map[string]any{t.ReferenceVariables, t.TransferVariables} {
			for key, value := range variables {
				if key = snakeCase(key); message.TemplateName.MatchString(key) && value != nil {
					vars[key] = value
				}
			}
		}
		delete(vars, snakeCase(variable))
		return message.Template{Name: name, Vars: vars}, true
	}
	return message.Template{}, false
}

var wordEnd = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// snakeCase makes of ASAPP's names those that templates have: customerName becomes customer_name.
func snakeCase(name string) string {
	return strings.ToLower(wordEnd.ReplaceAllString(name, "${1}_${2}"))
}
