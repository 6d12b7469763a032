package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	imagepng "image/png"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/picture"
)

// gallery is a list whose items show these images.
func gallery(images ...message.Image) message.ListPicker {
	list := message.ListPicker{Received: message.Bubble{Title: "Look"}, Sections: []message.Section{{}}, Images: images}
	for i := range images {
		if images[i].ID == "" {
			images[i].ID = fmt.Sprint("image ", i)
		}
		list.Sections[0].Items = append(list.Sections[0].Items, message.Item{ID: fmt.Sprint(i), Title: "It", Image: images[i].ID})
	}
	return list
}

func TestPicturesAreFetchedAndMadeToFit(t *testing.T) {
	r := newFilesRig(t, func(o *Options) { o.Timeout = time.Minute }) // a busy machine is no failure
	large := noise(t, 400)                                            // 480 KB
	r.files.serve["/large"] = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(large) }
	r.files.serve["/dot"] = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(dot(t, 4)) }
	content := gallery(
		message.Image{URL: r.files.server.URL + "/large"}, message.Image{URL: r.files.server.URL + "/dot"}, message.Image{Data: inBase64(dot(t, 5))},
	)
	content.Images = append(content.Images, message.Image{ID: "unused", URL: r.files.server.URL + "/gone"}) // nobody sees it
	_, failure := r.showFrom(t, r.sender, phone, contentFrom(message.SenderBot, content))
	wantNil(t, failure)
	pictures := r.apple.sent[0].Pictures
	wantEqual(t, "pictures", len(pictures), 3)
	wantEqual(t, "by URL", string(pictures["image 1"]), string(dot(t, 4)))
	wantEqual(t, "by its bytes", string(pictures["image 2"]), string(dot(t, 5)))
	if _, err := imagepng.Decode(bytes.NewReader(pictures["image 0"])); err != nil || len(pictures["image 0"]) > maxPicture {
		t.Errorf("the large one has %d bytes: %v", len(pictures["image 0"]), err)
	}
	wantEqual(t, "opened", r.files.opens(), 2)
	r.files.allClosed(t, 2)
}

func TestAPictureThatCannotBeSentIsNamed(t *testing.T) {
	r := newFilesRig(t)
	answer := func(path string, status int, body string) {
		r.files.serve[path] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); _, _ = io.WriteString(w, body) }
	}
	answer("/page", 200, "<title>no picture</title>")
	answer("/broken", 200, string(dot(t, 1)[:40]))
	answer("/empty", 200, "")
	answer("/closed", 410, "")
	answer("/failing", 500, "")
	answer("/busy", 429, "")
	answer("/long", 200, strings.Repeat("x", maxPictureFile+1))
	good := message.Image{Data: inBase64(dot(t, 5))}
	at := r.files.server.URL
	for name, test := range map[string]struct {
		image message.Image
		class message.Class
		rule  string
		words string
	}{
		"no image":        {message.Image{URL: at + "/page"}, message.Invalid, "/url", "is not an image"},
		"damaged":         {message.Image{URL: at + "/broken"}, message.Invalid, "/url", "damaged"},
		"empty":           {message.Image{URL: at + "/empty"}, message.Invalid, "/url", "is empty"},
		"not there":       {message.Image{URL: at + "/gone"}, message.Invalid, "/url", "answers 404"},
		"gone":            {message.Image{URL: at + "/closed"}, message.Invalid, "/url", "answers 410"},
		"too large":       {message.Image{URL: at + "/long"}, message.Invalid, "/url", "is larger than 10000000 bytes"},
		"too large, said": {message.Image{URL: at + "/known/10000001/a.png"}, message.Invalid, "/url", "is larger than 10000000 bytes"},
		"too large, here": {message.Image{Data: strings.Repeat("A", 13_400_000)}, message.Invalid, "/data", "is larger than 10000000 bytes"},
		"a private host":  {message.Image{URL: "http://10.0.0.1/"}, message.Invalid, "/url", "private network"},
		"bytes":           {message.Image{Data: inBase64([]byte("text"))}, message.Invalid, "/data", "is not an image"},
		"no base64":       {message.Image{Data: "!"}, message.Invalid, "/data", "is not base64"},
		"a server down":   {message.Image{URL: at + "/failing"}, message.Transient, "", "/data/content/images/3/url: the file's address answers 500"},
		"a busy server":   {message.Image{URL: at + "/busy"}, message.Transient, "", "/data/content/images/3/url: the file's address answers 429"},
	} {
		t.Run(name, func(t *testing.T) {
			test.image.ID = "the third"
			content := gallery(good, message.Image{Data: good.Data}, message.Image{Data: good.Data}, test.image)
			result, failure := r.showFrom(t, r.sender, phone, contentFrom(message.SenderBot, content))
			wantClass(t, failure, test.class)
			if !strings.Contains(failure.Error(), test.words) {
				t.Errorf("failure %q, want %q", failure, test.words)
			}
			wantEqual(t, "calls", len(r.apple.sent), 0)
			if test.class != message.Invalid {
				wantEqual(t, "status", result.Status, message.StatusFailed)
				wantEqual(t, "code of the part", result.Parts[0].Code, message.CodeUnavailable)
				return
			}
			wantEqual(t, "status", result.Status, "")
			wantEqual(t, "pointer", failure.Faults[0].Pointer, "/data/content/images/3"+test.rule)
		})
	}
	r.idle(t)
	wantRoom(t)
}

