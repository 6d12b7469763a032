package flow

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"bizbridge/bridge/message"
	"bizbridge/bridge/picture"
)

const (
	maxPictureFile    = 20_000_000 // bytes of a picture as it comes
	maxPictureFetches = 4          // at once, for one message

	maxPicture  = 200_000   // bytes of a picture as it goes (protocol §4.17)
	maxPictures = 5_000_000 // bytes of all of them in base64, ids and braces included
	maxIcon     = 14_500    // bytes of an app's icon: below 15 KB (protocol §4.16)
)

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
		return maxIcon
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
				png, err = fetchPicture(ctx, opener, one, limit)
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

func fetchPicture(ctx context.Context, opener FileOpener, wanted message.Picture, limit int) ([]byte, error) {
	if wanted.URL != "" {
		data, err := readPicture(ctx, opener, wanted.URL)
		if err != nil {
			return nil, err
		}
		return picture.PNG(ctx, data, limit)
	}
	data, err := base64.StdEncoding.DecodeString(wanted.Data)
	if err != nil {
		return nil, message.Failuref(message.Invalid, "is not base64")
	}
	return picture.PNG(ctx, data, limit)
}

func readPicture(ctx context.Context, opener FileOpener, url string) ([]byte, error) {
	download, err := opener.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	defer download.Body.Close()
	data, err := io.ReadAll(io.LimitReader(download.Body, maxPictureFile+1))
	switch {
	case err != nil:
		return nil, brokenOff(err)
	case len(data) > maxPictureFile:
		return nil, message.Failuref(message.Invalid, "is larger than %d bytes", maxPictureFile)
	}
	return data, nil
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
	} else if failure.Class == message.Uncertain {
		return message.Failuref(message.Transient, "a picture's server did not answer in time")
	} else if !failure.Class.Final() {
		return failure
	}
	return &message.Failure{Class: message.Invalid, Reason: "a picture cannot be sent", Faults: []message.Fault{{
		Pointer: pointer, Rule: "image", Message: reason,
	}}}
}
