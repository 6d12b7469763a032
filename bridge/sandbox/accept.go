package sandbox

import (
	"fmt"
	"net/http"
)

// accept judges a well-formed message by the state of the world, and shows it on the phone.
func (s *Sandbox) accept(m *outbound) (result, *refusal) {
	prepared, err := s.saveMessage(m)
	if err != nil {
		return result{}, malformed(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, refused := s.recipient(m)
	if refused != nil {
		return result{}, refused
	}
	if content, ok := s.accepted.get(m.ID); ok {
		return s.acceptAgain(t, m, content)
	}
	if err := s.claimState(m); err != nil {
		return result{}, malformed(err)
	}
	b := &bubble{ID: m.ID, From: "business", Text: m.Body, At: s.now(), Automated: m.Automated}
	for i, file := range m.files {
		shown, err := s.receiveFile(file)
		if err != nil {
			return result{}, malformed(fmt.Errorf("attachments[%d]: %w", i, err))
		}
		b.Files = append(b.Files, shown)
	}
	switch m.Type {
	case "interactive":
		err = s.receiveInteractive(t, b, m, prepared)
	case "richLink":
		err = s.receiveLink(b, m, prepared)
	}
	if err != nil {
		return result{}, malformed(err)
	}
	s.accepted.put(m.ID, m.content)
	t.TypingUntil = 0 // a message ends the indicator, too
	switch m.Type {
	case "typing_start":
		t.TypingUntil = s.now().Add(businessTyping).UnixMilli()
	case "text", "interactive", "richLink":
		if !b.unseen {
			s.addBubble(t, b)
		}
	}
	s.publish("thread", t.meta())
	done := b.savedAnswer(m)
	if b.unseen {
		done.note = errFabricated.Error()
	}
	return done, nil
}

// acceptAgain takes a message whose id was taken before.
func (s *Sandbox) acceptAgain(t *thread, m *outbound, content string) (result, *refusal) {
	if content != m.content {
		return result{}, &refusal{http.StatusBadRequest, "this id was used before, with other content"}
	}
	done := result{}
	if b := t.bubble(m.ID); b != nil {
		b.Repeats++
		s.publishBubble(t, b)
		done = b.savedAnswer(m)
	}
	done.note = "repeat: this id was taken before, and is not shown again"
	return done, nil
}

// recipient finds whom a message is for.
func (s *Sandbox) recipient(m *outbound) (*thread, *refusal) {
	if _, ok := s.business(m.SourceID); !ok {
		return nil, &refusal{http.StatusNotFound, "unknown business"}
	}
	for _, t := range s.phones.threads {
		if t.OpaqueID != m.DestinationID || t.BusinessID != m.SourceID {
			continue
		}
		switch {
		case !t.Started:
			return nil, &refusal{http.StatusNotFound, "the customer never wrote to this business"}
		case t.person.SignedOut:
			return nil, &refusal{http.StatusNotFound, "the customer is signed out on all devices"}
		case t.Deleted:
			return nil, &refusal{http.StatusGone, "the customer deleted the conversation"}
		}
		return t, nil
	}
	return nil, &refusal{http.StatusNotFound, "unknown customer"}
}
