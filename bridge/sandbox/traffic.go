package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// The ways that a request can go.
const (
	phoneToBridge   = "phone-bridge"
	bridgeToDesk    = "bridge-desk"
	deskToBridge    = "desk-bridge"
	bridgeToGateway = "bridge-gateway"

	// Of sign-ins.
	phoneToProvider  = "phone-provider"
	bridgeToProvider = "bridge-provider"

	// Of payments.
	bridgeToPay = "bridge-pay" // Apple Pay's merchant sessions
	phoneToWeb  = "phone-web"  // where a device without Apple Pay is led to
)

const (
	shownBody   = 16 << 10 // characters of a body that the panel keeps
	shownAnswer = 4 << 10
)

// hop is one request, as the traffic panel shows it.
type hop struct {
	Seq     int64           `json:"seq"`
	Hop     string          `json:"hop"`
	At      time.Time       `json:"at"`
	Method  string          `json:"method"`
	Path    string          `json:"path"`
	Headers [][2]string     `json:"headers"`
	Claims  json.RawMessage `json:"claims,omitempty"` // of the bearer token, which itself is never shown
	Summary string          `json:"summary"`
	Body    string          `json:"body"`
	Encoded string          `json:"encoded,omitempty"` // how the body travelled, "gzip, 180 bytes"
	Check   check           `json:"check"`
	Status  int             `json:"status"` // 0 where no answer came
	Answer  string          `json:"answer,omitempty"`
	Note    string          `json:"note,omitempty"`
	MS      float64         `json:"ms"`
	Done    bool            `json:"done"`

	began time.Time
}

// check is what became of a request's signature. State is "ok", "bad", or "signed"
// where the sandbox is the one that signed.
type check struct {
	State string `json:"state"`
	Text  string `json:"text"`
}

// traffic is the ring of the newest hops, oldest first.
type traffic struct {
	last int64
	hops []*hop
}

// openHop records a request that begins.
func (s *Sandbox) openHop(name, method, path string, h http.Header) *hop {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.traffic.last++
	x := &hop{
		Seq: s.traffic.last, Hop: name, At: s.now(), began: time.Now(),
		Method: method, Path: shorten(path, 300), Headers: shownHeaders(h),
		Claims: tokenClaims(h.Get("Authorization")),
	}
	if len(s.traffic.hops) >= maxHops {
		s.traffic.hops = slices.Delete(s.traffic.hops, 0, len(s.traffic.hops)-maxHops+1)
	}
	s.traffic.hops = append(s.traffic.hops, x)
	return x
}

// carry adds the request's body, how it was encoded, and its signature check, and
// shows the row as under way.
func (s *Sandbox) carry(x *hop, body []byte, encoded string, c check) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.Body, x.Encoded, x.Summary, x.Check = pretty(maskSecrets(body), shownBody), encoded, summarize(body), c
	s.publish("hop", x)
}

// closeHop records the answer. The note says what a status alone does not.
func (s *Sandbox) closeHop(x *hop, status int, answer, note string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.Status, x.Answer, x.Note, x.Done = status, pretty(maskSecrets([]byte(answer)), shownAnswer), note, true
	x.MS = float64(time.Since(x.began).Microseconds()) / 1000
	s.publish("hop", x)
}

func (s *Sandbox) clearTraffic() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.traffic.hops = nil
	s.publish("traffic_cleared", struct{}{})
}

// shownHeaders lists headers by name. A token is cut so short that it is of no use:
// its claims are shown beside it.
func shownHeaders(h http.Header) [][2]string {
	list := make([][2]string, 0, len(h))
	for name, values := range h {
		value := strings.Join(values, ", ")
		if strings.EqualFold(name, "Authorization") || strings.EqualFold(name, "Cookie") {
			value = fmt.Sprintf("%s… (%d characters)", firstRunes(value, 14), len(value))
		}
		list = append(list, [2]string{name, shorten(value, 600)})
	}
	slices.SortFunc(list, func(a, b [2]string) int {
		return strings.Compare(strings.ToLower(a[0]), strings.ToLower(b[0]))
	})
	return list
}

