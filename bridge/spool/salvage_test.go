// SPDX-License-Identifier: Apache-2.0

package spool_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/anchorline/anchorline/bridge/quarantine"
	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// lived is a spool with three batches, the last in flight, and four readings that wait. It is closed.
func lived(t *testing.T, path string) cose.Signer {
	t.Helper()
	s, key := open(t, path), newSigner(t)
	accept(t, s, series(t, key, "d", 1, 6)...)
	for range 2 {
		b, err := s.Seal(2)
		require.NoError(t, err)
		commit(t, s, b)
	}
	require.NoError(t, s.Receipt(1))
	_, err := s.Seal(2)
	require.NoError(t, err)
	accept(t, s, series(t, key, "d", 8, 11)...)
	require.NoError(t, s.Close())
	return key
}

func remove(t *testing.T, path, bucket, key string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		k := []byte(key)
		if key == "last" {
			k, _ = b.Cursor().Last()
		}
		require.NotNil(t, b.Get(k))
		return b.Delete(k)
	}))
	require.NoError(t, db.Close())
}

func TestAWholeFileIsReportedWholeAndSalvageChangesNothingOfIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool.db")
	lived(t, path)
	report, err := spool.Check(path)
	require.NoError(t, err)
	require.True(t, report.OK(), "%v", report.Faults)
	require.Equal(t, stream.String(), report.Stream)
	require.EqualValues(t, 10, report.Books.Accepted)
	s, err := spool.Salvaged(path, stream)
	require.NoError(t, err)
	require.False(t, s.Rebuilt)
	require.FileExists(t, s.Kept)
	again, err := spool.Check(path)
	require.NoError(t, err)
	require.Equal(t, report, again)
	_, err = spool.Salvaged(path, name.New("Org1MSP", "another"))
	require.ErrorContains(t, err, "belongs to stream")
}

func TestADamagedReadingIsNamedSalvagedAroundAndTakenAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool.db")
	key := lived(t, path)
	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte("readings"))
		k := []byte{0, 0, 0, 0, 0, 0, 0, 8}
		v := bytes.Clone(b.Get(k))
		v[50] ^= 1
		return b.Put(k, v)
	}))
	require.NoError(t, db.Close())
	report, err := spool.Check(path)
	require.NoError(t, err)
	require.Len(t, report.Faults, 1)
	require.Equal(t, "readings", report.Faults[0].Bucket)
	require.Equal(t, "0000000000000008", report.Faults[0].Key)
	var exported int
	damaged, err := spool.Export(path, func(spool.Row) error { exported++; return nil })
	require.NoError(t, err)
	require.Equal(t, 1, damaged)
	require.Equal(t, 5, exported, "the two of the batch in flight, and the three that wait")

	_, err = spool.Salvaged(path, stream)
	require.NoError(t, err)
	s := open(t, path)
	defer s.Close()
	b, err := s.Latest()
	require.NoError(t, err)
	commit(t, s, b)
	b, err = s.Seal(10)
	require.NoError(t, err)
	require.EqualValues(t, 3, b.Size())
	kept, err := s.Quarantine().List(quarantine.Filter{Accepted: true})
	require.NoError(t, err)
	require.Len(t, kept, 1)
	accept(t, s, item(t, key, "d", 9, "9")) // the one at position 8
}

func TestLostBooksAreCountedAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool.db")
	key := lived(t, path)
	remove(t, path, "meta", "books")
	s, err := spool.Salvaged(path, stream)
	require.NoError(t, err)
	require.True(t, s.Rebuilt)
	store := open(t, path)
	defer store.Close()
	books, err := store.Books()
	require.NoError(t, err)
	require.True(t, books.Balance())
	require.EqualValues(t, 10, books.Accepted)
	require.EqualValues(t, 6, books.Sealed)
	require.EqualValues(t, 4, books.Anchored)
	require.EqualValues(t, 3, books.Batches)
	b, err := store.Latest()
	require.NoError(t, err)
	commit(t, store, b)
	b, err = store.Seal(10)
	require.NoError(t, err)
	require.EqualValues(t, 4, b.Size(), "the chain goes on where it stood")
	require.EqualValues(t, 4, b.Number)
	out, err := store.Append([]spool.Item{item(t, key, "d", 1, "1")})
	require.NoError(t, err)
	require.Equal(t, spool.Duplicate, out[0].Fate)
}

func TestAFileThatLostItsNewestBatchIsNotContinued(t *testing.T) {
	for title, books := range map[string]bool{"with books": true, "without": false} {
		t.Run(title, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "spool.db")
			lived(t, path)
			remove(t, path, "batches", "last")
			if !books {
				remove(t, path, "meta", "books")
			}
			before, err := os.ReadFile(path)
			require.NoError(t, err)
			_, err = spool.Salvaged(path, stream)
			require.ErrorIs(t, err, spool.ErrUnsalvageable, "it would fork the stream")
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, before, after)
			require.NoFileExists(t, path+".salvage")
		})
	}
}

// Whatever page is broken, the file is salvaged or refused; what is salvaged goes on.
func TestAnyBrokenPageIsSalvagedOrRefusedAndNeverAPanic(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool.db")
	s, key := open(t, path), newSigner(t)
	for n := range uint64(10) {
		accept(t, s, series(t, key, "d", 1+n*40, 40+n*40)...)
	}
	require.NoError(t, s.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	page := os.Getpagesize()
	sealed := 0
	for at := 2 * page; at < len(whole); at += 3 * page {
		path := filepath.Join(t.TempDir(), "spool.db")
		damaged := bytes.Clone(whole)
		for i := range page {
			damaged[at+i] = 0xa5
		}
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		if _, err := spool.Check(path); err != nil {
			require.ErrorIs(t, err, spool.ErrDamaged)
			continue
		}
		path2 := filepath.Join(t.TempDir(), "spool.db") // a panic while a file is opened keeps its lock
		require.NoError(t, os.WriteFile(path2, damaged, 0o600))
		if _, err := spool.Salvaged(path2, stream); err != nil {
			require.Regexp(t, "damaged|too much is lost", err.Error())
			continue
		}
		s := open(t, path2)
		if b, err := s.Seal(1000); err == nil {
			require.LessOrEqual(t, b.Size(), uint64(400))
			sealed++
		} else {
			require.ErrorContains(t, err, "no reading of the selection", "all readings were on the broken page")
		}
		books, err := s.Books()
		require.NoError(t, err)
		require.True(t, books.Balance())
		require.NoError(t, s.Close())
	}
	require.Positive(t, sealed)
}
