// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/anchorline/anchorline/bridge/quarantine"
	"github.com/anchorline/anchorline/reading"
)

// An Item is one message as intake received it and verify judged it: either Reading is set, or
// Reason says why it is refused.
type Item struct {
	Topic    string
	Payload  []byte
	Received int64 // bridge clock, ms
	Reading  *reading.Reading
	Reason   string // refusal, one word for metrics and reports
	Detail   string // refusal, a sentence for people
}

// A Fate is what became of an item.
type Fate int

// The fates. Every item has exactly one, so the books balance.
const (
	Accepted    Fate = iota + 1
	Duplicate        // these bytes were accepted before
	Quarantined      // refused and kept with the reason
)

// An Outcome is the fate of one item.
type Outcome struct {
	Fate     Fate
	Position uint64 // of the accepted reading; for a duplicate, of the first
	Reason   string // of a quarantined item
}

// ReasonReplay refuses a reading whose sequence number its device has already used for another
// content: a copied key, a device that lost its memory, or an attack.
const ReasonReplay = "replay"

// Append stores the items in order, in one transaction, and returns their outcomes. After an
// error nothing was stored and nothing may be acknowledged.
func (s *Spool) Append(items []Item) ([]Outcome, error) {
	outcomes := make([]Outcome, len(items))
	err := s.update(func(tx *bbolt.Tx) error {
		w, err := newWriter(tx)
		if err != nil {
			return err
		}
		for i, it := range items {
			if outcomes[i], err = w.item(it); err != nil {
				return err
			}
		}
		// First the quarantine, in its own file: after a crash between the two the message comes again.
		if err := s.quarantine.Put(w.refused); err != nil {
			return err
		}
		return w.finish()
	})
	if err != nil {
		return nil, fmt.Errorf("spool: append %d messages: %w", len(items), err)
	}
	return outcomes, nil
}

// A writer carries the books through one transaction.
type writer struct {
	tx      *bbolt.Tx
	books   Books
	since   since
	refused []quarantine.Arrival
}

func newWriter(tx *bbolt.Tx) (*writer, error) {
	w := &writer{tx: tx}
	var err error
	if w.books, err = loadBooks(tx); err != nil {
		return nil, err
	}
	_, err = get(tx.Bucket(bucketMeta), keySince, &w.since)
	return w, err
}

func (w *writer) finish() error {
	if err := put(w.tx.Bucket(bucketMeta), keyBooks, w.books); err != nil {
		return err
	}
	return put(w.tx.Bucket(bucketMeta), keySince, w.since)
}

func (w *writer) item(it Item) (Outcome, error) {
	w.books.Received++
	if it.Reading == nil {
		return w.refuse(it, it.Reason, it.Detail), nil
	}
	device, seq := it.Reading.Claims().Device, it.Reading.Claims().Sequence
	content := it.Reading.ContentHash()
	seen := w.tx.Bucket(bucketSeen)
	if v := seen.Get(deviceKey(device, seq)); v != nil {
		first, position, err := parseSeen(v)
		if err != nil {
			return Outcome{}, err
		}
		if bytes.Equal(first, content[:]) {
			w.books.Duplicates++
			return Outcome{Fate: Duplicate, Position: position}, nil
		}
		return w.refuse(it, ReasonReplay, fmt.Sprintf(
			"device %s already used sequence number %d for content %x; this one is %x", device, seq, first[:8], content[:8])), nil
	}
	w.books.Accepted++
	position := w.books.Accepted
	if err := seen.Put(deviceKey(device, seq), binary.BigEndian.AppendUint64(content[:], position)); err != nil {
		return Outcome{}, err
	}
	row := encodeRow(Row{Received: max(0, it.Received), Reading: it.Reading.Bytes()}) // a clock before 1970 has no place in an anchor
	if err := w.tx.Bucket(bucketReadings).Put(key(position), row); err != nil {
		return Outcome{}, err
	}
	return Outcome{Fate: Accepted, Position: position}, nil
}

// parseSeen reads what is kept of a reading for ever: the hash of its content and its position.
func parseSeen(v []byte) (content []byte, position uint64, err error) {
	if len(v) != sha256.Size+8 {
		return nil, 0, fmt.Errorf("%w: a content hash and position of %d bytes", ErrDamaged, len(v))
	}
	return v[:sha256.Size], number(v[sha256.Size:]), nil
}

// refuse notes a message for the quarantine.
func (w *writer) refuse(it Item, reason, detail string) Outcome {
	w.books.quarantined(reason)
	w.since.Quarantined++
	w.refused = append(w.refused, quarantine.Arrival{
		Topic: it.Topic, Payload: it.Payload, Received: it.Received, Reason: reason, Detail: detail,
	})
	return Outcome{Fate: Quarantined, Reason: reason}
}
