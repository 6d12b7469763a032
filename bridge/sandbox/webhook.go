package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// webhookTolerance is how far a webhook's timestamp may be off.
const webhookTolerance = 5 * time.Minute

// signWebhook makes the three headers of Standard Webhooks.
func signWebhook(key []byte, id string, at time.Time, body []byte) http.Header {
	ts := strconv.FormatInt(at.Unix(), 10)
	return http.Header{
		"webhook-id":        {id},
		"webhook-timestamp": {ts},
		"webhook-signature": {"v1," + base64.StdEncoding.EncodeToString(webhookMAC(key, id, ts, body))},
	}
}

func webhookMAC(key []byte, id, ts string, body []byte) []byte {
	mac := newWebhookMAC(key, id, ts)
	mac.Write(body)
	return mac.Sum(nil)
}

// newWebhookMAC is a MAC to which the body is still to be written.
func newWebhookMAC(key []byte, id, ts string) hash.Hash {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + ts + "."))
	return mac
}

// checkWebhook verifies a request's signature over its raw body. The header may
// hold several signatures, separated by spaces; one that fits is enough, so that the
// sender can rotate its secret.
func checkWebhook(key []byte, h http.Header, body []byte, now time.Time) error {
	want := webhookMAC(key, h.Get("webhook-id"), h.Get("webhook-timestamp"), body)
	return checkWebhookMAC(h, func(got []byte) bool { return hmac.Equal(got, want) }, now)
}

// checkWebhookMAC is checkWebhook for a body whose MAC was computed while it was read.
func checkWebhookMAC(h http.Header, fits func(mac []byte) bool, now time.Time) error {
	id, ts, signatures := h.Get("webhook-id"), h.Get("webhook-timestamp"), h.Get("webhook-signature")
	if id == "" || ts == "" || signatures == "" {
		return errors.New("webhook-id, webhook-timestamp or webhook-signature is missing")
	}
	seconds, err := strconv.ParseInt(ts, 10, 64)
	if err != nil {
		return errors.New("webhook-timestamp is not a number of seconds")
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > webhookTolerance || off < -webhookTolerance {
		return errors.New("webhook-timestamp is more than five minutes off")
	}
	for _, signature := range strings.Fields(signatures) {
		encoded, ok := strings.CutPrefix(signature, "v1,")
		if !ok {
			continue // another scheme's signature is for others
		}
		got, err := base64.StdEncoding.DecodeString(encoded)
		if err == nil && fits(got) {
			return nil
		}
	}
	return errors.New("no v1 signature matches")
}