// wantRoom checks that no memory is set aside for a picture that nobody has any more.
func wantRoom(t testing.TB) {
	t.Helper()
	takeRoom(t).Free()
}

// takeRoom takes all the memory that there is for files of pictures.
func takeRoom(t testing.TB) *picture.Room {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	room, err := picture.NewRoom(ctx, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	return room
}

// A list of photographs may take longer than there is time: what is ready stays, and the reason names what is not.
func TestARetryGoesOnWithThePicturesThatWereReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		large := noise(t, 400)
		sender := agents
		sender.Files = opener(func(ctx context.Context, url string) (*httpclient.Download, error) {
			if strings.HasSuffix(url, "/slow") {
				return hanging(ctx, url)
			}
			return serving("image/png", large)(ctx, url)
		})
		content := gallery(message.Image{URL: "https://example.com/a"}, message.Image{URL: "https://example.com/slow"})
		result, failure := r.showFrom(t, sender, phone, contentFrom(message.SenderBot, content))
		wantClass(t, failure, message.Transient)
		if pointer := "/data/content/images/1/url"; !strings.Contains(result.Reason, pointer) {
			t.Errorf("reason %q, want %s in it", result.Reason, pointer)
		}
		ready, err := r.Memory.pictures.made.PNG(ended(t), large, maxPicture)
		if err != nil || len(ready) == 0 {
			t.Fatalf("what was ready is not kept: %v", err)
		}
		sender.Files = serving("image/png", large)
		_, failure = r.showFrom(t, sender, phone, contentFrom(message.SenderBot, content))
		wantNil(t, failure)
		for _, sent := range r.gateway.sent[0].Pictures {
			if &sent[0] != &ready[0] {
				t.Error("a picture was made again")
			}
		}
		r.idle(t)
		wantRoom(t)
	})
}

// ended is a context in which nothing can be made.
func ended(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// Memory is set aside before a picture is read. Whoever waits for it in vain hears that, and of which picture.
func TestAPictureWaitsUntilThereIsRoomForIt(t *testing.T) {
	for name, image := range map[string]message.Image{
		"/data/content/images/0/url":  {URL: "https://example.com/a"},
		"/data/content/images/0/data": {Data: inBase64(dot(t, 1))},
	} {
		for _, size := range []int64{-1, 0, 70} {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				sender := agents
				sender.Files = opener(func(context.Context, string) (*httpclient.Download, error) {
					return &httpclient.Download{Size: size, Body: readerOf(func([]byte) (int, error) {
						t.Error("it is read without room")
						return 0, io.EOF
					})}, nil
				})
				room := takeRoom(t)
				result, failure := r.showFrom(t, sender, phone, contentFrom(message.SenderBot, gallery(image)))
				wantClass(t, failure, message.Transient)
				if !strings.Contains(result.Reason, name) || !strings.Contains(result.Reason, "memory") {
					t.Errorf("reason %q", result.Reason)
				}
				room.Free()
				r.idle(t)
				wantRoom(t)
			})
		}
	}
}

func TestAPictureThatBreaksOffLeavesNoRoomTaken(t *testing.T) {
	for _, size := range []int64{-1, 0, 1, 100, maxPictureFile} {
		for name, body := range map[string]io.ReadCloser{
			"breaks off": brokenReader("x"), "is short": io.NopCloser(strings.NewReader("x")),
			"panics": readerOf(func([]byte) (int, error) { panic("bomb") }),
		} {
			r := newRig(t)
			sender := agents
			sender.Files = opener(func(context.Context, string) (*httpclient.Download, error) {
				return &httpclient.Download{Size: size, Body: body}, nil
			})
			_, failure := r.showFrom(t, sender, phone, contentFrom(message.SenderBot, gallery(message.Image{URL: "https://example.com/a"})))
			if failure == nil {
				t.Errorf("a picture of %d bytes that %s is sent", size, name)
			}
			wantRoom(t)
		}
	}
}

