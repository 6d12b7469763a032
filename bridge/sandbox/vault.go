package sandbox

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"sync"
)

// Bounds of a vault.
const (
	maxFile      = 100_000_000 // of one file: Apple's limit on attachments
	maxVault     = 400_000_000
	maxBlobs     = 1000
	blobInMemory = 64 << 10 // larger ones are kept in temporary files
)

var (
	errGone     = errors.New("the bytes were dropped to make room")
	errTooLarge = errors.New("the file is too large")
)

// vault keeps files, bounded in bytes and in number. The oldest are dropped first.
// It has a lock of its own, since bytes come and go while s.mu must be free.
type vault struct {
	max   int64
	count int

	mu     sync.Mutex
	closed bool
	used   int64
	dir    string // made with the first large file
	blobs  []*blob
}

// blob is a file's bytes, written once.
type blob struct {
	size int64
	mem  []byte
	path string
	gone bool
}

func newVault() *vault { return &vault{max: maxVault, count: maxBlobs} }

// put reads r to its end and keeps what it read. More than limit bytes are an error.
func (v *vault) put(r io.Reader, limit int64) (*blob, error) {
	b := &blob{}
	err := v.fill(b, r, limit)
	v.mu.Lock()
	defer v.mu.Unlock()
	if err == nil && v.closed {
		err = errGone
	}
	if err != nil {
		v.release(b)
		return nil, err
	}
	v.blobs = append(v.blobs, b)
	for len(v.blobs) > v.count {
		v.dropOldest()
	}
	return b, nil
}

// fill reads the first part into memory, and the rest, if there is any, into a file.
func (v *vault) fill(b *blob, r io.Reader, limit int64) error {
	var head bytes.Buffer
	n, err := io.CopyN(&head, r, min(blobInMemory, limit)+1)
	switch {
	case err != nil && err != io.EOF:
		return err
	case n > limit:
		return errTooLarge
	}
	if !v.reserve(b, n) {
		return errTooLarge
	}
	if err == io.EOF {
		b.mem = bytes.Clone(head.Bytes())
		return nil
	}
	file, err := v.temp()
	if err != nil {
		return err
	}
	b.path = file.Name()
	rest := &reserving{v: v, b: b, r: io.LimitReader(r, limit-n+1)}
	_, err = io.Copy(file, io.MultiReader(&head, rest))
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err == nil && b.size > limit {
		err = errTooLarge
	}
	return err
}

// reserving makes room for bytes as they are read: a sender's word on the size is not relied upon.
type reserving struct {
	v *vault
	b *blob
	r io.Reader
}

func (r *reserving) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if !r.v.reserve(r.b, int64(n)) {
		return 0, errTooLarge
	}
	return n, err
}

// reserve makes room for n more bytes of a blob that is being written.
func (v *vault) reserve(b *blob, n int64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for v.used+n > v.max && len(v.blobs) > 0 {
		v.dropOldest()
	}
	if v.used+n > v.max {
		return false // others that are being written hold the room
	}
	v.used += n
	b.size += n
	return true
}

func (v *vault) dropOldest() {
	v.release(v.blobs[0])
	v.blobs = slices.Delete(v.blobs, 0, 1)
}

func (v *vault) release(b *blob) {
	v.used -= b.size
	b.gone, b.mem = true, nil
	if b.path != "" {
		_ = os.Remove(b.path) // who reads it now keeps it open; close removes what is left
	}
}

// drop forgets a blob before its time.
func (v *vault) drop(b *blob) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if i := slices.Index(v.blobs, b); i >= 0 {
		v.release(b)
		v.blobs = slices.Delete(v.blobs, i, i+1)
	}
}

func (v *vault) temp() (*os.File, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return nil, errGone
	}
	if v.dir == "" {
		dir, err := os.MkdirTemp("", "bizbridge-sandbox-")
		if err != nil {
			return nil, err
		}
		v.dir = dir
	}
	return os.CreateTemp(v.dir, "file-")
}

// inMemory makes bytes look like an opened file.
type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// open opens a blob's bytes. Close them after use.
func (v *vault) open(b *blob) (io.ReadSeekCloser, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if b.gone {
		return nil, errGone
	}
	if b.path == "" {
		return inMemory{bytes.NewReader(b.mem)}, nil
	}
	file, err := os.Open(b.path)
	if err != nil {
		return nil, errGone
	}
	return file, nil
}

// close forgets everything, and refuses what is being written.
func (v *vault) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed = true
	for len(v.blobs) > 0 {
		v.dropOldest()
	}
	if v.dir != "" {
		_ = os.RemoveAll(v.dir)
	}
}
