// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	bolt "go.etcd.io/bbolt"
)

// Snapshot is the state after one block, until Release. No block is committed meanwhile.
type Snapshot struct {
	store *Store
	past  *past // what it shows instead of the newest state; nil: that

	mu sync.Mutex
	tx *bolt.Tx // nil after Release
}

// Snapshot opens the state as it is now.
func (s *Store) Snapshot() (*Snapshot, error) {
	s.simulations.RLock()
	tx, err := s.db.Begin(false)
	if err != nil {
		s.simulations.RUnlock()
		return nil, fmt.Errorf("open state: %w", err)
	}
	return &Snapshot{store: s, tx: tx}, nil
}

// Release lets go of the state. It may be called more than once.
func (s *Snapshot) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tx == nil {
		return
	}
	_ = s.tx.Rollback() // a read transaction has nothing to lose
	s.tx = nil
	s.store.simulations.RUnlock()
}

// Get returns a value, nil when there is none.
func (s *Snapshot) Get(name Name) (*Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tx == nil {
		return nil, ErrClosed
	}
	if s.past != nil {
		if value, changed := s.past.before[name]; changed {
			return value, nil
		}
	}
	return read(s.tx, name)
}

// read returns a value as it is, nil when there is none.
func read(tx *bolt.Tx, name Name) (*Value, error) {
	namespace := tx.Bucket(bucketState).Bucket([]byte(name.Namespace))
	if namespace == nil || name.Key == "" {
		return nil, nil
	}
	content := namespace.Get([]byte(name.Key))
	if content == nil {
		return nil, nil
	}
	return decodeValue(content)
}

// Next returns the first key from start on that lies before end ("" is no end) with its
// value, or a nil value when there is none.
func (s *Snapshot) Next(namespace, start, end string) (string, *Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tx == nil {
		return "", nil, ErrClosed
	}
	for {
		key, value, err := s.seek(namespace, start, end)
		if err != nil || s.past == nil {
			return key, value, err
		}
		for name, before := range s.past.before {
			after := key != "" && name.Key > key
			if name.Namespace == namespace && name.Key >= start && (end == "" || name.Key < end) && !after {
				key, value = name.Key, before
			}
		}
		if value != nil || key == "" {
			return key, value, nil
		}
		start = key + "\x00" // it did not exist then
	}
}

// seek is Next on the newest state.
func (s *Snapshot) seek(namespace, start, end string) (string, *Value, error) {
	bucket := s.tx.Bucket(bucketState).Bucket([]byte(namespace))
	if bucket == nil {
		return "", nil, nil
	}
	key, content := bucket.Cursor().Seek([]byte(start))
	if key == nil || (end != "" && string(key) >= end) {
		return "", nil, nil
	}
	value, err := decodeValue(content)
	return string(key), value, err
}

// History returns the modifications of a key, the newest first.
func (s *Snapshot) History(name Name) ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tx == nil {
		return nil, ErrClosed
	}
	bucket := s.tx.Bucket(bucketHistory).Bucket([]byte(name.Namespace))
	if bucket == nil {
		return nil, nil
	}
	prefix := historyPrefix(name.Key)
	var modifications [][]byte
	cursor := bucket.Cursor()
	for key, content := cursor.Seek(prefix); len(key) == len(prefix)+16 && bytes.HasPrefix(key, prefix); key, content = cursor.Next() {
		if s.past != nil && binary.BigEndian.Uint64(key[len(prefix):]) >= s.past.height {
			break
		}
		modifications = append(modifications, bytes.Clone(content))
	}
	slices.Reverse(modifications)
	return modifications, nil
}
