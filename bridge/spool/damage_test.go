// SPDX-License-Identifier: Apache-2.0

package spool_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

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
		{"readings", func(s *spool.Spool) error { _, err := s.Seal(9); return err }},
		{"seen", func(s *spool.Spool) error { _, err := s.Append([]spool.Item{item(t, key, "d", 5, "x")}); return err }},
		{"seen", func(s *spool.Spool) error { _, _, err := s.Find(device("d"), 5); return err }},
		{"devices", func(s *spool.Spool) error { _, err := s.Seal(9); return err }},
		{"missing", func(s *spool.Spool) error { _, err := s.Seal(9); return err }},
		{"missing", func(s *spool.Spool) error { return s.Gaps(func(spool.Gap) bool { return true }) }},
		{"quarantine", func(s *spool.Spool) error {
			return s.Quarantine(func(uint64, spool.QuarantinedMessage) bool { return true })
		}},
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

func TestAReadingThatChangedOnDiskIsNotSealed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool.db")
	s := open(t, path)
	accept(t, s, item(t, newSigner(t), "d", 1, "x"))
	require.NoError(t, s.Close())
	overwrite(t, path, "readings", func(v []byte) []byte { v[8] ^= 1; return v })
	s = open(t, path)
	defer s.Close()
	_, err := s.Seal(1)
	require.ErrorIs(t, err, spool.ErrDamaged)
}
