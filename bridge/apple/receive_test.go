package apple

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
)

func TestABodyThatCannotBeReadIsRefused(t *testing.T) {
	whole := gzipped(t, with(nil))
	damaged := bytes.Clone(whole)
	damaged[len(damaged)-6] ^= 1 // in the checksum
	for name, test := range map[string]struct {
		body   string
		status int
		code   message.Code
	}{
		"empty":                    {"", 400, message.CodeMalformed},
		"one byte":                 {"\x1f", 400, message.CodeMalformed},
		"white space":              {" \r\n", 400, message.CodeMalformed},
		"text":                     {"Hello", 400, message.CodeMalformed},
		"an array":                 {"[" + with(nil) + "]", 400, message.CodeMalformed},
		"a string":                 {`"text"`, 400, message.CodeMalformed},
		"null":                     {"null", 400, message.CodeMalformed},
		"a form":                   {"id=1&type=text", 400, message.CodeMalformed},
		"broken off":               {with(nil)[:40], 400, message.CodeMalformed},
		"two documents":            {with(nil) + with(nil), 400, message.CodeMalformed},
		"no id":                    {with(map[string]any{"id": nil}), 400, message.CodeMalformed},
		"id null":                  {`{"id":null,"type":"text"}`, 400, message.CodeMalformed},
		"id empty":                 {with(map[string]any{"id": ""}), 400, message.CodeMalformed},
		"id of white space":        {with(map[string]any{"id": " "}), 400, message.CodeMalformed},
		"id a number":              {with(map[string]any{"id": 1}), 400, message.CodeMalformed},
		"gzip of nothing":          {string(gzipped(t, "")), 400, message.CodeMalformed},
		"gzip of an array":         {string(gzipped(t, "[]")), 400, message.CodeMalformed},
		"gzip of gzip":             {string(gzipped(t, string(whole))), 400, message.CodeMalformed},
		"gzip with a broken head":  {"\x1f\x8b\xff\xff\xff\xff\xff\xff\xff\xff", 400, message.CodeMalformed},
		"gzip of two bytes":        {"\x1f\x8b", 400, message.CodeMalformed},
		"gzip cut in its head":     {string(whole[:8]), 400, message.CodeMalformed},
		"gzip cut in its data":     {string(whole[:len(whole)/2]), 400, message.CodeMalformed},
		"gzip cut in its tail":     {string(whole[:len(whole)-4]), 400, message.CodeMalformed},
		"gzip with a wrong sum":    {string(damaged), 400, message.CodeMalformed},
		"gzip bomb":                {string(gzipped(t, strings.Repeat(" ", maxBody+1))), 413, message.CodeTooLarge},
		"nested without end":       {`{"id":"1","x":` + strings.Repeat("[", 500_000), 400, message.CodeMalformed},
		"nested deep, well-formed": {`{"id":"1","x":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + "}", 400, message.CodeMalformed},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprint(name, "/chunked=", chunked), func(t *testing.T) {
				p := sent(test.body, nil)
				if chunked {
					p.length = -1
				}
				began := time.Now()
				refusal := refusedAs(t, testReceiver(), p.request(t))
				if refusal.Status != test.status || refusal.Code != test.code || refusal.Signature != "" || refusal.Business != businessA {
					t.Errorf("got %+v", refusal)
				}
				if took := time.Since(began); took > time.Second {
					t.Errorf("took %s", took)
				}
			})
		}
	}
}

func TestHeadersAndBodyMustAgree(t *testing.T) {
	for name, test := range map[string]struct {
		header map[string]string
		body   map[string]any
		agree  bool
	}{
		"all the same":                   {nil, nil, true},
		"id in capitals":                 {map[string]string{"id": "ABCDEF00-0000-4000-8000-000000000001"}, map[string]any{"id": "abcdef00-0000-4000-8000-000000000001"}, true},
		"id in capitals in the body":     {map[string]string{"id": "abcdef00-0000-4000-8000-000000000001"}, map[string]any{"id": "ABCDEF00-0000-4000-8000-000000000001"}, true},
		"id header missing":              {map[string]string{"id": ""}, nil, true},
		"id differs":                     {map[string]string{"id": "00000000-0000-4000-8000-000000000002"}, nil, false},
		"source header missing":          {map[string]string{"source-id": ""}, nil, true},
		"source only in the header":      {nil, map[string]any{"sourceId": nil}, true},
		"source empty in the body":       {nil, map[string]any{"sourceId": ""}, true},
		"source in neither":              {map[string]string{"source-id": ""}, map[string]any{"sourceId": nil}, false},
		"source differs":                 {map[string]string{"source-id": customer + "x"}, nil, false},
		"source in other case":           {map[string]string{"source-id": strings.ToLower(customer)}, nil, false},
		"destination in capitals":        {map[string]string{"destination-id": strings.ToUpper(businessA)}, nil, true},
		"destination only in the header": {nil, map[string]any{"destinationId": nil}, true},
		"destination only in the body":   {map[string]string{"destination-id": ""}, nil, true},
		"destination differs":            {nil, map[string]any{"destinationId": businessB}, false},
		"destination of nobody":          {nil, map[string]any{"destinationId": stranger}, false},
	} {
		t.Run(name, func(t *testing.T) {
			req := sent(with(test.body), test.header).request(t)
			if !test.agree {
				if refusal := refusedAs(t, testReceiver(), req); refusal.Status != 400 || strings.Contains(refusal.Detail, "urn:mbid") {
					t.Errorf("got %+v", refusal)
				}
				return
			}
			data := accepted(t, testReceiver(), req).Event.Data
			if data.CustomerID != customer || data.BusinessID != businessA || data.ID != message.ParseID(string(data.ID)) {
				t.Errorf("%+v", data)
			}
		})
	}
}

func TestTheChecksHaveTheirOrder(t *testing.T) {
	// Each step mends what the step before was refused for; all later faults are still there.
	header := map[string]string{"Authorization": "", "destination-id": stranger, "id": "another"}
	steps := []struct {
		status int
		mend   func(p *post)
	}{
		{413, func(p *post) { p.length = 100 }},
		{401, func(p *post) { header["Authorization"] = "Bearer hunter2" }},
		{403, func(p *post) { header["Authorization"] = "Bearer " + tokenA(t) }},
		{404, func(p *post) {
			header["destination-id"] = businessA
			p.body = strings.NewReader(strings.Repeat(" ", maxBody+1))
		}},
		{413, func(p *post) { p.body = strings.NewReader("[]") }},
		{400, func(p *post) { p.body = strings.NewReader(with(nil)) }},
		{400, func(p *post) { header["id"] = messageID; p.body = strings.NewReader(with(nil)) }},
	}
	p := post{body: poison{t}, length: maxBody + 1, header: header}
	for i, step := range steps {
		if refusal := refusedAs(t, testReceiver(), p.request(t)); refusal.Status != step.status {
			t.Errorf("step %d: %+v; want %d", i, refusal, step.status)
		}
		step.mend(&p)
	}
	accepted(t, testReceiver(), p.request(t))
}

func TestABodyIsAcceptedInEveryWayOfSendingIt(t *testing.T) {
	plain, zipped := with(nil), string(gzipped(t, with(nil)))
	half := len(plain) / 2
	for name, test := range map[string]struct{ body, encoding string }{
		"gzip":                           {zipped, "gzip"},
		"gzip without the header":        {zipped, ""},
		"gzip under another header":      {zipped, "deflate"},
		"plain":                          {plain, ""},
		"plain under the gzip header":    {plain, "gzip"},
		"plain, indented":                {"\r\n\t " + plain + " \n", ""},
		"gzip in two members":            {string(gzipped(t, plain[:half])) + string(gzipped(t, plain[half:])), "gzip"},
		"Apple's own bytes":              {string(fixture(t, "in-text.body.gz")), "gzip"},
		"as large as allowed":            {plain + strings.Repeat(" ", maxBody-len(plain)), ""},
		"as large as allowed, in gzip":   {string(gzipped(t, plain+strings.Repeat(" ", maxBody-len(plain)))), "gzip"},
		"nested as deep as JSON goes":    {with(map[string]any{"x": nested(9_000)}), ""},
		"with members that nobody knows": {with(map[string]any{"X": 1, "replyToMessageId": "x", "": map[string]any{}}), ""},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprint(name, "/chunked=", chunked), func(t *testing.T) {
				p := sent(test.body, map[string]string{"Content-Encoding": test.encoding})
				if chunked {
					p.length = -1
				}
				if got := accepted(t, testReceiver(), p.request(t)); got.Type != "text" || got.Event.Type != message.EventReceived {
					t.Errorf("%+v", got)
				}
			})
		}
	}
}

func nested(depth int) any {
	var value any
	for range depth {
		value = []any{value}
	}
	return value
}

func TestABombCostsNoMoreMemoryThanAllowed(t *testing.T) {
	var bomb bytes.Buffer
	zip, err := gzip.NewWriterLevel(&bomb, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 200 {
		if _, err := zip.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	req := post{body: &bomb, length: int64(bomb.Len())}.request(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	refusal := refusedAs(t, testReceiver(), req)
	runtime.ReadMemStats(&after)
	if refusal.Status != 413 {
		t.Errorf("%+v", refusal)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 10*maxBody {
		t.Errorf("%d bytes were allocated where %d are allowed", allocated, maxBody)
	}
}

func TestABodyThatBreaksOffIsRefused(t *testing.T) {
	req := post{body: io.MultiReader(strings.NewReader(`{"id":`), brokenReader{}), length: -1}.request(t)
	if refusal := refusedAs(t, testReceiver(), req); refusal.Status != 400 {
		t.Errorf("%+v", refusal)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("connection reset by peer") }

// Over a real socket, as Apple does it: header names in lower case, a Host with a port, one chunked and one sized body.
func TestARequestOverASocketIsReceived(t *testing.T) {
	var got *Incoming
	var refused error
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got, refused = testReceiver().Receive(r) }))
	defer server.Close()
	body := gzipped(t, with(nil))
	for name, framing := range map[string]string{
		"sized":   fmt.Sprintf("content-length: %d\r\n\r\n%s", len(body), body),
		"chunked": fmt.Sprintf("transfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body),
	} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		got, refused = nil, nil
		fmt.Fprintf(conn, "POST /message HTTP/1.1\r\nhost: bridge.example.com:8443\r\nauthorization: Bearer %s\r\nid: %s\r\nsource-id: %s\r\n"+
			"destination-id: %s\r\ncapability-list: LIST\r\ndevice-agent: Mac OS X\r\n%s", tokenA(t), messageID, customer, businessA, framing)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		conn.Close()
		if refused != nil || got == nil || got.Event.Data.Text != "Hello" || got.Event.Data.Agent != "Mac OS X" || len(got.Event.Data.Capabilities) != 1 {
			t.Errorf("%s: %+v, %v", name, got, refused)
		}
	}
}

func BenchmarkReceive(b *testing.B) {
	receiver, body := testReceiver(), fixture(b, "in-text.body.gz")
	req := post{body: bytes.NewReader(nil)}.request(b)
	req.ContentLength = int64(len(body))
	reader := bytes.NewReader(body)
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		req.Body = io.NopCloser(reader)
		if _, err := receiver.Receive(req); err != nil {
			b.Fatal(err)
		}
	}
}
