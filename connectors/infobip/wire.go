package infobip

import "encoding/json"

// inboundMessage is what the Open Channel takes: a message of a customer.
type inboundMessage struct {
	Sender          string           `json:"sender"`
	Destination     string           `json:"destination"`
	Content         content          `json:"content"`
	ResponseWebhook responseWebhook  `json:"responseWebhook"`
	Metadata        *messageMetadata `json:"metadata,omitempty"`
}

type content struct {
	Body body `json:"body"`
}

// body is what a message shows, in both directions.
type body struct {
	Type     bodyType        `json:"type"`
	Text     string          `json:"text,omitempty"`     // TEXT
	JSON     json.RawMessage `json:"json,omitempty"`     // JSON
	URL      string          `json:"url,omitempty"`      // IMAGE, AUDIO, FILE
	Caption  string          `json:"caption,omitempty"`  // IMAGE
	Filename string          `json:"filename,omitempty"` // FILE
}

type bodyType string

const (
	typeText  bodyType = "TEXT"
	typeJSON  bodyType = "JSON"
	typeImage bodyType = "IMAGE"
	typeAudio bodyType = "AUDIO"
	typeFile  bodyType = "FILE"
)

type responseWebhook struct {
	URL          string       `json:"url,omitempty"`
	CallbackData callbackData `json:"callbackData"`
}

// callbackData comes back with what is answered to a message.
type callbackData struct {
	MessageID string `json:"apple_message_id"`
	Business  string `json:"biz"`
	Sealed    string `json:"apple_context,omitempty"`
}

// messageMetadata is for flows and bots: they can look at it, and agents do not see it.
type messageMetadata struct {
	Intent   string          `json:"apple_intent,omitempty"`
	Group    string          `json:"apple_group,omitempty"`
	Locale   string          `json:"apple_locale,omitempty"`
	Reply    json.RawMessage `json:"apple_reply,omitempty"`
	Reaction json.RawMessage `json:"apple_reaction,omitempty"`
	Repeat   bool            `json:"apple_possible_repeat,omitempty"`
}

// webhook is what Infobip sends: what customers shall get, an event of Conversations, or a request of an Exchange app, which
// may have anything in it.
type webhook struct {
	// Of an event of Conversations, and of the bridge's own message.send.
	Type    string
	Payload json.RawMessage

	// Of a message through the Open Channel.
	Sender       string
	Destination  string
	Body         json.RawMessage // nil: it is none
	Flat         json.RawMessage // the same in a shape without body
	CallbackData json.RawMessage
}

// readWebhook takes what it knows. The reference has the body of a message in message, the example beside it in content.
// What stands there itself, without a body, is read as one if it comes from a channel.
func readWebhook(text []byte) (hook webhook, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return hook, err
	}
	read := func(name string, target any) { _ = json.Unmarshal(members[name], target) } // another type is another's
	read("type", &hook.Type)
	read("sender", &hook.Sender)
	read("destination", &hook.Destination)
	hook.Payload, hook.CallbackData = members["payload"], members["callbackData"]
	for _, name := range []string{"content", "message"} {
		var content map[string]json.RawMessage
		read(name, &content)
		if body, ok := content["body"]; ok {
			hook.Body = body
		} else if _, ok := content["type"]; ok {
			hook.Flat = members[name]
		}
	}
	return hook, nil
}

// conversationEvent is what the bridge reads of an event of Conversations.
type conversationEvent struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	Channel string `json:"channel"`
	Invoker struct {
		Type string `json:"type"`
	} `json:"invoker"`
	LastMessage struct {
		From      string `json:"from"`
		To        string `json:"to"`
		Direction string `json:"direction"`
	} `json:"lastMessage"`
}

const (
	eventStatusUpdated = "CONVERSATION_STATUS_UPDATED"
	openChannel        = "OPEN_CHANNEL"
	statusSolved       = "SOLVED"
	statusClosed       = "CLOSED"
	invokerAgent       = "AGENT"
	directionInbound   = "INBOUND"
)
