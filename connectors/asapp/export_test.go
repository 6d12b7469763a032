package asapp

import (
	"strings"
	"time"

	"bizbridge/bridge/message"
)

// StreamID is the stream of a connector.
func (c *Connector) StreamID() string { return c.stream }

// Awaited is how many conversations wait for an answer.
func (c *Connector) Awaited() int { return len(c.watch.waiting(c.Now())) }

// Hasten lets everything that takes time take little.
func Hasten() (restore func()) {
	open, first, long, life, words, pause, patience := openTime, firstPause, longPause, goodLife, lastWords, sendPause, sendFor
	openTime, firstPause, longPause, goodLife, lastWords, sendPause, sendFor = 2*time.Second, 5*time.Millisecond, 20*time.Millisecond, time.Hour, 300*time.Millisecond, 5*time.Millisecond, 2*time.Second
	return func() {
		openTime, firstPause, longPause, goodLife, lastWords, sendPause, sendFor = open, first, long, life, words, pause, patience
	}
}

// SetSendFor changes for how long an answer is tried.
func SetSendFor(d time.Duration) { sendFor = d }

// ContentOf reads the data of one event.
func (c *Connector) ContentOf(data string) (content message.Content, key string, ours bool, err error) {
	event, ours, err := readEvent(data)
	if err == nil {
		content, key = c.contentOf(event)
	}
	return content, key, ours, err
}

// Events reads a whole stream.
func Events(stream string) (names, datas []string, err error) {
	reader := newEventReader(strings.NewReader(stream))
	for {
		event, err := reader.next()
		if err != nil {
			return names, datas, err
		}
		names, datas = append(names, event.name), append(datas, event.data)
	}
}

// TokenIn finds a token in the answer of a login.
var TokenIn = tokenIn
