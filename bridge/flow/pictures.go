package flow

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/picture"
)

const (
	maxPictureFile    = 10_000_000 // bytes of a picture as it comes
	maxPictureFetches = 4          // at once, for one message

	maxPagePicture     = 5_000_000 // bytes of a picture that a page shows
	maxPagePictureRead = 4         // at once, of all messages: other people's servers may be slow on purpose

	maxPicture  = picture.MaxApple // bytes of a picture as it goes (protocol §4.17)
	maxPictures = 5_000_000        // bytes of all of them in base64, ids and braces included
	maxKept     = 16_000_000       // bytes of pictures that are kept
)

// pictures is what the memory has for them.
type pictures struct {
	made  *picture.Cache
	pages *semaphore.Weighted // pictures of pages that are being read
}

func newPictures() pictures {
	return pictures{picture.NewCache(maxKept), semaphore.NewWeighted(maxPagePictureRead)}
}

// preparePictures fetches the pictures of all parts and makes of them what Apple takes. Half of the time is left for
// sending.
func (f *Flow) preparePictures(ctx context.Context, sender Sender, c *composed) *message.Failure {
	ctx, cancel := halfOf(ctx)
	defer cancel()
	for i := range c.parts {
		content, ok := c.parts[i].content.(message.Pictured)
		if !ok || c.parts[i].sent {
			continue
		}
		wanted := content.Pictures()
		if len(wanted) == 0 {
			continue
		}
		c.fetched = true
		prepared, failure := f.fetchPictures(ctx, sender.Files, wanted, pictureLimit(content.Kind(), wanted))
		if failure != nil {
			return failure
		}
		c.parts[i].pictures = prepared
	}
	return nil
}

// pictureLimit shares what all pictures of a message may have together.
func pictureLimit(kind message.Kind, wanted []message.Picture) int {
	if kind == message.KindApp {
		return picture.MaxIcon
	}
	room := maxPictures
	for _, one := range wanted {
		room -= jsonLength(one.ID) + jsonLength(string(one.Description)) + 100
	}
	return min(maxPicture, room/len(wanted)/4*3)
}

// jsonLength is how long a text is in JSON, where some characters take six.
func jsonLength(text string) int {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // it is a string
	}
	return len(quoted)
}

func (f *Flow) fetchPictures(ctx context.Context, opener FileOpener, wanted []message.Picture, limit int) (map[string][]byte, *message.Failure) {
	var mu sync.Mutex
	prepared := make(map[string][]byte, len(wanted))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxPictureFetches)
	for _, one := range wanted {
		group.Go(func() error {
			var png []byte
			failure := f.protect("the server of a picture", func() (err error) {
				png, err = f.fetchPicture(ctx, opener, one, limit)
				return err
			})
			if failure != nil {
				return pictureFailure(one, failure)
			}
			mu.Lock()
			defer mu.Unlock()
			prepared[one.ID] = png
			return nil
		})
	}
	if failure := message.FailureOf(group.Wait()); failure != nil {
		return nil, failure
	}
	return prepared, nil
}

// fetchPicture gets a picture and makes it fit. Its bytes are in memory only while there is room for them.
func (f *Flow) fetchPicture(ctx context.Context, opener FileOpener, wanted message.Picture, limit int) ([]byte, error) {
	var data []byte
	var room *picture.Room
	var err error
	if wanted.URL != "" {
		data, room, err = readPicture(ctx, opener, wanted.URL, maxPictureFile)
	} else {
		data, room, err = decodePicture(ctx, wanted.Data)
	}
	if err != nil {
		return nil, err
	}
	defer room.Free()
	png, err := f.Memory.pictures.made.PNG(ctx, data, limit)
	return png, outOfTime(err, "it was made to fit")
}

