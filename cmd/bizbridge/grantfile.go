package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// grantFile is a file that is replaced as a whole, so that a bridge reads the old grant or the new one. What is written
// lies beside it until then.
type grantFile struct {
	path string // as the operator knows it
	real string // behind its symbolic links
	temp *os.File
}

// newGrantFile sees that the file can be replaced.
func newGrantFile(path string) (*grantFile, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		resolved, err = path, nil
	}
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(resolved)
	if err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file that can be replaced; use --output", path)
	}
	temp, err := os.CreateTemp(filepath.Dir(resolved), "."+filepath.Base(path)+"-*") // with the mode 0600
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the folder of %s does not exist. Make it, or use --output", path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be written here: %w. Run it as a user who may, or use --output", path, err)
	}
	f := &grantFile{path, resolved, temp}
	if info == nil {
		return f, nil
	}
	if err := f.inherit(info); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s belongs to somebody else: %w. Run it as its owner, or use --output", path, err)
	}
	return f, nil
}

// inherit gives the new file to whom the old one belongs: the bridge has to read it. What everybody may read or write is
// not kept so.
func (f *grantFile) inherit(old fs.FileInfo) error {
	if err := keepOwner(f.temp, old); err != nil {
		return err
	}
	if mode := old.Mode().Perm(); mode&0o007 == 0 {
		return f.temp.Chmod(mode | 0o600)
	}
	return nil
}

// Write replaces the file. What it cannot put in its place it leaves beside it, for there is no other.
func (f *grantFile) Write(content []byte) error {
	temp := f.temp
	f.temp = nil
	_, err := temp.Write(content)
	if err == nil {
		err = temp.Sync()
	}
	if closed := temp.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return fmt.Errorf("the grant cannot be written: %w. Run it again", err)
	}
	if err := os.Rename(temp.Name(), f.real); err != nil {
		return fmt.Errorf("the grant is in %s: %w. Move it to %s by hand", temp.Name(), err, f.path)
	}
	return nil
}

// Close removes what was begun and not written.
func (f *grantFile) Close() {
	if f.temp != nil {
		_ = f.temp.Close()
		_ = os.Remove(f.temp.Name())
		f.temp = nil
	}
}