func pretty(body []byte, limit int) string {
	var out bytes.Buffer
	if json.Indent(&out, body, "", "  ") == nil {
		return shorten(out.String(), limit)
	}
	return shorten(strings.ToValidUTF8(string(body), "�"), limit)
}

// summarize says in a few words what a body is, whichever of the formats it has.
func summarize(body []byte) string {
	type list []json.RawMessage
	type titled struct {
		Title string `json:"title"`
	}
	var m struct {
		Type        string `json:"type"`
		Body        string `json:"body"` // Apple's, as are the next
		Attachments list   `json:"attachments"`
		Interactive struct {
			Received titled `json:"receivedMessage"`
			Data     struct {
				Replied titled `json:"replyMessage"`
				Quick   struct {
					Summary  string `json:"summaryText"`
					Selected string `json:"selectedIdentifier"`
				} `json:"quick-reply"`
			} `json:"data"`
		} `json:"interactiveData"`
		Ref     titled   `json:"interactiveDataRef"`
		Link    titled   `json:"richLinkData"`
		LinkRef titled   `json:"richLinkDataRef"`
		Pays    struct { // the phone's word to a business
			Method   struct{ Type string }        `json:"paymentMethod"`
			Contact  struct{ CountryCode string } `json:"shippingContact"`
			Shipping struct{ Label string }       `json:"shippingMethod"`
			Token    struct {
				Method struct{ DisplayName string } `json:"paymentMethod"`
			} `json:"paymentToken"`
		} `json:"payment"`
		agentWords // other helpdesks'
		Data       struct {
			Text string `json:"text"`
			Paid struct {
				Summary string `json:"summary"`
			} `json:"payment"`
			Attachments list   `json:"attachments"`
			Reply       titled `json:"reply"`
			Content     struct {
				Kind     string `json:"kind"`
				Text     string `json:"text"`
				State    string `json:"state"`
				Prompt   string `json:"prompt"`
				Title    string `json:"title"`
				Received titled `json:"received"`
				Files    list   `json:"files"`
			} `json:"content"`
		} `json:"data"`
	}
	var misfit *json.UnmarshalTypeError // a member that is wrong on purpose hides no other
	if err := json.Unmarshal(body, &m); err != nil && !errors.As(err, &misfit) {
		return ""
	}
	var words []string
	if name := cmp.Or(m.Type, m.Event); name != "" {
		words = append(words, name)
	}
	if m.Data.Content.Kind != "" {
		words = append(words, strings.TrimSpace(m.Data.Content.Kind+" "+m.Data.Content.State))
	}
	apples, content := m.Interactive, m.Data.Content
	for _, text := range append(m.agentWords.list(),
		m.Body, apples.Received.Title, apples.Data.Replied.Title, apples.Data.Quick.Summary, apples.Data.Quick.Selected, m.Ref.Title, m.Link.Title, m.LinkRef.Title,
		m.Pays.Method.Type, m.Pays.Contact.CountryCode, m.Pays.Shipping.Label, m.Pays.Token.Method.DisplayName, m.Data.Paid.Summary,
		m.Data.Text, m.Data.Reply.Title, content.Text, content.Prompt, content.Received.Title, content.Title,
	) {
		if text = strings.Join(strings.Fields(strings.ReplaceAll(text, "\uFFFC", "")), " "); text != "" {
			words = append(words, "“"+shorten(text, 80)+"”")
		}
	}
	switch n := len(m.Attachments) + len(m.Data.Attachments) + len(m.Data.Content.Files); n {
	case 0:
	case 1:
		words = append(words, "1 file")
	default:
		words = append(words, fmt.Sprint(n, " files"))
	}
	return strings.Join(words, " · ")
}

// shorten cuts a text to a number of runes and says so with an ellipsis.
func shorten(text string, limit int) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return firstRunes(text, limit) + "…"
}

func firstRunes(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}