func TestThePointerOfAnOnlyPicture(t *testing.T) {
	for pointer, content := range map[string]message.Content{
		"/data/content/image/data": message.RichLink{URL: "https://example.com", Image: &message.Asset{Data: "AAAA"}},
		"/data/content/icon/data":  message.App{Received: message.Bubble{Title: "Chess"}, Icon: &message.Asset{Data: "AAAA"}},
	} {
		r := newRig(t)
		_, failure := r.show(t, phone, content)
		wantClass(t, failure, message.Invalid)
		wantEqual(t, "pointer", failure.Faults[0].Pointer, pointer)
	}
}

func TestWhateverAnOpenerDoesIsAFailureThatMayPass(t *testing.T) {
	for name, open := range map[string]opener{
		"panics": func(context.Context, string) (*httpclient.Download, error) { panic("bomb") },
		"breaks off": func(context.Context, string) (*httpclient.Download, error) {
			return &httpclient.Download{Body: brokenReader("x")}, nil
		},
		"is not sure": func(context.Context, string) (*httpclient.Download, error) {
			return nil, message.Failuref(message.Uncertain, "no answer")
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			sender := agents
			sender.Files = open
			content := gallery(message.Image{URL: "https://example.com/a"}, message.Image{URL: "https://example.com/b"})
			_, failure := r.showFrom(t, sender, phone, contentFrom(message.SenderBot, content))
			wantClass(t, failure, message.Transient)
			r.idle(t)
			sender.Files = serving("image/png", dot(t, 1))
			_, failure = r.showFrom(t, sender, phone, contentFrom(message.SenderBot, content))
			wantNil(t, failure)
		})
	}
}

// A server that hangs takes half of the time, not all of it, and what follows in the conversation goes on.
func TestAPictureThatHangsFailsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		sender := agents
		sender.Files = hanging
		began := time.Now()
		content := gallery(message.Image{URL: "https://example.com/a"}, message.Image{URL: "https://example.com/b"})
		result, failure := r.showFrom(t, sender, phone, contentFrom(message.SenderBot, content))
		wantClass(t, failure, message.Transient)
		wantEqual(t, "time until the answer", time.Since(began), timeout/2)
		wantEqual(t, "status", result.Status, message.StatusFailed)
		r.wantOutgoing(t)
		r.idle(t)
	})
}

// Devices that show no picture cost none.
func TestPicturesOfWhatIsNotShownAreNotFetched(t *testing.T) {
	r := newRig(t)
	sender := agents
	sender.Files = opener(func(context.Context, string) (*httpclient.Download, error) { t.Error("fetched"); panic("no") })
	_, failure := r.showFrom(t, sender, watch, contentFrom(message.SenderBot, gallery(message.Image{URL: "https://example.com/a"})))
	wantNil(t, failure)
	r.wantOutgoing(t, "Look\n1. It")
}

// Apple takes 5,000,000 bytes of pictures in one message, as they are written into it.
func TestAllPicturesTogetherStayBelowApplesLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("60 pictures are scaled")
	}
	data := inBase64(noise(t, 200)) // 160 KB each
	var images []message.Image
	for i := range 60 {
		images = append(images, message.Image{ID: fmt.Sprint(i, strings.Repeat("<", 250)), Data: data, Description: message.Label(strings.Repeat("&", message.MaxLabel))})
	}
	r := newRig(t, func(o *Options) { o.Timeout = time.Minute })
	r.showed(t, phone, gallery(images...))
	type wire struct {
		ID          string `json:"identifier"`
		Data        []byte `json:"data"`
		Description string `json:"description"`
	}
	var sent []wire
	for _, image := range images {
		sent = append(sent, wire{image.ID, r.gateway.sent[0].Pictures[image.ID], string(image.Description)})
	}
	written, err := json.Marshal(sent)
	if err != nil || len(written) >= 5_000_000 || len(written) < 2_000_000 {
		t.Errorf("%d bytes, %v", len(written), err)
	}
}

func TestAnIconIsSmall(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Timeout = time.Minute })
	r.showed(t, phone, message.App{Received: message.Bubble{Title: "Chess"}, Icon: &message.Asset{Data: inBase64(noise(t, 200))}})
	if icon := r.gateway.sent[0].Pictures[""]; len(icon) == 0 || len(icon) >= 15_000 {
		t.Errorf("%d bytes", len(icon))
	}
}
