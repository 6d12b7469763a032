package connectors

import (
	"net/http"
	"testing"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
)

func TestSetJSON(t *testing.T) {
	call := httpclient.Call{Header: http.Header{}}
	if err := SetJSON(&call, nil); err != nil || call.Body != nil || len(call.Header) != 0 {
		t.Errorf("nothing: %v, %+v", err, call)
	}
	if err := SetJSON(&call, map[string]int{"a": 1}); err != nil || string(call.Body) != `{"a":1}` || call.Header.Get("Content-Type") != "application/json" {
		t.Errorf("an object: %v, %+v", err, call)
	}
	if err := SetJSON(&call, func() {}); message.FailureOf(err).Class != message.Permanent {
		t.Errorf("what is no JSON: %v", err)
	}
}

func TestUnreadable(t *testing.T) {
	got := Unreadable("desk", &httpclient.Response{Status: 200, Body: []byte("hunter2")})
	if got.Class != message.Transient || got.Status != 200 || got.Error() != "desk gave an answer that cannot be read (200)" {
		t.Errorf("%+v", got)
	}
}
