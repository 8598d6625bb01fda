// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
)

// A State is how far a batch has come. It only goes forward, one step at a time; prepared may
// be repeated, with another transaction, when the ledger said that the former is invalid.
type State string

// The states, in order. Readings not yet in a batch are pending.
const (
	Sealed    State = "sealed"    // range, root and anchor are fixed
	Prepared  State = "prepared"  // archived, and the endorsed transaction is stored
	Committed State = "committed" // in a block of the ledger
	Receipted State = "receipted" // receipts were published
)

// A Batch is a range of readings on its way to the ledger.
type Batch struct {
	Number      uint64 `cbor:"1,keyasint"`
	State       State  `cbor:"2,keyasint"`
	First       uint64 `cbor:"3,keyasint"` // position of its first reading
	Last        uint64 `cbor:"4,keyasint"` // and of its last
	Anchor      []byte `cbor:"5,keyasint"` // canonical bytes of the anchor
	Transaction []byte `cbor:"6,keyasint,omitempty"`
	Commit      Commit `cbor:"7,keyasint"`
	// Skipped are the positions between First and Last of what was accepted and not anchored, ascending.
	Skipped []uint64 `cbor:"8,keyasint,omitempty"`
}

// A Commit says where on the ledger an anchor stands.
type Commit struct {
	TransactionID string `cbor:"1,keyasint"` // hex
	Block         uint64 `cbor:"2,keyasint"`
	Time          int64  `cbor:"3,keyasint"` // transaction timestamp, ms
}

// Size is the number of readings.
func (b *Batch) Size() uint64 { return b.Last - b.First + 1 - uint64(len(b.Skipped)) }

// index is the place of a position in the batch.
func (b *Batch) index(position uint64) uint64 {
	skipped, _ := slices.BinarySearch(b.Skipped, position)
	return position - b.First - uint64(skipped)
}

// Batch returns a batch by its number.
func (s *Spool) Batch(n uint64) (*Batch, error) {
	var b *Batch
	err := s.view(func(tx *bbolt.Tx) (err error) {
		b, err = loadBatch(tx, n)
		return err
	})
	return b, err
}

// Oldest returns the batch with the lowest number that is in one of the states, or ErrNotFound.
// Only the newest batches are unfinished, so it looks from the end.
func (s *Spool) Oldest(states ...State) (*Batch, error) {
	var found *Batch
	err := s.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketBatches).Cursor()
		for k, _ := c.Last(); k != nil; k, _ = c.Prev() {
			b, err := loadBatch(tx, number(k))
			if err != nil {
				return err
			}
			if b.State == Receipted {
				return nil
			}
			for _, st := range states {
				if b.State == st {
					found = b
				}
			}
		}
		return nil
	})
	if err == nil && found == nil {
		err = ErrNotFound
	}
	return found, err
}

// Latest returns the batch with the highest number, or ErrNotFound.
func (s *Spool) Latest() (*Batch, error) {
	var b *Batch
	err := s.view(func(tx *bbolt.Tx) (err error) {
		k, _ := tx.Bucket(bucketBatches).Cursor().Last()
		if k == nil {
			return ErrNotFound
		}
		b, err = loadBatch(tx, number(k))
		return err
	})
	return b, err
}

// Prepare stores the endorsed transaction that will anchor the batch, with its id and timestamp,
// and lets go of the batch's readings, which the archive must hold by now.
func (s *Spool) Prepare(n uint64, transaction []byte, c Commit) error {
	return s.step(n, func(tx *bbolt.Tx, b *Batch, _ *Books) error {
		if b.State != Sealed && b.State != Prepared {
			return fmt.Errorf("%w: batch %d is %s, cannot be prepared", ErrState, n, b.State)
		}
		b.State, b.Transaction, b.Commit = Prepared, transaction, c
		return dropRows(tx, b)
	})
}

func dropRows(tx *bbolt.Tx, b *Batch) error {
	rows := tx.Bucket(bucketReadings)
	for p := b.First; p <= b.Last; p++ {
		if err := rows.Delete(key(p)); err != nil {
			return err
		}
	}
	return nil
}

// Commit notes where on the ledger the anchor stands. The transaction's bytes, and readings that are
// still held because the anchor was found there before it was prepared, are no longer needed.
func (s *Spool) Commit(n uint64, c Commit) error {
	return s.step(n, func(tx *bbolt.Tx, b *Batch, books *Books) error {
		if b.State != Sealed && b.State != Prepared {
			return fmt.Errorf("%w: batch %d is %s, cannot be committed", ErrState, n, b.State)
		}
		if b.State == Sealed {
			if err := dropRows(tx, b); err != nil {
				return err
			}
		}
		b.State, b.Transaction, b.Commit = Committed, nil, c
		books.Anchored += b.Size()
		return nil
	})
}

// Receipt notes that the batch's receipts were published and acknowledged by the broker.
func (s *Spool) Receipt(n uint64) error {
	return s.step(n, func(_ *bbolt.Tx, b *Batch, books *Books) error {
		if b.State != Committed {
			return fmt.Errorf("%w: batch %d is %s, cannot be receipted", ErrState, n, b.State)
		}
		b.State = Receipted
		books.Receipted += b.Size()
		return nil
	})
}

func (s *Spool) step(n uint64, f func(*bbolt.Tx, *Batch, *Books) error) error {
	return s.update(func(tx *bbolt.Tx) error {
		b, err := loadBatch(tx, n)
		if err != nil {
			return err
		}
		books, err := loadBooks(tx)
		if err != nil {
			return err
		}
		if err := f(tx, b, &books); err != nil {
			return err
		}
		if err := put(tx.Bucket(bucketMeta), keyBooks, books); err != nil {
			return err
		}
		return put(tx.Bucket(bucketBatches), key(n), b)
	})
}

func loadBatch(tx *bbolt.Tx, n uint64) (*Batch, error) {
	var b Batch
	ok, err := get(tx.Bucket(bucketBatches), key(n), &b)
	if err == nil && !ok {
		err = fmt.Errorf("%w: batch %d", ErrNotFound, n)
	}
	return &b, err
}
