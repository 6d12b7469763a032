package templates

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gabriel-vasile/mimetype"

	"bizbridge/config/yamlfile"
)

// MaxPicture bounds a file that a template takes in.
const MaxPicture = 10 << 20

// folder is where a file of templates lies: what it names is read below it, and nowhere else.
type folder struct {
	path string
	root *os.Root            // nil until something is read
	seen map[seenFile]string // base64
	read func(path string, as use) (data, message, hint string)

	prepare PreparePicture // nil: pictures stay as they are
}

// use is what a file is for.
type use int

const (
	asPicture use = iota
	asIcon
	asFile // any, and it stays as it is
)

// seenFile is a file that was read for a use: an icon is made smaller than other pictures.
type seenFile struct {
	path string
	as   use
}

func newFolder(path string) *folder {
	f := &folder{path: path, seen: map[seenFile]string{}}
	f.read = f.load
	return f
}

func (f *folder) close() {
	if f.root != nil {
		_ = f.root.Close()
	}
}

const pathHint = "The path is relative to the file of the templates, and stays in its folder or below."

// load gives a file as base64, or what is wrong with it.
func (f *folder) load(path string, as use) (data, message, hint string) {
	file := seenFile{path, as}
	if data, ok := f.seen[file]; ok {
		return data, "", ""
	}
	if filepath.IsAbs(path) || !filepath.IsLocal(filepath.FromSlash(path)) {
		return "", fmt.Sprintf("the file %q is not in the folder of the templates", yamlfile.OneLine(path)), pathHint
	}
	content, err := f.open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Sprintf("the file %q does not exist", yamlfile.OneLine(path)), pathHint
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Sprintf("the file %q may not be read by this user", yamlfile.OneLine(path)), ""
	case errors.Is(err, errSize):
		return "", fmt.Sprintf("the file %q is larger than %d bytes", yamlfile.OneLine(path), MaxPicture), "The phone sees a small picture: a few hundred pixels are enough."
	case err != nil: // also a link that leads out of the folder
		return "", fmt.Sprintf("the file %q cannot be read", yamlfile.OneLine(path)), pathHint
	case len(content) == 0:
		return "", fmt.Sprintf("the file %q is empty", yamlfile.OneLine(path)), ""
	case as != asFile && !isPicture(content):
		return "", fmt.Sprintf("the file %q is no picture", yamlfile.OneLine(path)), "PNG, JPEG, GIF, WebP, BMP and TIFF can be used."
	case as != asFile && f.prepare != nil:
		if content, err = f.prepare(content, as == asIcon); err != nil {
			return "", fmt.Sprintf("the file %q cannot be shown: it %s", yamlfile.OneLine(path), yamlfile.OneLine(err.Error())), "Save it anew as a PNG or JPEG, of at most a few megapixels."
		}
	}
	data = base64.StdEncoding.EncodeToString(content)
	f.seen[file] = data
	return data, "", ""
}

func isPicture(content []byte) bool {
	found := mimetype.Detect(content)
	for _, known := range strings.Fields("image/png image/jpeg image/gif image/webp image/bmp image/tiff") {
		if found.Is(known) {
			return true
		}
	}
	return false
}

var (
	errSize    = errors.New("too large")
	errNotFile = errors.New("not a file")
)

func (f *folder) open(path string) ([]byte, error) {
	if f.root == nil {
		root, err := os.OpenRoot(f.path)
		if err != nil {
			return nil, err
		}
		f.root = root
	}
	info, err := f.root.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // a pipe would block for ever
		return nil, errNotFile
	}
	file, err := f.root.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return readBounded(file, MaxPicture)
}

// readBounded reads at most most bytes.
func readBounded(from io.Reader, most int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(from, most+1))
	if err == nil && int64(len(content)) > most {
		err = errSize
	}
	return content, err
}
