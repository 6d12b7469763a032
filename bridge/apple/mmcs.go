package apple

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"bizbridge/bridge/attachment"
	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
)

// File is a file that is ready to be sent.
type File struct {
	Name     string
	MIMEType string
	Size     int64 // bytes; exactly as many must come
	// Open begins to read the file. It is called once per try, so it may be called again; who calls it closes. The error
	// is a [*message.Failure].
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// wireAttachment is Apple's entry for a file in a message (protocol §5.4).
type wireAttachment struct {
	Name            string `json:"name"`
	MIMEType        string `json:"mimeType"`
	Size            string `json:"size"` // a string on the way to Apple, a number on the way from it
	SignatureBase64 string `json:"signature-base64"`
	URL             string `json:"url"`
	Owner           string `json:"owner"`
	Key             string `json:"key"`
}

const uploadTries = 2 // each with a slot and a key of its own

// upload encrypts a file into Apple's store. A slot takes one try, so another try asks for another slot.
func (c *Client) upload(ctx context.Context, business Business, file File) (wireAttachment, *message.Failure) {
	var failure *message.Failure
	for range uploadTries {
		var entry wireAttachment
		if entry, failure = c.uploadOnce(ctx, business, file); failure == nil {
			return entry, nil
		}
		if failure.Class != message.Transient || ctx.Err() != nil {
			break
		}
	}
	return wireAttachment{}, failure
}

func (c *Client) uploadOnce(ctx context.Context, business Business, file File) (wireAttachment, *message.Failure) {
	slot, failure := c.preUpload(ctx, business, file.Size)
	if failure != nil {
		return wireAttachment{}, failure
	}
	source, err := file.Open(ctx)
	if err != nil {
		return wireAttachment{}, message.FailureOf(err)
	}
	defer source.Close()
	key := attachment.NewKey()
	resp, err := c.files.Upload(ctx, httpclient.Call{
		Operation: "upload", Method: http.MethodPost, URL: slot.UploadURL, Header: http.Header{"Content-Type": {"application/octet-stream"}},
	}, key.Stream(source, 0), file.Size)
	if err != nil {
		return wireAttachment{}, harmless(ctx, message.FailureOf(err))
	}
	checksum, failure := uploadChecksum(resp, file.Size)
	if failure != nil {
		return wireAttachment{}, failure
	}
	return wireAttachment{
		Name: file.Name, MIMEType: file.MIMEType, Size: strconv.FormatInt(file.Size, 10),
		SignatureBase64: checksum, URL: slot.URL, Owner: slot.Owner, Key: key.Encode(),
	}, nil
}

type uploadSlot struct {
	UploadURL string `json:"upload-url"`
	URL       string `json:"mmcs-url"`
	Owner     string `json:"mmcs-owner"`
}

func (c *Client) preUpload(ctx context.Context, business Business, size int64) (slot uploadSlot, failure *message.Failure) {
	length := strconv.FormatInt(size, 10)
	// Apple's documents name the header in two ways; both together are understood by all (protocol §12.1).
	header := http.Header{"Mmcs-Size": {length}, "Size": {length}}
	if failure := c.get(ctx, business, "pre_upload", "/preUpload", header, &slot); failure != nil {
		return slot, failure
	}
	if slot.URL == "" || slot.Owner == "" || !c.acceptable(slot.UploadURL) {
		return slot, message.Failuref(message.Transient, "Apple's answer to preUpload is not usable")
	}
	return slot, nil
}

func uploadChecksum(resp *httpclient.Response, size int64) (string, *message.Failure) {
	if resp.Status != http.StatusOK {
		return "", &message.Failure{Class: message.Transient, Status: resp.Status, Reason: fmt.Sprintf("Apple's store answers an upload with %d", resp.Status)}
	}
	var answer struct {
		SingleFile struct {
			FileChecksum string          `json:"fileChecksum"`
			Size         json.RawMessage `json:"size"`
		} `json:"singleFile"`
	}
	err := json.Unmarshal(resp.Body, &answer)
	stored, hasSize := integer(answer.SingleFile.Size)
	if _, badChecksum := attachment.ParseSignature("", answer.SingleFile.FileChecksum); err != nil || badChecksum != nil ||
		(hasSize && stored != size) {
		return "", message.Failuref(message.Transient, "Apple's store does not confirm the upload")
	}
	return answer.SingleFile.FileChecksum, nil
}

// get makes one of the gateway's small calls and decodes its answer.
func (c *Client) get(ctx context.Context, business Business, operation, path string, header http.Header, answer any) *message.Failure {
	return c.ask(ctx, business, httpclient.Call{Operation: operation, Method: http.MethodGet, URL: c.gateway + path, Header: header}, answer)
}

// ask makes a call that shows nothing to anybody, and decodes its answer. A refused token is replaced once.
func (c *Client) ask(ctx context.Context, business Business, call httpclient.Call, answer any) *message.Failure {
	name := strings.TrimPrefix(call.URL, c.gateway+"/")
	call.Retry = httpclient.RetryIdempotent
	resp, failure := c.withToken(business, func(bearer string) (*httpclient.Response, error) {
		call.Header.Set("Authorization", bearer)
		call.Header.Set("Source-Id", string(business.ID))
		call.Header.Set("User-Agent", c.userAgent)
		return c.http.Do(ctx, call)
	})
	if failure != nil {
		if failure.Class == message.Closed || failure.Class == message.Unreachable {
			// No customer is asked here: the conversation is neither closed nor out of reach.
			failure.Class, failure.Reason = message.Permanent, fmt.Sprintf("Apple answers %s with %d", name, failure.Status)
		}
		return harmless(ctx, failure)
	}
	if json.Unmarshal(resp.Body, answer) != nil {
		return message.Failuref(message.Transient, "Apple's answer to %s is not JSON", name)
	}
	return nil
}

// harmless is for calls that show nothing to anybody, so that one without an answer is no danger: it can be made again.
func harmless(ctx context.Context, failure *message.Failure) *message.Failure {
	if failure.Class == message.Uncertain {
		failure.Class = message.Transient
		if errors.Is(ctx.Err(), context.Canceled) {
			failure.Class = message.Canceled
		}
	}
	return failure
}

// Fetch streams a file that a customer sent, decrypted, from offset on: length bytes, or all that follow when length is
// negative. It asks for a fresh address, since Apple's live for seconds. Exactly the promised bytes come, or an error: the
// last of them only when it is certain that they are all. The error of Fetch itself is a [*message.Failure].
func (c *Client) Fetch(ctx context.Context, source attachment.Source, offset, length int64) (io.ReadCloser, error) {
	if offset < 0 || offset > source.Size || length > source.Size-offset {
		return nil, message.Failuref(message.Permanent, "the file has no such part")
	}
	if length < 0 {
		length = source.Size - offset
	}
	if length == 0 {
		return http.NoBody, nil
	}
	address, failure := c.preDownload(ctx, source)
	if failure != nil {
		return nil, failure
	}
	header := http.Header{"User-Agent": {c.userAgent}, "Accept-Encoding": {"identity"}} // the lengths are of the file itself
	if length < source.Size {
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, offset+length-1))
	}
	stream, err := c.files.Open(ctx, httpclient.Call{
		Operation: "download", Method: http.MethodGet, URL: address, Header: header, Retry: httpclient.RetryIdempotent,
	})
	if err != nil {
		return nil, harmless(ctx, message.FailureOf(err))
	}
	part, failure := position(stream, source.Size, offset, length)
	if failure != nil {
		_ = stream.Body.Close()
		return nil, failure
	}
	return &readCloser{Reader: source.Key.Stream(httpclient.Exactly(part, length), offset), Closer: stream.Body}, nil
}

// position gives the part of a stream that was asked for, also where the store has sent the whole file instead, and
// compares the lengths that are known. The store answers wrong coordinates with other bytes, so the length is the only
// check there is (protocol §5.3).
func position(stream *httpclient.Stream, size, offset, length int64) (io.Reader, *message.Failure) {
	promised := size
	switch stream.Status {
	case http.StatusOK:
	case http.StatusPartialContent:
		promised = length
		if !covers(stream.Header.Get("Content-Range"), size, offset, length) {
			return nil, message.Failuref(message.Permanent, "Apple's store gives another part of the file than was asked for")
		}
	default:
		return nil, &message.Failure{Class: message.Transient, Status: stream.Status, Reason: fmt.Sprintf("Apple's store answers a download with %d", stream.Status)}
	}
	if stream.Size >= 0 && stream.Size != promised {
		return nil, message.Failuref(message.Permanent, "Apple's store has %d bytes where %d were promised", stream.Size, promised)
	}
	if promised == length {
		return stream.Body, nil
	}
	if _, err := io.CopyN(io.Discard, stream.Body, offset); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // nobody may take it for the end of the file
		}
		return nil, &message.Failure{Class: message.Transient, Reason: "Apple's store broke off", Err: err}
	}
	if offset+length == size {
		return stream.Body, nil
	}
	return io.LimitReader(stream.Body, length), nil
}

// covers tells whether a Content-Range is that part of a file of that size.
func covers(contentRange string, size, offset, length int64) bool {
	total, ok := strings.CutPrefix(contentRange, fmt.Sprintf("bytes %d-%d/", offset, offset+length-1))
	return ok && (total == "*" || total == strconv.FormatInt(size, 10))
}

func (c *Client) preDownload(ctx context.Context, source attachment.Source) (string, *message.Failure) {
	business, ok := c.directory.Business(source.Business)
	if !ok {
		return "", message.Failuref(message.Permanent, "the business is not configured")
	}
	encoded := base64.StdEncoding.EncodeToString(source.Signature)
	// Both sets of names are in use (protocol §12.2).
	header := http.Header{
		"Mmcs-Url": {source.URL}, "Mmcs-Signature": {encoded}, "Mmcs-Owner": {source.Owner},
		"Url": {source.URL}, "Signature": {encoded}, "Owner": {source.Owner},
	}
	var answer struct {
		DownloadURL string `json:"download-url"`
	}
	if failure := c.get(ctx, business, "pre_download", "/preDownload", header, &answer); failure != nil {
		return "", failure
	}
	if !c.acceptable(answer.DownloadURL) {
		return "", message.Failuref(message.Transient, "Apple's answer to preDownload is not usable")
	}
	return answer.DownloadURL, nil
}

// acceptable tells whether an address that the gateway gave may be called: HTTPS, or the loopback where the gateway
// itself is there.
func (c *Client) acceptable(address string) bool {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Hostname() == "" || parsed.User != nil {
		return false
	}
	return parsed.Scheme == "https" || (parsed.Scheme == "http" && c.loopback)
}

type readCloser struct {
	io.Reader
	io.Closer
}
