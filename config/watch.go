package config

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// quiet is how long a file must be left alone before it counts as written:
// editors and Kubernetes replace a file in several steps.
const quiet = 200 * time.Millisecond

// Watch calls reload after the file has changed, until ctx ends; then it
// returns nil. It blocks, and reload runs on the caller's goroutine: never
// twice at a time. The error tells that the file cannot be watched at all.
//
// It watches folders rather than the file: editors and Kubernetes put another
// file, or another target of a symlink, in its place.
func Watch(ctx context.Context, path string, reload func()) error {
	return watch(ctx, path, reload, nil)
}

// watch closes ready, if given, once changes are seen.
func watch(ctx context.Context, path string, reload func(), ready chan<- struct{}) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("config: watch: %w", err)
	}
	defer func() { _ = watcher.Close() }()
	path, err = filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("config: watch: %w", err)
	}
	if err := watcher.Add(filepath.Dir(path)); err != nil {
		return fmt.Errorf("config: watch %s: %w", filepath.Dir(path), err)
	}
	target := follow(watcher, path, "")
	if ready != nil {
		close(ready)
	}

	var settled <-chan time.Time // nil while there is nothing to reload
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-watcher.Errors: // an overflow may have swallowed a change
			settled = time.After(quiet)
		case event := <-watcher.Events:
			before := target
			target = follow(watcher, path, before)
			touched := event.Name == path || event.Name == target
			if target != "" && (target != before || touched && !event.Has(fsnotify.Remove) && event.Op != fsnotify.Chmod) {
				settled = time.After(quiet)
			}
		case <-settled:
			settled = nil
			reload()
		}
	}
}

// follow resolves the symlinks of the path and watches the folder that the file
// really lies in. It returns "" while there is no file.
func follow(watcher *fsnotify.Watcher, path, before string) string {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	if target != before {
		_ = watcher.Add(filepath.Dir(target)) // without it, changes of the links are still seen
	}
	return target
}
