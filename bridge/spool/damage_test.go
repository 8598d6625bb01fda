// SPDX-License-Identifier: Apache-2.0

package spool_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/anchorline/anchorline/bridge/quarantine"
	"github.com/anchorline/anchorline/bridge/spool"
)

// overwrite replaces every value of a bucket, behind the spool's back.
func overwrite(t *testing.T, path, bucket string, change func(v []byte) []byte) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		require.NotNil(t, b)
		var keys, values [][]byte
		require.NoError(t, b.ForEach(func(k, v []byte) error {
			if string(k) != "stream" {
				keys, values = append(keys, append([]byte(nil), k...)), append(values, append([]byte(nil), v...))
			}
			return nil
		}))
		require.NotEmpty(t, keys, "bucket %s is empty, so nothing is damaged", bucket)
		for i, k := range keys {
			if err := b.Put(k, change(values[i])); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestDamagedValuesAreReportedAndNeverPanic(t *testing.T) {
	key := newSigner(t)
	changes := map[string]func([]byte) []byte{
		"empty":   func([]byte) []byte { return nil },
		"short":   func(v []byte) []byte { return v[:min(len(v), 3)] },
		"garbage": func(v []byte) []byte { return []byte{0xff, 0xff, 0xff} },
	}
	for _, c := range []struct {
		bucket string
		use    func(s *spool.Spool) error
	}{
		{"meta", func(s *spool.Spool) error { _, err := s.Books(); return err }},
		{"meta", func(s *spool.Spool) error { _, err := s.Append(nil); return err }},
		{"seen", func(s *spool.Spool) error { _, err := s.Append([]spool.Item{item(t, key, "d", 5, "x")}); return err }},
		{"seen", func(s *spool.Spool) error { _, _, err := s.Find(device("d"), 5); return err }},
		{"devices", func(s *spool.Spool) error { _, err := s.Seal(9); return err }},
		{"missing", func(s *spool.Spool) error { _, err := s.Seal(9); return err }},
		{"missing", func(s *spool.Spool) error { return s.Gaps(func(spool.Gap) bool { return true }) }},
		{"batches", func(s *spool.Spool) error { _, err := s.Batch(1); return err }},
		{"batches", func(s *spool.Spool) error { _, err := s.Oldest(spool.Committed); return err }},
		{"batches", func(s *spool.Spool) error { _, _, err := s.Find(device("d"), 5); return err }},
		{"ranges", func(s *spool.Spool) error { _, _, err := s.Find(device("d"), 5); return err }},
	} {
		for name, change := range changes {
			t.Run(c.bucket+" "+name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "spool.db")
				s := open(t, path)
				accept(t, s, item(t, key, "d", 5, "x"))
				b, err := s.Seal(1)
				require.NoError(t, err)
				commit(t, s, b)
				accept(t, s, item(t, key, "d", 7, "x"), item(t, key, "d", 2, "x"))
				_, err = s.Append([]spool.Item{refused("malformed", nil)})
				require.NoError(t, err)
				require.NoError(t, s.Close())
				overwrite(t, path, c.bucket, change)
				s = open(t, path)
				defer s.Close()
				require.ErrorIs(t, c.use(s), spool.ErrDamaged)
			})
		}
	}
}

func TestAReadingThatChangedOnDiskIsSetAsideAndTakenWhenItComesAgain(t *testing.T) {
	for title, change := range map[string]func(v []byte) []byte{
		"the time of receipt": func(v []byte) []byte { v[7] ^= 1; return v },
		"its hash":            func(v []byte) []byte { v[8] ^= 1; return v },
		"the first byte":      func(v []byte) []byte { v[40] ^= 1; return v },
		"the signature":       func(v []byte) []byte { v[len(v)-1] ^= 1; return v },
		"cut short":           func(v []byte) []byte { return v[:len(v)-1] },
		"nearly nothing left": func(v []byte) []byte { return v[:3] },
	} {
		t.Run(title, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "spool.db")
			s, key := open(t, path), newSigner(t)
			accept(t, s, item(t, key, "d", 1, "x"))
			require.NoError(t, s.Close())
			overwrite(t, path, "readings", change)
			s = open(t, path)
			defer s.Close()
			accept(t, s, item(t, key, "d", 2, "y"))
			b, err := s.Seal(10)
			require.NoError(t, err)
			require.EqualValues(t, 1, b.Size(), "the good one goes on")
			rows, err := s.Rows(b)
			require.NoError(t, err)
			require.Equal(t, item(t, key, "d", 2, "y").Payload, rows[0].Reading)
			_, index, err := s.Find(device("d"), 2)
			require.NoError(t, err)
			require.Zero(t, index)
			kept, err := s.Quarantine().List(quarantine.Filter{Accepted: true})
			require.NoError(t, err)
			require.Len(t, kept, 1)
			require.Equal(t, spool.ReasonDamaged, kept[0].Reason)
			require.True(t, kept[0].Accepted)
			books, err := s.Books()
			require.NoError(t, err)
			require.True(t, books.Balance())
			require.EqualValues(t, 1, books.Pending())
			require.Equal(t, map[string]uint64{spool.ReasonDamaged: 1}, books.Withdrawn)
			accept(t, s, item(t, key, "d", 1, "x")) // its device sends it again
		})
	}
}

func TestAPageThatIsBrokenIsAnErrorThatSaysWhatToDo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool.db")
	s, key := open(t, path), newSigner(t)
	for n := range uint64(40) {
		accept(t, s, series(t, key, "d", 1+n*20, 20+n*20)...)
	}
	require.NoError(t, s.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	page := os.Getpagesize()
	found := 0
	for at := 2 * page; at < len(whole); at += page { // the first two pages hold which root is valid
		damaged := bytes.Clone(whole)
		for i := range page {
			damaged[at+i] = 0xa5
		}
		path := filepath.Join(t.TempDir(), "spool.db")
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		s, err := spool.Open(path, stream)
		if err == nil {
			_, err = s.Seal(10_000)
			require.NoError(t, errors.Join(s.Close()))
		}
		if err != nil {
			require.ErrorIs(t, err, spool.ErrDamaged)
			require.ErrorContains(t, err, "anchorline bridge salvage")
			found++
		}
	}
	require.Positive(t, found)
	require.NoError(t, os.WriteFile(path, whole[:page], 0o600))
	_, err = spool.Open(path, stream)
	require.ErrorIs(t, err, spool.ErrDamaged)
}