// pagePicture is the same for a picture that a page shows.
func (f *Flow) pagePicture(ctx context.Context, url string) ([]byte, error) {
	if err := f.Memory.pictures.pages.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer f.Memory.pictures.pages.Release(1)
	data, room, err := readPicture(ctx, f.Pages, url, maxPagePicture)
	if err != nil {
		return nil, err
	}
	defer room.Free()
	return f.Memory.pictures.made.PNG(ctx, data, maxPicture)
}

// readPicture reads a picture of at most so many bytes. Without an error the room must be freed.
func readPicture(ctx context.Context, opener FileOpener, url string, most int64) ([]byte, *picture.Room, error) {
	download, err := opener.Open(ctx, url)
	if err != nil {
		return nil, nil, outOfTime(err, "its server was asked for it")
	}
	defer download.Body.Close()
	if download.Size > most {
		return nil, nil, tooLarge(most)
	}
	size := download.Size
	if size <= 0 { // not known, or not set
		size = most
	}
	room, err := newRoom(ctx, size)
	if err != nil {
		return nil, nil, err
	}
	whole := false
	defer func() {
		if !whole { // the stream may also have panicked
			room.Free()
		}
	}()
	data, err := readBody(download, most)
	if err != nil {
		return nil, nil, outOfTime(err, "it was read")
	}
	whole = true
	room.Shrink(int64(len(data)))
	return data, room, nil
}

// readBody reads as many bytes as the server said, or at most so many.
func readBody(download *httpclient.Download, most int64) ([]byte, error) {
	if download.Size > 0 {
		data := make([]byte, download.Size)
		if _, err := io.ReadFull(download.Body, data); err != nil {
			return nil, brokenOff(err)
		}
		return data, nil
	}
	data, err := io.ReadAll(io.LimitReader(download.Body, most+1))
	switch {
	case err != nil:
		return nil, brokenOff(err)
	case int64(len(data)) > most:
		return nil, tooLarge(most)
	}
	return data, nil
}

func decodePicture(ctx context.Context, text string) ([]byte, *picture.Room, error) {
	size := int64(base64.StdEncoding.DecodedLen(len(text)))
	if size > maxPictureFile+2 { // of which two may be padding
		return nil, nil, tooLarge(maxPictureFile)
	}
	room, err := newRoom(ctx, size)
	if err != nil {
		return nil, nil, err
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		room.Free()
		return nil, nil, message.Failuref(message.Invalid, "is not base64")
	}
	return data, room, nil
}

func newRoom(ctx context.Context, size int64) (*picture.Room, error) {
	room, err := picture.NewRoom(ctx, size)
	return room, outOfTime(err, "others took all the memory that there is for pictures")
}

func tooLarge(most int64) *message.Failure {
	return message.Failuref(message.Invalid, "is larger than %d bytes", most)
}

// outOfTime says what took so long.
func outOfTime(err error, while string) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &message.Failure{Class: message.Transient, Reason: "there was no time left while " + while, Err: err}
}

// pictureFailure says which picture it is. What its server says for good, and what is no picture, makes the content wrong.
func pictureFailure(wanted message.Picture, failure *message.Failure) *message.Failure {
	pointer := "/data/content" + wanted.Pointer + "/url"
	if wanted.URL == "" {
		pointer = "/data/content" + wanted.Pointer + "/data"
	}
	reason := failure.Reason
	if refused, ok := errors.AsType[*picture.Refused](failure); ok {
		reason = refused.Reason
	} else if !failure.Class.Final() {
		return passing(pointer, failure)
	}
	return &message.Failure{Class: message.Invalid, Reason: "a picture cannot be sent", Faults: []message.Fault{{
		Pointer: pointer, Rule: "image", Message: reason,
	}}}
}

// passing names the picture in a failure that may pass. Nothing is uncertain: only Apple could have got something.
func passing(pointer string, failure *message.Failure) *message.Failure {
	named := *failure
	if failure.Class == message.Uncertain {
		named.Class, named.Reason = message.Transient, "its server did not answer in time"
	}
	named.Reason = "the picture at " + pointer + ": " + named.Reason
	return &named
}
