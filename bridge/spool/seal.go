// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/anchorline/anchorline/bridge/gap"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/name"
)

// A Row is one stored reading.
type Row struct {
	Received int64  // bridge clock, ms
	Reading  []byte // the leaf, exactly as received
}

// Seal makes the oldest pending readings, at most limit, the next batch of the stream and
// returns it, or ErrNotFound when none is pending. The batch before it must be committed: its
// anchor's hash goes into this one.
func (s *Spool) Seal(limit uint64) (*Batch, error) {
	var b *Batch
	err := s.db.Update(func(tx *bbolt.Tx) error {
		w, err := newWriter(tx)
		if err != nil {
			return err
		}
		if w.books.Accepted == w.books.Sealed {
			return ErrNotFound
		}
		previous, err := previousHash(tx, w.books.Batches)
		if err != nil {
			return err
		}
		b = &Batch{
			Number: w.books.Batches + 1, State: Sealed,
			First: w.books.Sealed + 1, Last: min(w.books.Accepted, w.books.Sealed+limit),
		}
		if b.Anchor, err = s.anchor(w, b, previous); err != nil {
			return err
		}
		w.books.Batches, w.books.Sealed, w.since = b.Number, b.Last, since{}
		if err := tx.Bucket(bucketRanges).Put(key(b.Last), key(b.Number)); err != nil {
			return err
		}
		if err := put(tx.Bucket(bucketBatches), key(b.Number), b); err != nil {
			return err
		}
		return w.finish()
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// previousHash is the anchor hash of batch n, which must be committed; of none, zeros.
func previousHash(tx *bbolt.Tx, n uint64) ([32]byte, error) {
	if n == 0 {
		return [32]byte{}, nil
	}
	last, err := loadBatch(tx, n)
	if err != nil {
		return [32]byte{}, err
	}
	if last.State != Committed && last.State != Receipted {
		return [32]byte{}, fmt.Errorf("%w: batch %d is %s, the next cannot be sealed", ErrState, n, last.State)
	}
	a, err := record.ParseAnchor(last.Anchor)
	if err != nil {
		return [32]byte{}, fmt.Errorf("%w: anchor of batch %d: %w", ErrDamaged, n, err)
	}
	return a.Hash()
}

// anchor computes what the ledger will hold of the batch, and notes which numbers its devices skipped.
func (s *Spool) anchor(w *writer, b *Batch, previous [32]byte) ([]byte, error) {
	rows, err := loadRows(w.tx, b)
	if err != nil {
		return nil, err
	}
	leaves := make([]merkle.Hash, len(rows))
	var bridge, device span
	gaps := gap.NewCounter(tracked{w.tx}, b.Number)
	for i, r := range rows {
		parsed, err := reading.Parse(r.Reading)
		if err != nil {
			return nil, fmt.Errorf("%w: reading at position %d: %w", ErrDamaged, b.First+uint64(i), err)
		}
		leaves[i] = merkle.LeafHash(r.Reading)
		bridge.include(r.Received)
		device.include(parsed.Claims().Time)
		if err := gaps.Add(parsed.Claims().Device, parsed.Claims().Sequence); err != nil {
			return nil, err
		}
	}
	w.books.Gaps = gaps.Open(w.books.Gaps)
	a := record.Anchor{
		Type: record.AnchorType, Version: record.Version,
		Stream: s.stream, Number: b.Number, Previous: merkle.Hash(previous).String(),
		Root: merkle.New(leaves).Root().String(), Size: b.Size(),
		BridgeTime: bridge.Span, DeviceTime: device.Span,
		Counts: map[string]uint64{record.DeviceSigned: b.Size()},
		Gaps:   gaps.Gaps(), Quarantined: w.since.Quarantined,
	}
	return a.Encode()
}

// Rows returns the readings of a batch, in order, as long as it is only sealed.
func (s *Spool) Rows(b *Batch) ([]Row, error) {
	var rows []Row
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		rows, err = loadRows(tx, b)
		return err
	})
	return rows, err
}

func loadRows(tx *bbolt.Tx, b *Batch) ([]Row, error) {
	var rows []Row
	c := tx.Bucket(bucketReadings).Cursor()
	for k, v := c.Seek(key(b.First)); k != nil && number(k) <= b.Last; k, v = c.Next() {
		if len(v) < 8 {
			return nil, fmt.Errorf("%w: reading at position %d has %d bytes", ErrDamaged, number(k), len(v))
		}
		rows = append(rows, Row{Received: int64(number(v)), Reading: bytes.Clone(v[8:])})
	}
	if uint64(len(rows)) != b.Size() {
		return nil, fmt.Errorf("%w: batch %d has %d of its %d readings", ErrDamaged, b.Number, len(rows), b.Size())
	}
	return rows, nil
}

// Find says where a reading is: its batch and its index there. ErrNotFound means that it was
// never accepted; a position without a batch is pending and has batch nil.
func (s *Spool) Find(device name.Name, sequence uint64) (*Batch, uint64, error) {
	var b *Batch
	var index uint64
	err := s.db.View(func(tx *bbolt.Tx) error {
		v := tx.Bucket(bucketSeen).Get(deviceKey(device, sequence))
		if v == nil {
			return fmt.Errorf("%w: device %s sequence number %d", ErrNotFound, device, sequence)
		}
		_, position, err := parseSeen(v)
		if err != nil {
			return err
		}
		k, v := tx.Bucket(bucketRanges).Cursor().Seek(key(position))
		if k == nil {
			return nil
		}
		n, err := numbers(v, 1, "a range")
		if err != nil {
			return err
		}
		if b, err = loadBatch(tx, n[0]); err != nil {
			return err
		}
		if position < b.First || position > b.Last {
			return fmt.Errorf("%w: position %d is not in batch %d", ErrDamaged, position, b.Number)
		}
		index = position - b.First
		return nil
	})
	return b, index, err
}

type span struct {
	record.Span
	set bool
}

func (s *span) include(t int64) {
	if !s.set {
		s.First, s.Last, s.set = t, t, true
	}
	s.First, s.Last = min(s.First, t), max(s.Last, t)
}
