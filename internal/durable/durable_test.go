// SPDX-License-Identifier: Apache-2.0

package durable_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anchorline/anchorline/internal/durable"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWriteFileReplacesAndLeavesNothingElse(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	require.NoError(t, durable.WriteFile(path, []byte("one"), 0o600))
	require.NoError(t, durable.WriteFile(path, []byte("two"), 0o600))
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "two", string(got))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "temporary files must not stay behind")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestWriteFileThatFailsKeepsTheOldContent(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "folder")
	require.NoError(t, os.Mkdir(target, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(target, "keep"), nil, 0o600))
	require.Error(t, durable.WriteFile(target, []byte("x"), 0o600), "a folder cannot be replaced by a file")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestGroupCommitsEveryItemOnce(t *testing.T) {
	var calls atomic.Int64
	seen := map[int]int{}
	g := durable.NewGroup(64, func(items []int) error {
		calls.Add(1)
		for _, i := range items {
			seen[i]++
		}
		return nil
	})
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			if err := g.Do(context.Background(), i); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	g.Close()
	require.Len(t, seen, 1000)
	for i, n := range seen {
		require.Equal(t, 1, n, "item %d", i)
	}
	require.LessOrEqual(t, calls.Load(), int64(1000))
}

func TestGroupGivesTheErrorToThoseItConcerns(t *testing.T) {
	bad := errors.New("disk full")
	g := durable.NewGroup(1, func(items []int) error {
		if items[0] == 7 {
			return bad
		}
		return nil
	})
	defer g.Close()
	require.NoError(t, g.Do(context.Background(), 1))
	require.ErrorIs(t, g.Do(context.Background(), 7), bad)
	require.NoError(t, g.Do(context.Background(), 2))
}

func TestGroupRefusesWorkAfterClose(t *testing.T) {
	g := durable.NewGroup(1, func([]int) error { return nil })
	g.Close()
	g.Close()
	require.ErrorIs(t, g.Do(context.Background(), 1), durable.ErrClosed)
}
