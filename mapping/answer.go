package mapping

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// maxAnswer is as much of an answer as is read: what has so many bytes was cut.
const maxAnswer = 1 << 20

// answerValue is an answer as queries see it: its body parsed where it is JSON, else as text, null where it is empty.
// The error says that the body is not whole: a part of it must not pass for another answer.
func answerValue(answer Answer) (map[string]any, error) {
	if err := whole(answer); err != nil {
		return nil, err
	}
	value := map[string]any{"status": answer.Status, "headers": headerValue(answer.Header), "body": nil}
	isJSON := saysJSON(answer.Header)
	if len(answer.Body) == 0 || isJSON && len(bytes.TrimSpace(answer.Body)) == 0 {
		return value, nil
	}
	body, err := decodeJSON(answer.Body)
	switch {
	case err == nil:
		value["body"] = body
	case isJSON:
		return nil, errors.New("its Content-Type is JSON, and its body is not") // err quotes the body
	default:
		value["body"] = strings.ToValidUTF8(string(answer.Body), "\uFFFD")
	}
	return value, nil
}

// whole finds out that an answer was cut, or that its connection broke.
func whole(answer Answer) error {
	if len(answer.Body) >= maxAnswer {
		return fmt.Errorf("it is larger than %d bytes", maxAnswer-1)
	}
	if announced, err := strconv.Atoi(answer.Header.Get("Content-Length")); err == nil && announced > len(answer.Body) {
		return errors.New("its end is missing")
	}
	return nil
}

// saysJSON tells whether the Content-Type is JSON, or one of the types that are written in it.
func saysJSON(header http.Header) bool {
	mediaType, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	return mediaType == "application/json" || mediaType == "text/json" || strings.HasSuffix(mediaType, "+json")
}
