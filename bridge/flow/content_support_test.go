package flow

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	imagepng "image/png"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/fallback"
	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
)

// The devices of the tests.
var (
	phone = message.Device{Agent: "iPhone OS", Capabilities: message.ParseCapabilities("QUICK,LIST,TIME,AUTH,AUTH2,FORM")}
	watch = message.Device{Agent: "Watch OS", Capabilities: message.ParseCapabilities("")}
)

var sizes = message.QuickReply{Prompt: "Which size?", Options: []message.Option{{ID: "s", Title: "Small"}, {ID: "l", Title: "Large"}}}

// keeper is a helpdesk with notes, which keeps choices. It notes every call in its order.
type keeper struct {
	*desk
	mu    sync.Mutex
	calls []string
	kept  map[message.CustomerID]string
	keep  func(ctx context.Context, sealed string) error // nil: keeps everything
	ask   func(ctx context.Context) error
	note  func(ctx context.Context) error
}

func (k *keeper) called(call string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls = append(k.calls, call)
}

// said gives the calls so far.
func (k *keeper) said() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Join(k.calls, "; ")
}

// last is the last event that was delivered.
func (k *keeper) last() message.Event { return k.got[len(k.got)-1] }

func (k *keeper) KeepChoice(ctx context.Context, _ message.BusinessID, who message.CustomerID, sealed string) error {
	k.called(map[bool]string{true: "keep", false: "forget"}[sealed != ""])
	if k.keep != nil {
		if err := k.keep(ctx, sealed); err != nil {
			return err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept[who] = sealed
	return nil
}

func (k *keeper) KeptChoice(ctx context.Context, _ message.BusinessID, who message.CustomerID) (string, error) {
	if k.ask != nil {
		if err := k.ask(ctx); err != nil {
			return "", err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.kept[who], nil
}

func (k *keeper) WriteNote(ctx context.Context, _ message.BusinessID, _ message.CustomerID, text string) error {
	k.called("note " + strings.ReplaceAll(text, "\n", " | "))
	if k.note != nil {
		return k.note(ctx)
	}
	return nil
}

func newKeeper() *keeper { return &keeper{desk: &desk{}, kept: map[message.CustomerID]string{}} }

// newKeeperRig is a rig whose helpdesk keeps choices and has notes.
func newKeeperRig(t testing.TB, k *keeper, changes ...func(*Options)) *rig {
	t.Helper()
	return newRig(t, append([]func(*Options){func(o *Options) {
		o.Desks = map[message.BusinessID]*Desk{business: {Name: "desk", Connector: k}}
	}}, changes...)...)
}

// content is a message of a bot under a key that follows from its kind.
func contentFrom(kind message.SenderKind, content message.Content) message.Outbound {
	return message.Outbound{
		Key: fmt.Sprint("key of ", content), BusinessID: business, CustomerID: customer, Sender: message.Sender{Kind: kind}, Content: content,
	}
}

// show sends content to a device.
func (r *rig) show(t testing.TB, device message.Device, content message.Content) (message.SendResult, *message.Failure) {
	t.Helper()
	return r.showFrom(t, agents, device, contentFrom(message.SenderBot, content))
}

func (r *rig) showFrom(t testing.TB, sender Sender, device message.Device, out message.Outbound) (message.SendResult, *message.Failure) {
	t.Helper()
	out.Sealed = r.sealDevice(business, customer, device)
	return r.Outbound(context.Background(), sender, out)
}

// showed sends content and wants it accepted.
func (r *rig) showed(t testing.TB, device message.Device, content message.Content) message.SendResult {
	t.Helper()
	result, failure := r.show(t, device, content)
	wantNil(t, failure)
	wantEqual(t, "status", result.Status, message.StatusAccepted)
	return result
}

// outgoing names everything that was sent to Apple: texts by their words, links by their address, others by their kind.
func (g *gateway) outgoing() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	names := []string{}
	for _, out := range g.sent {
		names = append(names, nameOf(out))
	}
	return names
}

func nameOf(out apple.Outgoing) string {
	switch content := out.Content.(type) {
	case message.Text:
		return content.Text
	case message.RichLink:
		return "card " + content.URL
	}
	return string(out.Content.Kind())
}

func (r *rig) wantOutgoing(t testing.TB, want ...string) {
	t.Helper()
	if got := r.gateway.outgoing(); !slices.Equal(got, want) {
		t.Errorf("Apple got %q, want %q", got, want)
	}
}

// wantFallbacks checks fallbacks_total: exactly these steps, as from>to(reason), each as often as it is named.
func (r *rig) wantFallbacks(t testing.TB, want ...string) {
	t.Helper()
	for _, step := range fallback.Steps {
		name := stepName(step)
		times := 0
		for _, wanted := range want {
			if wanted == name {
				times++
			}
		}
		got := value(t, r.Metrics.Fallbacks.WithLabelValues(string(step.From), string(step.To), string(step.Reason)))
		wantEqual(t, "fallbacks_total "+name, got, float64(times))
	}
}

func stepName(step message.Fallback) string {
	return fmt.Sprintf("%s>%s(%s)", step.From, step.To, step.Reason)
}

func stepNames(result message.SendResult) string {
	var names []string
	for _, step := range result.Fallbacks {
		names = append(names, stepName(step))
	}
	return strings.Join(names, " ")
}

// opener is a server of files that is a function.
type opener func(ctx context.Context, url string) (*httpclient.Download, error)

func (o opener) Open(ctx context.Context, url string) (*httpclient.Download, error) {
	return o(ctx, url)
}

// hanging never answers.
var hanging = opener(func(ctx context.Context, _ string) (*httpclient.Download, error) {
	<-ctx.Done()
	return nil, message.FailureOf(ctx.Err())
})

// serving answers every address with the same bytes.
func serving(mimeType string, data []byte) opener {
	return func(context.Context, string) (*httpclient.Download, error) {
		return &httpclient.Download{Body: io.NopCloser(bytes.NewReader(data)), Size: int64(len(data)), MIMEType: mimeType}, nil
	}
}

// noise is a PNG of random pixels, which no encoder makes smaller.
func noise(t testing.TB, side int) []byte {
	t.Helper()
	random := rand.NewChaCha8([32]byte{byte(side)})
	img := image.NewRGBA(image.Rect(0, 0, side, side))
	_, _ = random.Read(img.Pix)
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = 255
	}
	return encoded(t, img)
}

// dot is a small PNG of one colour.
func dot(t testing.TB, shade uint8) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 20, 20))
	for i := range 20 * 20 {
		img.Set(i%20, i/20, color.RGBA{shade, shade, shade, 255})
	}
	return encoded(t, img)
}

func encoded(t testing.TB, img image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := imagepng.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func inBase64(data []byte) string { return base64.StdEncoding.EncodeToString(data) }
