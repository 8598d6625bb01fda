// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// A journal keeps what was acknowledged to publishers until the bridge acknowledged it to us.
// What commit stored is on stable storage. remove is not waited for: an entry that comes back
// after a crash is delivered once more, which QoS 1 allows.
type journal struct {
	db *bbolt.DB

	mu      sync.Mutex
	waiting map[uint64]struct{}
	room    chan struct{} // closed and replaced whenever an entry goes
	removed []uint64      // written with the next commit
}

// An addition is one entry to store; commit sets its id.
type addition struct {
	id      uint64
	topic   string
	payload []byte
}

var entries = []byte("entries")

func openJournal(path string) (*journal, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("broker: %s is in use by another process; stop it first", path)
	}
	if err != nil {
		return nil, fmt.Errorf("broker: open journal %s: %w", path, err)
	}
	j := &journal{db: db, waiting: map[uint64]struct{}{}, room: make(chan struct{})}
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(entries)
		if err != nil {
			return err
		}
		return b.ForEach(func(k, _ []byte) error {
			j.waiting[binary.BigEndian.Uint64(k)] = struct{}{}
			return nil
		})
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("broker: read journal: %w", err), db.Close())
	}
	return j, nil
}

// remove forgets an entry.
func (j *journal) remove(id uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, ok := j.waiting[id]; !ok {
		return
	}
	delete(j.waiting, id)
	j.removed = append(j.removed, id)
	close(j.room)
	j.room = make(chan struct{})
}

// full reports whether the limit is reached, and a channel that is closed when that may have
// changed.
func (j *journal) full(limit int) (<-chan struct{}, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.room, len(j.waiting) >= limit
}

func (j *journal) len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.waiting)
}

func (j *journal) has(id uint64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, ok := j.waiting[id]
	return ok
}

// each calls f with every waiting entry, oldest first.
func (j *journal) each(f func(id uint64, topic string, payload []byte)) error {
	return j.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(entries).ForEach(func(k, v []byte) error {
			id := binary.BigEndian.Uint64(k)
			if j.has(id) {
				n := binary.BigEndian.Uint16(v)
				f(id, string(v[2:2+n]), append([]byte(nil), v[2+n:]...))
			}
			return nil
		})
	})
}

// commit stores the additions, and what removals are due, in one transaction.
func (j *journal) commit(additions []*addition) error {
	j.mu.Lock()
	removed := j.removed
	j.removed = nil
	j.mu.Unlock()
	err := j.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(entries)
		for _, id := range removed {
			if err := b.Delete(key(id)); err != nil {
				return err
			}
		}
		for _, a := range additions {
			id, err := b.NextSequence()
			if err != nil {
				return err
			}
			a.id = id
			v := binary.BigEndian.AppendUint16(nil, uint16(len(a.topic)))
			v = append(append(v, a.topic...), a.payload...)
			if err := b.Put(key(id), v); err != nil {
				return err
			}
		}
		return nil
	})
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		j.removed = append(j.removed, removed...)
		return fmt.Errorf("broker: journal: %w", err)
	}
	for _, a := range additions {
		j.waiting[a.id] = struct{}{}
	}
	return nil
}

// close writes the removals that are still due.
func (j *journal) close() error { return errors.Join(j.commit(nil), j.db.Close()) }

func key(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }
