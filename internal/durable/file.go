// SPDX-License-Identifier: Apache-2.0

// Package durable puts bytes on disk so that they are there after a power cut.
//
// WriteFile replaces a whole file: after it returns nil the new content is on stable storage
// under its name, before that the old content is. Group lets many callers share one fsync.
package durable

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WriteFile writes data to path so that a crash leaves either the old file or the new one,
// never a mixture: it writes a temporary file beside it, syncs that, renames it over path and
// syncs the folder. The folder must exist.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	return WriteStream(path, mode, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// WriteStream is WriteFile for what is too large to be in memory at once: write writes it.
func WriteStream(path string, mode os.FileMode, write func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".tmp-"+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("durable: create temporary file: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	buffered := bufio.NewWriterSize(f, 1<<16)
	if err = errors.Join(write(buffered), buffered.Flush()); err != nil {
		return fmt.Errorf("durable: write %s: %w", path, err)
	}
	if err = f.Chmod(mode); err != nil {
		return fmt.Errorf("durable: set mode of %s: %w", path, err)
	}
	if err = f.Sync(); err != nil {
		return fmt.Errorf("durable: sync %s: %w", path, err)
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("durable: put %s in place: %w", path, err)
	}
	if err = f.Close(); err != nil {
		return fmt.Errorf("durable: close %s: %w", path, err)
	}
	return SyncDir(dir)
}

// SyncDir makes the names in dir durable: files created in or renamed into it stay there after
// a crash.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("durable: open folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("durable: sync folder %s: %w", dir, err)
	}
	return nil
}
