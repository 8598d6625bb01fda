// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/anchorline/anchorline/chaincode/record"
)

// A Snapshot is the books and what is on its way to the ledger, of one moment.
type Snapshot struct {
	Books
	InFlight      map[State]uint64 // batches that are not receipted yet, by state
	OldestPending int64            // when the oldest pending reading was received: bridge clock, ms; 0 for none
	LastAnchor    uint64           // number of the last batch that was committed, 0 before the first
	LastAnchored  int64            // timestamp of the transaction that anchored it, ms
	Bytes         int64            // of the spool's file
}

// Snapshot returns the present state. It reads no more than the batches that are not receipted yet.
func (s *Spool) Snapshot() (Snapshot, error) {
	snap := Snapshot{InFlight: map[State]uint64{}}
	err := s.view(func(tx *bbolt.Tx) (err error) {
		snap.Bytes = tx.Size()
		if snap.Books, err = loadBooks(tx); err != nil {
			return err
		}
		oldest, err := snap.batches(tx)
		if err != nil {
			return err
		}
		snap.OldestPending, err = oldestPending(tx, snap.Books, oldest)
		return err
	})
	return snap, err
}

// batches counts those on their way, notes the last one committed, and returns the one that is
// neither committed nor receipted, if there is one: of those there is one at a time.
func (s *Snapshot) batches(tx *bbolt.Tx) (*Batch, error) {
	var uncommitted *Batch
	c := tx.Bucket(bucketBatches).Cursor()
	for k, _ := c.Last(); k != nil; k, _ = c.Prev() {
		b, err := loadBatch(tx, number(k))
		if err != nil {
			return nil, err
		}
		anchored := b.State == Committed || b.State == Receipted
		if anchored && s.LastAnchor == 0 {
			s.LastAnchor, s.LastAnchored = b.Number, b.Commit.Time
		}
		if b.State == Receipted {
			break
		}
		s.InFlight[b.State]++
		if !anchored {
			uncommitted = b
		}
	}
	return uncommitted, nil
}

// oldestPending finds when the first reading was received that is not on the ledger. The batch on
// its way may have let go of its readings, but its anchor says when the first came.
func oldestPending(tx *bbolt.Tx, books Books, uncommitted *Batch) (int64, error) {
	if uncommitted != nil {
		a, err := record.ParseAnchor(uncommitted.Anchor)
		if err != nil {
			return 0, fmt.Errorf("%w: anchor of batch %d: %w", ErrDamaged, uncommitted.Number, err)
		}
		return a.BridgeTime.First, nil
	}
	k, row := tx.Bucket(bucketReadings).Cursor().Seek(key(books.through() + 1))
	if k == nil || len(row) < rowHead { // a damaged one is set aside when it is sealed
		return 0, nil
	}
	return int64(number(row)), nil
}
