// SPDX-License-Identifier: Apache-2.0

// Package quarantine keeps what the bridge refused, and what it accepted and then could not anchor,
// with the reasons, in a file of its own.
//
// In come refused messages, out go lists and single messages for people. One copy is kept of each
// content, and how often it came; counts by topic and reason go on whatever is removed. A limit in bytes
// bounds the refusals: the oldest are dropped and counted in a summary. Readings that were accepted before
// are never dropped but by name. After a crash the store is as some complete call left it: each call is one
// transaction of bbolt. A message that is delivered again after a crash may be counted again.
package quarantine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/fxamacker/cbor/v2"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/anchorline/anchorline/internal/durable"
	"github.com/anchorline/anchorline/reading"
)

// ErrNotFound is returned for a message that the store does not hold.
var ErrNotFound = errors.New("quarantine: no such message")

// ErrDamaged is returned when the file does not hold what was written to it.
var ErrDamaged = errors.New("quarantine: file is damaged; move it away to begin a new one: no reading that can still be anchored is in it")

// ErrInUse is returned when another process has the file open.
var ErrInUse = errors.New("quarantine: in use by another process")

// DefaultLimit bounds the refusals that are kept, in bytes.
const DefaultLimit = 64 << 20

// MaxPayload is how many bytes of a payload are kept. Of what is larger the size and the hash remain.
const MaxPayload = 2 * reading.MaxSize

// maxText bounds topic and detail, which strangers write, in bytes.
const maxText = 512

// Buckets and what they hold. Integers in keys are big-endian.
var (
	bucketMeta     = []byte("meta")     // "totals" → Totals
	bucketMessages = []byte("messages") // id → Message without its payload
	bucketPayloads = []byte("payloads") // id → payload
	bucketContents = []byte("contents") // SHA-256 of the payload, reason → id
	bucketTopics   = []byte("topics")   // reason 0x00 topic → Count

	keyTotals = []byte("totals")
)

// A Message is what is kept of one content that was refused for one reason.
type Message struct {
	ID       uint64 `cbor:"-" json:"id"`
	Topic    string `cbor:"1,keyasint" json:"topic"`    // of the first
	Received int64  `cbor:"2,keyasint" json:"received"` // the first, bridge clock, ms
	Last     int64  `cbor:"3,keyasint" json:"last"`     // the last, bridge clock, ms
	Count    uint64 `cbor:"4,keyasint" json:"count"`    // how often it came
	Reason   string `cbor:"5,keyasint" json:"reason"`
	Detail   string `cbor:"6,keyasint" json:"detail"`
	Size     int    `cbor:"7,keyasint" json:"size"`   // bytes of the whole payload
	SHA256   []byte `cbor:"8,keyasint" json:"sha256"` // of the whole payload
	// Accepted says that the bridge had accepted the reading and acknowledged it to the broker.
	Accepted bool   `cbor:"9,keyasint" json:"accepted"`
	Payload  []byte `cbor:"-" json:"payload,omitempty"` // its first MaxPayload bytes
}

// Totals are the counts of a store.
type Totals struct {
	Messages uint64  `cbor:"1,keyasint" json:"messages"` // kept
	Accepted uint64  `cbor:"2,keyasint" json:"accepted"` // of these: accepted before
	Bytes    int64   `cbor:"3,keyasint" json:"bytes"`    // of all that is kept, as counted for the limit
	Dropped  Dropped `cbor:"4,keyasint" json:"dropped"`
	Topics   uint64  `cbor:"5,keyasint" json:"topics"` // pairs of reason and topic that are counted
}

// Dropped summarises the refusals that the limit pushed out.
type Dropped struct {
	Messages uint64 `cbor:"1,keyasint" json:"messages"`
	Bytes    int64  `cbor:"2,keyasint" json:"bytes"`
	First    int64  `cbor:"3,keyasint" json:"first"` // when the oldest of them was received, ms
	Last     int64  `cbor:"4,keyasint" json:"last"`  // and the newest, ms
}

// Store is one bbolt file. Its methods may be called concurrently.
type Store struct {
	db    *bbolt.DB
	limit atomic.Int64
}

// Open opens or creates the store at path, with the default limit. One process at a time can have it open.
func Open(path string) (*Store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("%w: %s", ErrInUse, path)
	}
	if err != nil {
		return nil, fmt.Errorf("quarantine: open %s: %w", path, err)
	}
	s := &Store{db: db}
	s.limit.Store(DefaultLimit)
	err = s.update(func(tx *bbolt.Tx) error {
		for _, bucket := range [][]byte{bucketMeta, bucketMessages, bucketPayloads, bucketContents, bucketTopics} {
			if _, err := tx.CreateBucketIfNotExists(bucket); err != nil {
				return fmt.Errorf("quarantine: create bucket %s: %w", bucket, err)
			}
		}
		return nil
	})
	if err == nil {
		err = durable.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// SetLimit bounds the refusals that are kept, in bytes. It holds from the next Put on.
func (s *Store) SetLimit(bytes int64) { s.limit.Store(bytes) }

// Limit is the bound on the refusals that are kept, in bytes.
func (s *Store) Limit() int64 { return s.limit.Load() }

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

func (s *Store) update(f func(*bbolt.Tx) error) (err error) {
	defer explain(&err)
	return s.db.Update(f)
}

func (s *Store) view(f func(*bbolt.Tx) error) (err error) {
	defer explain(&err)
	return s.db.View(f)
}

// explain turns a panic of bbolt, which is how it reports a broken page, into an error.
func explain(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %v", ErrDamaged, p)
	}
}

func key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func put(b *bbolt.Bucket, key []byte, v any) error {
	data, err := cbor.Marshal(v)
	if err != nil {
		return fmt.Errorf("quarantine: encode: %w", err)
	}
	return b.Put(key, data)
}

// get decodes the value at key into v and reports whether there was one.
func get(b *bbolt.Bucket, key []byte, v any) (bool, error) {
	data := b.Get(key)
	if data == nil {
		return false, nil
	}
	if err := cbor.Unmarshal(data, v); err != nil {
		return false, fmt.Errorf("%w: value at %x: %w", ErrDamaged, key, err)
	}
	return true, nil
}
