package chatwoot_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/connectors/chatwoot/chatwoottest"
)

const other = message.CustomerID("urn:mbid:b3RoZXI=")

const otherBusiness = message.BusinessID("bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee")

func byOther(data *message.Data) { data.CustomerID, data.BusinessID = other, otherBusiness }

// everything are the conversations of a merged contact, which bears the id of the customer who wrote last.
func everything(desk *chatwoottest.Desk) map[int64]chatwoottest.State {
	all := make(map[int64]chatwoottest.State)
	for _, who := range []message.CustomerID{customer, other} {
		for _, each := range desk.Conversations(string(who)) {
			all[each.ID] = each
		}
	}
	return all
}

// TestMergedContactsKeepTheirConversations: the contact has two Apple ids then, and the list of its conversations both.
func TestMergedContactsKeepTheirConversations(t *testing.T) {
	for _, otherIsNewer := range []bool{true, false} {
		desk, to := both(t, chatwoottest.Options{})
		if !otherIsNewer {
			deliver(t, to, event(message.EventReceived, "other", said("I am the other"), byOther))
		}
		mine := open(t, desk, to)
		if otherIsNewer {
			deliver(t, to, event(message.EventReceived, "other", said("I am the other"), byOther))
		}
		theirs := desk.Conversations(string(other))[0].ID
		desk.Merge(string(other), string(customer))

		deliver(t, to, event(message.EventReceived, "b", said("secret of one")))
		deliver(t, to, event(message.EventReceived, "c", said("secret of the other"), byOther))
		all := everything(desk)
		if got := shown(all[mine]); len(all) != 2 || !slices.Equal(got, []string{"in: Hello", "in: secret of one"}) {
			t.Errorf("one has %q, among %d conversations", got, len(all))
		}
		if got := shown(all[theirs]); !slices.Equal(got, []string{"in: I am the other", "in: secret of the other"}) {
			t.Errorf("the other has %q", got)
		}

		desk.Webhooks(nil)
		for id, want := range map[int64]message.Outbound{
			mine: {CustomerID: customer, BusinessID: business}, theirs: {CustomerID: other, BusinessID: otherBusiness},
		} {
			desk.Write(id, chatwoottest.Message{Type: chatwoottest.Outgoing, Content: "Answer", Sender: "Ada"})
			outs, err := to.Receive(t.Context(), desk.Webhooks(nil)[0])
			if err != nil || len(outs) != 1 || outs[0].CustomerID != want.CustomerID || outs[0].BusinessID != want.BusinessID {
				t.Errorf("the answer in %d goes to %+v, %v", id, outs, err)
			}
		}

		if err := to.RelayTyping(t.Context(), event(message.EventTypingStarted, "t")); err != nil {
			t.Errorf("one types: %v", err)
		}
		if err := to.RelayClose(t.Context(), event(message.EventClosed, "left")); err != nil {
			t.Errorf("one leaves: %v", err)
		}
		if all := everything(desk); all[mine].Status != "resolved" || all[theirs].Status != "open" {
			t.Errorf("one left: their conversation is %s, the other's %s", all[mine].Status, all[theirs].Status)
		}
	}
}

// TestAConversationOfAnotherBusiness is not the place for what the same customer writes to this one, unless the inbox has one
// for each contact: then it belongs to the business that was written to last.
func TestAConversationOfAnotherBusiness(t *testing.T) {
	for locked, want := range map[bool]int{false: 2, true: 1} {
		desk, to := both(t, chatwoottest.Options{Locked: locked})
		open(t, desk, to)
		deliver(t, to, event(message.EventReceived, "b", said("And you?"), func(data *message.Data) { data.BusinessID = otherBusiness }))
		all := desk.Conversations(string(customer))
		if last := all[len(all)-1]; len(all) != want || last.Attributes["apple_business_id"] != string(otherBusiness) {
			t.Errorf("locked %t: %d conversations, the last with %v", locked, len(all), last.Attributes)
		}
	}
}

// TestAConversationThatBearsAnothersMark is not answered: it was written into before contacts were told apart.
func TestAConversationThatBearsAnothersMark(t *testing.T) {
	desk, from := offline(t)
	const mark = "\"custom_attributes\": {\n      \"apple_intent\": \"order\""
	for name, c := range map[string]struct {
		mark string
		want message.BusinessID
	}{
		"another customer's":    {`"apple_customer": "amb_1"`, ""},
		"the customer's own":    {`"apple_customer": "amb_da239e8d88f4fdec6c5d7b20de8acf5816c18ce02052635c0d6d08daf876ff02"`, business},
		"of another business":   {`"apple_business_id": "` + string(otherBusiness) + `"`, otherBusiness},
		"what somebody wrote":   {`"apple_customer": "Ada", "apple_business_id": 7`, business},
		"without any":           {`"x": 1`, business},
		"with an empty one":     {`"apple_customer": "", "apple_business_id": ""`, business},
		"that is no text":       {`"apple_customer": {}`, business},
		"another reversible id": {`"apple_customer": "mbid_b3RoZXI"`, ""},
	} {
		body := strings.Replace(string(begun(t, "message_created.outgoing.text.json")), mark, "\"custom_attributes\": {"+c.mark+", \"apple_intent\": \"order\"", 1)
		if !strings.Contains(body, c.mark) {
			t.Fatal("the fixture is another one")
		}
		outs, err := receive(t, from, desk, []byte(body))
		if failure := message.FailureOf(err); (failure == nil) != (c.want != "") || failure != nil && failure.Class != message.Invalid || len(outs) != 1 || failure == nil && outs[0].BusinessID != c.want {
			t.Errorf("%s: %+v, %v", name, outs, err)
		}
	}
}

