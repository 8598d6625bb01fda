// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/anchorline/anchorline/bridge/gap"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/name"
)

// Seal makes the oldest pending readings, at most limit, the next batch of the stream and returns it, or
// ErrNotFound when none is pending. It asks nobody whether they are still good: see [Spool.Select].
func (s *Spool) Seal(limit uint64) (*Batch, error) {
	sel, err := s.Select(Limit{Readings: limit})
	if err != nil {
		return nil, err
	}
	return s.SealSelection(sel)
}

// SealSelection makes a selection the next batch of the stream and returns it. What was objected to, and
// what is not what was stored, goes to the quarantine instead; when nothing else is in the selection no
// batch is made, and ErrNotFound is returned. The batch before it must be committed: its anchor's hash
// goes into this one.
func (s *Spool) SealSelection(sel *Selection) (*Batch, error) {
	var b *Batch
	err := s.update(func(tx *bbolt.Tx) error {
		w, err := newWriter(tx)
		if err != nil {
			return err
		}
		if sel.first != w.books.through()+1 || sel.last > w.books.Accepted {
			return fmt.Errorf("%w: positions %d to %d are not the next ones", ErrState, sel.first, sel.last)
		}
		previous, err := previousHash(tx, w.books.Batches)
		if err != nil {
			return err
		}
		if b, err = s.seal(w, sel, previous); err != nil {
			return err
		}
		if err := s.quarantine.Put(w.refused); err != nil {
			return err
		}
		return w.finish()
	})
	if err == nil && b == nil {
		err = fmt.Errorf("%w: no reading of the selection is good any more", ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// seal writes the batch of what is good, if there is any.
func (s *Spool) seal(w *writer, sel *Selection, previous [32]byte) (*Batch, error) {
	b := &Batch{Number: w.books.Batches + 1, State: Sealed, First: sel.first, Last: sel.last}
	content, err := s.examine(w, sel, b)
	if err != nil {
		return nil, err
	}
	if b.Size() == 0 {
		return nil, nil
	}
	if b.Anchor, err = s.anchor(w, b, content, previous); err != nil {
		return nil, err
	}
	w.books.Batches, w.since = b.Number, since{}
	w.books.Sealed += b.Size()
	if err := w.tx.Bucket(bucketRanges).Put(key(b.Last), key(b.Number)); err != nil {
		return nil, err
	}
	return b, put(w.tx.Bucket(bucketBatches), key(b.Number), b)
}

// content is what an anchor says of a batch's readings.
type content struct {
	leaves         []merkle.Hash
	bridge, device span
	gaps           *gap.Counter
}

// examine goes through the selection: what is good goes into the content, the rest out of the spool.
func (s *Spool) examine(w *writer, sel *Selection, b *Batch) (*content, error) {
	c := &content{gaps: gap.NewCounter(tracked{w.tx}, b.Number)}
	for p := sel.first; p <= sel.last; p++ {
		v := w.tx.Bucket(bucketReadings).Get(key(p))
		r, damage := parseReading(p, v)
		o, objected := sel.objections[p]
		if damage != nil {
			o, objected = objection{ReasonDamaged, damage.Error()}, true
		}
		if objected {
			if err := w.withdraw(p, v, r, o); err != nil {
				return nil, err
			}
			b.Skipped = append(b.Skipped, p)
			continue
		}
		c.leaves = append(c.leaves, merkle.LeafHash(r.Bytes()))
		c.bridge.include(int64(number(v)))
		c.device.include(r.Claims().Time)
		if err := c.gaps.Add(r.Claims().Device, r.Claims().Sequence); err != nil {
			return nil, err
		}
	}
	return c, nil
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

// anchor is what the ledger will hold of the batch.
func (s *Spool) anchor(w *writer, b *Batch, c *content, previous [32]byte) ([]byte, error) {
	w.books.Gaps = c.gaps.Open(w.books.Gaps)
	a := record.Anchor{
		Type: record.AnchorType, Version: record.Version,
		Stream: s.stream, Number: b.Number, Previous: merkle.Hash(previous).String(),
		Root: merkle.New(c.leaves).Root().String(), Size: b.Size(),
		BridgeTime: c.bridge.Span, DeviceTime: c.device.Span,
		Counts: map[string]uint64{record.DeviceSigned: b.Size()},
		Gaps:   c.gaps.Gaps(), Quarantined: w.since.Quarantined,
	}
	return a.Encode()
}

// Find says where a reading is: its batch and its index there. ErrNotFound means that it was
// never accepted; a position without a batch is pending and has batch nil.
func (s *Spool) Find(device name.Name, sequence uint64) (*Batch, uint64, error) {
	var b *Batch
	var index uint64
	err := s.view(func(tx *bbolt.Tx) error {
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
		index = b.index(position)
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
