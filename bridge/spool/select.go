// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"go.etcd.io/bbolt"

	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// A Limit bounds a batch. It has one reading at least.
type Limit struct {
	Readings uint64
	Bytes    int64 // of the readings together; 0 for no bound
}

// A Candidate is a pending reading that the next batch may have: who signed it.
type Candidate struct {
	Position uint64
	Device   name.Name
	Key      cose.KeyID
}

// A Selection is the range of pending readings that the next batch is made of. Who holds it asks whether
// each is still good, objects to those that are not, and seals it.
type Selection struct {
	first, last uint64
	candidates  []Candidate
	objections  map[uint64]objection
}

type objection struct{ reason, detail string }

// Candidates are the readings of the selection, in order, without those that are not what was stored.
func (s *Selection) Candidates() []Candidate { return s.candidates }

// Object keeps a reading out of the batch: Seal moves it to the quarantine with the reason.
func (s *Selection) Object(position uint64, reason, detail string) {
	s.objections[position] = objection{reason, detail}
}

// Select returns the oldest pending readings within the limit, or ErrNotFound when none is pending.
func (s *Spool) Select(l Limit) (*Selection, error) {
	sel := &Selection{objections: map[uint64]objection{}}
	err := s.view(func(tx *bbolt.Tx) error {
		books, err := loadBooks(tx)
		if err != nil {
			return err
		}
		if books.Waiting() == 0 {
			return ErrNotFound
		}
		sel.first = books.through() + 1
		sel.last = sel.first
		end := min(books.Accepted, books.through()+max(1, l.Readings))
		bytes := int64(0)
		for p := sel.first; p <= end; p++ {
			v := tx.Bucket(bucketReadings).Get(key(p))
			if bytes += int64(len(v)); l.Bytes > 0 && bytes > l.Bytes && p > sel.first {
				break
			}
			sel.last = p
			if r, err := parseReading(p, v); err == nil { // Seal reports the others
				sel.candidates = append(sel.candidates, Candidate{Position: p, Device: r.Claims().Device, Key: r.KeyID()})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return sel, nil
}

func parseReading(position uint64, v []byte) (*reading.Reading, error) {
	row, err := parseRow(position, v)
	if err != nil {
		return nil, err
	}
	return reading.Parse(row.Reading)
}
