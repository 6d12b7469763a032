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
		// Nothing is shown to anyone before the message itself is sent, so an upload without an answer is no danger.
		if failure.Class == message.Uncertain {
			failure.Class = message.Transient
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
	resp, err := c.http.Upload(ctx, httpclient.Call{
		Operation: "upload", Method: http.MethodPost, URL: slot.UploadURL, Header: http.Header{"Content-Type": {"application/octet-stream"}},
	}, key.Stream(exactly(source, file.Size), 0), file.Size)
	if err != nil {
		return wireAttachment{}, message.FailureOf(err)
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
	if _, badChecksum := base64.StdEncoding.DecodeString(answer.SingleFile.FileChecksum); err != nil || badChecksum != nil ||
		answer.SingleFile.FileChecksum == "" || (hasSize && stored != size) {
		return "", message.Failuref(message.Transient, "Apple's store does not confirm the upload")
	}
	return answer.SingleFile.FileChecksum, nil
}

// get makes one of the gateway's small calls and decodes its answer. A refused token is replaced once.
func (c *Client) get(ctx context.Context, business Business, operation, path string, header http.Header, answer any) *message.Failure {
	resp, failure := c.withToken(business, func(bearer string) (*httpclient.Response, error) {
		header.Set("Authorization", bearer)
		header.Set("Source-Id", string(business.ID))
		header.Set("User-Agent", c.userAgent)
		return c.http.Do(ctx, httpclient.Call{
			Operation: operation, Method: http.MethodGet, URL: c.gateway + path, Header: header, Retry: httpclient.RetryIdempotent,
		})
	})
	if failure != nil {
		// A call that only asks cannot have done anything.
		if failure.Class == message.Uncertain {
			failure.Class = message.Transient
		}
		return failure
	}
	if json.Unmarshal(resp.Body, answer) != nil {
		return message.Failuref(message.Transient, "Apple's answer to %s is not JSON", path[1:])
	}
	return nil
}

// Fetch streams a file that a customer sent, decrypted, from offset on: length bytes, or all that follow when length is
// negative. It asks for a fresh address, since Apple's live for seconds. Exactly the promised bytes come, or an error.
func (c *Client) Fetch(ctx context.Context, source attachment.Source, offset, length int64) (io.ReadCloser, error) {
	if length < 0 {
		length = source.Size - offset
	}
	address, failure := c.preDownload(ctx, source)
	if failure != nil {
		return nil, failure
	}
	header := http.Header{"User-Agent": {c.userAgent}}
	if partial := offset > 0 || length < source.Size; partial && length > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, offset+length-1))
	}
	stream, err := c.http.Open(ctx, httpclient.Call{
		Operation: "download", Method: http.MethodGet, URL: address, Header: header, Retry: httpclient.RetryIdempotent,
	})
	if err != nil {
		return nil, err
	}
	if err := position(stream, source.Size, offset, length); err != nil {
		_ = stream.Body.Close()
		return nil, err
	}
	return &readCloser{Reader: source.Key.Stream(exactly(stream.Body, length), offset), Closer: stream.Body}, nil
}

// position brings a stream to the offset, where the store has not done so, and compares the lengths that are known. The
// store answers wrong coordinates with other bytes, so the length is the only check there is (protocol §5.3).
func position(stream *httpclient.Stream, size, offset, length int64) error {
	promised := size
	switch stream.Status {
	case http.StatusOK:
		if stream.Size < 0 || stream.Size == size {
			_, err := io.CopyN(io.Discard, stream.Body, offset)
			if err != nil {
				return &message.Failure{Class: message.Transient, Reason: "Apple's store broke off", Err: err}
			}
			return nil
		}
	case http.StatusPartialContent:
		var first, last int64
		n, _ := fmt.Sscanf(stream.Header.Get("Content-Range"), "bytes %d-%d", &first, &last)
		if n == 2 && first == offset && last == offset+length-1 {
			return nil
		}
		promised = length
	default:
		return &message.Failure{Class: message.Transient, Status: stream.Status, Reason: fmt.Sprintf("Apple's store answers a download with %d", stream.Status)}
	}
	return message.Failuref(message.Permanent, "Apple's store has %d bytes where %d were promised", stream.Size, promised)
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
	if err != nil || parsed.Host == "" {
		return false
	}
	return parsed.Scheme == "https" || (parsed.Scheme == "http" && c.loopback)
}

type readCloser struct {
	io.Reader
	io.Closer
}

var errMoreBytes = errors.New("more bytes came than were promised")

// exactly passes size bytes on and fails for more and for less, so that a short file never looks whole.
func exactly(r io.Reader, size int64) io.Reader { return &exactReader{r: r, left: size} }

type exactReader struct {
	r    io.Reader
	left int64
}

func (e *exactReader) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, e.end()
	}
	if int64(len(p)) > e.left {
		p = p[:e.left]
	}
	n, err := e.r.Read(p)
	e.left -= int64(n)
	if errors.Is(err, io.EOF) {
		if e.left > 0 {
			return n, io.ErrUnexpectedEOF
		}
		return n, io.EOF
	}
	return n, err
}

func (e *exactReader) end() error {
	var extra [1]byte
	n, err := io.ReadFull(e.r, extra[:])
	if n > 0 {
		return errMoreBytes
	}
	return err
}
