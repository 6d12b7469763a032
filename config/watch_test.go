package config

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestWatch changes a file in the ways that editors, people and Kubernetes do.
func TestWatch(t *testing.T) {
	rename := func(t *testing.T, from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	link := func(t *testing.T, target, path string) {
		t.Helper()
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
	plain := func(t *testing.T, dir string) string {
		path := filepath.Join(dir, "bizbridge.yaml")
		write(t, path, "old")
		return path
	}
	// As the kubelet lays out a ConfigMap: file → ..data/file, ..data → a dated folder.
	configMap := func(t *testing.T, dir string) string {
		for _, version := range []string{"..1", "..2"} {
			if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, version, "bizbridge.yaml"), version)
		}
		link(t, "..1", filepath.Join(dir, "..data"))
		link(t, "..data/bizbridge.yaml", filepath.Join(dir, "bizbridge.yaml"))
		return filepath.Join(dir, "bizbridge.yaml")
	}
	for name, c := range map[string]struct {
		prepare func(t *testing.T, dir string) string
		change  func(t *testing.T, dir, path string)
		quiet   bool
	}{
		"write": {prepare: plain, change: func(t *testing.T, _, path string) { write(t, path, "new") }},
		"several writes are one": {prepare: plain, change: func(t *testing.T, _, path string) {
			for range 5 {
				write(t, path, "new")
				time.Sleep(quiet / 10)
			}
		}},
		"atomic rename": {prepare: plain, change: func(t *testing.T, dir, path string) {
			write(t, filepath.Join(dir, ".tmp"), "new")
			rename(t, filepath.Join(dir, ".tmp"), path)
		}},
		"backup and new file": {prepare: plain, change: func(t *testing.T, _, path string) {
			rename(t, path, path+"~")
			write(t, path, "new")
		}},
		"remove and create": {prepare: plain, change: func(t *testing.T, _, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			time.Sleep(quiet / 4)
			write(t, path, "new")
		}},
		"symlink swap": {prepare: configMap, change: func(t *testing.T, dir, _ string) {
			link(t, "..2", filepath.Join(dir, "..data_tmp"))
			rename(t, filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data"))
			if err := os.RemoveAll(filepath.Join(dir, "..1")); err != nil {
				t.Fatal(err)
			}
		}},
		"write behind a symlink": {prepare: configMap, change: func(t *testing.T, dir, _ string) {
			write(t, filepath.Join(dir, "..1", "bizbridge.yaml"), "new")
		}},
		"another file": {prepare: plain, quiet: true, change: func(t *testing.T, dir, _ string) {
			write(t, filepath.Join(dir, "other.yaml"), "x")
		}},
		"removed": {prepare: plain, quiet: true, change: func(t *testing.T, _, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			path := c.prepare(t, dir)
			reloads, ready, done := make(chan struct{}, 10), make(chan struct{}), make(chan error, 1)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { done <- watch(ctx, path, func() { reloads <- struct{}{} }, ready) }()
			<-ready
			c.change(t, dir, path)
			if !c.quiet {
				select {
				case <-reloads:
				case <-time.After(10 * time.Second):
					t.Error("no reload")
				}
			}
			time.Sleep(2 * quiet)
			if more := len(reloads); more > 0 {
				t.Errorf("%d reloads too many", more)
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWatchNothing(t *testing.T) {
	if err := Watch(t.Context(), filepath.Join(t.TempDir(), "missing", "bizbridge.yaml"), func() {}); err == nil {
		t.Error("a missing folder can be watched")
	}
}