// listing is a Chatwoot whose list of conversations is given. What is written gets the answer of post.
func listing(t *testing.T, list string, post string) (url string, written *[]string) {
	t.Helper()
	written = new([]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case strings.HasSuffix(req.URL.Path, "/contacts") || req.Method == http.MethodPatch:
			_, _ = fmt.Fprint(w, `{"id":5,"source_id":"x"}`)
		case req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, "/conversations"):
			_, _ = fmt.Fprint(w, list)
		case strings.HasSuffix(req.URL.Path, "/messages"):
			*written = append(*written, req.URL.Path)
			_, _ = fmt.Fprint(w, post)
		default:
			_, _ = fmt.Fprint(w, `{"id":99}`)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, written
}

// TestAListThatTellsWhoseItsConversationsAre: some versions list the source id, and unmarked ones have the contact's
// identifier.
func TestAListThatTellsWhoseItsConversationsAre(t *testing.T) {
	for name, member := range map[string]string{
		"the source id": `"contact_inbox":{"source_id":"%s"}`, "the contact's identifier": `"meta":{"sender":{"identifier":"%s"}}`,
	} {
		url, written := listing(t, fmt.Sprintf(`{"payload":[{"id":12,"inbox_id":7,"status":"open",%s},{"id":11,"inbox_id":7,"status":"open",%s}]}`,
			fmt.Sprintf(member, "mbid_b3RoZXI"), fmt.Sprintf(member, source)), `{"id":99}`)
		deliver(t, connect(t, url), event(message.EventReceived, "m1", said("secret")))
		if want := []string{"/api/v1/accounts/1/conversations/11/messages"}; !slices.Equal(*written, want) {
			t.Errorf("%s: written to %q, want %q", name, *written, want)
		}
	}
}

// TestAListThatIsCut: each conversation has its last message twice, and mails of other inboxes are long.
func TestAListThatIsCut(t *testing.T) {
	mail := strings.Repeat("<td style='x'>", 5000)
	var list []string
	for i := range 20 {
		inbox := 3
		if i == 1 {
			inbox = chatwoottest.InboxID
		}
		list = append(list, fmt.Sprintf(`{"id":%d,"inbox_id":%d,"status":"open","messages":[{"id":1,"content":%q}]}`, 100-i, inbox, mail))
	}
	url, written := listing(t, `{"payload":[`+strings.Join(list, ",")+`]}`, `{"id":99}`)
	to := connect(t, url)
	deliver(t, to, event(message.EventReceived, "m1", said("Hello")))
	if want := []string{"/api/v1/accounts/1/conversations/99/messages"}; !slices.Equal(*written, want) {
		t.Errorf("written to %q, want %q", *written, want)
	}
	for _, list := range []string{``, `[]`, `{}`, `{"payload":7}`, `{"payload":[`, `{"payload":[{"id":"x"}]}`, `{"payload":[{"id":1`, `{"a":`} {
		url, _ := listing(t, list, `{"id":99}`)
		if _, err := try(t, connect(t, url), event(message.EventReceived, "m1", said("Hello"))); message.FailureOf(err) == nil || message.FailureOf(err).Class != message.Transient {
			t.Errorf("the list %q: %v", list, err)
		}
	}
}

// TestAnAnswerWithoutAnIDIsNotSure: a firewall may say 200 to what it has blocked.
func TestAnAnswerWithoutAnIDIsNotSure(t *testing.T) {
	for _, what := range []message.Event{
		event(message.EventReceived, "m1", said("union select 1; <script>")),
		event(message.EventReceived, "m2", func(data *message.Data) { data.Attachments = []message.Attachment{stream("a.txt", "text/plain", "x")} }),
	} {
		for _, answer := range []string{`<html>Request blocked. Incident 123</html>`, `{}`, ``, `{"id":null}`} {
			url, _ := listing(t, `{"payload":[{"id":12,"inbox_id":7,"status":"open"}]}`, answer)
			if _, err := try(t, connect(t, url), what); message.FailureOf(err) == nil || message.FailureOf(err).Class != message.Uncertain {
				t.Errorf("%s, %q: %v", what.Data.ID, answer, err)
			}
		}
	}
}
