// SPDX-License-Identifier: Apache-2.0

package quarantine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"go.etcd.io/bbolt"
)

// A Filter names messages. The zero filter names all refusals.
type Filter struct {
	Reason   string // when set, only this
	Topic    string // when set, only this
	Accepted bool   // also readings that were accepted before
	Before   uint64 // when set, only ids below it
	Limit    int    // when set, so many at most, the newest
}

func (f Filter) names(m *Message) bool {
	return (f.Reason == "" || f.Reason == m.Reason) && (f.Topic == "" || f.Topic == m.Topic) && (f.Accepted || !m.Accepted)
}

// List returns messages without their payloads, newest first.
func (s *Store) List(f Filter) ([]Message, error) {
	found := []Message{}
	err := s.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketMessages).Cursor()
		k, _ := c.Last()
		if f.Before > 0 {
			if k, _ = c.Seek(key(f.Before)); k != nil {
				k, _ = c.Prev()
			} else {
				k, _ = c.Last()
			}
		}
		for ; k != nil && (f.Limit == 0 || len(found) < f.Limit); k, _ = c.Prev() {
			var m Message
			if _, err := get(tx.Bucket(bucketMessages), k, &m); err != nil {
				return err
			}
			if f.names(&m) {
				m.ID = binary.BigEndian.Uint64(k)
				found = append(found, m)
			}
		}
		return nil
	})
	return found, err
}

// Get returns one message with its payload, or ErrNotFound.
func (s *Store) Get(id uint64) (Message, error) {
	var m Message
	err := s.view(func(tx *bbolt.Tx) error {
		there, err := get(tx.Bucket(bucketMessages), key(id), &m)
		if err != nil {
			return err
		}
		if !there {
			return fmt.Errorf("%w: %d", ErrNotFound, id)
		}
		m.ID, m.Payload = id, bytes.Clone(tx.Bucket(bucketPayloads).Get(key(id)))
		return nil
	})
	return m, err
}

// Remove removes one message, of whatever kind, or returns ErrNotFound.
func (s *Store) Remove(id uint64) error {
	return s.update(func(tx *bbolt.Tx) error {
		var m Message
		there, err := get(tx.Bucket(bucketMessages), key(id), &m)
		if err != nil {
			return err
		}
		if !there {
			return fmt.Errorf("%w: %d", ErrNotFound, id)
		}
		return changeTotals(tx, func(t *Totals) error { return remove(tx, t, id, m) })
	})
}

// Purge removes the messages that the filter names and returns how many. It names readings that were
// accepted before only with Accepted.
func (s *Store) Purge(f Filter) (int, error) {
	found, err := s.List(f)
	if err != nil {
		return 0, err
	}
	return len(found), s.update(func(tx *bbolt.Tx) error {
		return changeTotals(tx, func(t *Totals) error {
			for _, m := range found {
				if tx.Bucket(bucketMessages).Get(key(m.ID)) == nil {
					continue // the limit was faster
				}
				if err := remove(tx, t, m.ID, m); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func changeTotals(tx *bbolt.Tx, f func(*Totals) error) error {
	var t Totals
	if _, err := get(tx.Bucket(bucketMeta), keyTotals, &t); err != nil {
		return err
	}
	if err := f(&t); err != nil {
		return err
	}
	return put(tx.Bucket(bucketMeta), keyTotals, t)
}

// Totals returns the counts as of now.
func (s *Store) Totals() (Totals, error) {
	var t Totals
	err := s.view(func(tx *bbolt.Tx) error {
		_, err := get(tx.Bucket(bucketMeta), keyTotals, &t)
		return err
	})
	return t, err
}

// Counts calls f with how often each topic was refused, by reason and topic, until f returns false. They
// count since the store was made, whatever was removed since.
func (s *Store) Counts(f func(reason, topic string, c Count) bool) error {
	return s.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketTopics)
		cursor := b.Cursor()
		for k, _ := cursor.First(); k != nil; k, _ = cursor.Next() {
			var c Count
			if _, err := get(b, k, &c); err != nil {
				return err
			}
			reason, topic, _ := strings.Cut(string(k), "\x00")
			if !f(reason, topic, c) {
				return nil
			}
		}
		return nil
	})
}
