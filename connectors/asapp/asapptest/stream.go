package asapptest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Event is one event of GenerativeAgent. The fake fills in what is missing.
type Event map[string]any

// Reply is something that GenerativeAgent says.
func Reply(text string) Event { return Event{"type": "reply", "reply": map[string]any{"text": text}} }

// Processing is what GenerativeAgent sends for one question: events between a start and an end.
func Processing(events ...Event) []Event {
	return append(append([]Event{{"type": "processingStart"}}, events...), Event{"type": "processingEnd"})
}

// ticket is an address of a stream: good once, for 30 seconds.
type ticket struct {
	stream string
	until  time.Time
}

func (d *Desk) makeStream(w http.ResponseWriter, body []byte) {
	var asked struct {
		StreamID string `json:"streamId"`
	}
	if json.Unmarshal(body, &asked) != nil {
		refuse(w, http.StatusBadRequest, "Bad request")
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if asked.StreamID == "" {
		asked.StreamID = d.ulid()
	}
	token := "t0ken-of-a-stream-" + d.ulid()
	d.tickets[token] = ticket{asked.StreamID, time.Now().Add(30 * time.Second)}
	answer(w, http.StatusOK, map[string]any{
		"streamId": asked.StreamID, "streamingUrl": d.StreamURL + "/push-api/connect/sse?token=" + token, "messageTypes": []string{"generative-agent-message"},
	})
}

// serveStream takes a ticket and sends what comes for its stream. The API key is no business of it.
func (d *Desk) serveStream(w http.ResponseWriter, req *http.Request) {
	token := req.URL.Query().Get("token")
	d.mu.Lock()
	known, ok := d.tickets[token]
	delete(d.tickets, token)
	if !ok || time.Now().After(known.until) || req.Header.Get("asapp-api-secret") != "" {
		d.mu.Unlock()
		http.Error(w, "this address was used, is old, or came with a key", http.StatusForbidden)
		return
	}
	events := make(chan Event, 1024)
	for _, event := range d.kept[known.stream] {
		events <- event
	}
	delete(d.kept, known.stream)
	if former := d.streams[known.stream]; former != nil {
		close(former) // one connection each
	}
	d.streams[known.stream] = events
	d.opened[known.stream]++
	d.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, ": welcome\n\nevent: status\ndata: {\"status\":\"ok\"}\n\n")
	flush := http.NewResponseController(w)
	_ = flush.Flush()
	d.send(req.Context(), w, events)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.streams[known.stream] == events {
		delete(d.streams, known.stream)
	}
}

func (d *Desk) send(ctx context.Context, w http.ResponseWriter, events chan Event) {
	for {
		select {
		case <-ctx.Done():
			return
		case event, open := <-events:
			if !open {
				return
			}
			if raw, ok := event["raw"].(string); ok {
				_, _ = io.WriteString(w, raw)
			} else {
				text, _ := json.Marshal(event)
				_, _ = fmt.Fprintf(w, "event: generative-agent-message\nid: %v\ndata: %s\n\n", event["generativeAgentMessageId"], text)
			}
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// Opened tells how often each stream was opened.
func (d *Desk) Opened() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	opened := make(map[string]int)
	for stream, times := range d.opened {
		opened[stream] = times
	}
	return opened
}

// Open tells how many streams are open.
func (d *Desk) Open() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.streams)
}

// Break ends all streams, as ASAPP does at times.
func (d *Desk) Break() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for stream, events := range d.streams {
		close(events)
		delete(d.streams, stream)
	}
}

// Say lets GenerativeAgent send events about a conversation to a stream: the replies are messages of the conversation.
func (d *Desk) Say(stream, conversation string, events ...Event) {
	d.emit(stream, conversation, events)
}

// Broadcast sends events as they are to all streams that are open.
func (d *Desk) Broadcast(events ...Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, stream := range d.streams {
		for _, event := range events {
			stream <- event
		}
	}
}

func (d *Desk) emit(stream, id string, events []Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.byID(id)
	for _, event := range events {
		filled := Event{"generativeAgentMessageId": d.ulid(), "conversationId": c.ID, "externalConversationId": c.ExternalID}
		for key, value := range event {
			filled[key] = value
		}
		switch filled["type"] {
		case "reply":
			said := filled["reply"].(map[string]any)["text"].(string)
			message := d.ulid()
			filled["reply"] = map[string]any{"messageId": message, "text": said}
			c.Messages = append(c.Messages, Message{ID: message, Role: "agent", Sender: "generative-agent", Text: said, Created: time.Now()})
		case "transferToAgent":
			c.State = "transferredToAgent"
		case "transferToSystem":
			c.State = "transferredToSystem"
		case "authenticationRequired":
			c.State = "waitingForAuth"
		}
		if open := d.streams[stream]; open != nil {
			open <- filled
		} else if d.KeepsEvents {
			d.kept[stream] = append(d.kept[stream], filled)
		}
	}
}

func (d *Desk) state(w http.ResponseWriter, externalID string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := d.byExternalID(externalID)
	if found == nil {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	answer(w, http.StatusOK, map[string]any{"state": found.State})
}

func (d *Desk) analyze(ctx context.Context, w http.ResponseWriter, body []byte) {
	var question struct {
		ConversationID string `json:"conversationId"`
		StreamID       string `json:"streamId"`
		Message        *asked `json:"message"`
	}
	if json.Unmarshal(body, &question) != nil || question.Message == nil || !question.Message.valid("customer") {
		refuse(w, http.StatusBadRequest, "Bad request")
		return
	}
	d.mu.Lock()
	c := d.byID(question.ConversationID)
	if c == nil {
		d.mu.Unlock()
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	stored, fresh := d.store(ctx, c, *question.Message)
	if fresh {
		c.State = "ready"
	}
	conversation := c.clone()
	d.mu.Unlock()
	if !fresh {
		refuse(w, http.StatusConflict, "Conflict")
		return
	}
	answer(w, http.StatusOK, map[string]string{"conversationId": c.ID, "messageId": stored})
	if d.Answer != nil {
		d.emit(question.StreamID, c.ID, d.Answer(conversation, question.Message.Text))
	}
}
