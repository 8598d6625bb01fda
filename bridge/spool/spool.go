// SPDX-License-Identifier: Apache-2.0

// Package spool is the bridge's memory: a durable, ordered store of readings between MQTT's
// acknowledgement and the ledger's commit, and of every batch's state on the way there.
//
// In comes what intake received, judged by verify; out go batches for the anchor. Whatever
// Append returned without error is on stable storage. After a crash the spool is as some
// complete call left it: each call is one transaction of bbolt.
//
// Positions number the accepted readings, from 1, for ever. A batch is a range of positions, so
// a reading's batch and its index there follow from its position.
package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/fxamacker/cbor/v2"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/anchorline/anchorline/bridge/quarantine"
	"github.com/anchorline/anchorline/internal/durable"
	"github.com/anchorline/anchorline/reading/name"
)

// ErrNotFound is returned for a reading or batch that the spool does not know.
var ErrNotFound = errors.New("spool: not found")

// ErrState is returned when a batch is not in the state that a call needs: two owners of one
// spool, or a bug.
var ErrState = errors.New("spool: batch in the wrong state")

// ErrDamaged is returned when the file does not hold what was written to it.
var ErrDamaged = errors.New("spool: file is damaged; stop the bridge, see what is wrong (anchorline bridge check), and save what can be saved (anchorline bridge salvage)")

// Buckets and what they hold. Integers in keys are big-endian, so that order is numeric.
var (
	bucketMeta     = []byte("meta")     // "books" → Books, "since" → since
	bucketReadings = []byte("readings") // position → received ms, SHA-256, reading bytes; until archived
	bucketSeen     = []byte("seen")     // device's name 0x00 sequence → content hash, position
	bucketDevices  = []byte("devices")  // device's name → highest sequence in a batch
	bucketMissing  = []byte("missing")  // device's name 0x00 from → to, batch, jump: numbers in no batch
	bucketBatches  = []byte("batches")  // number → Batch
	bucketRanges   = []byte("ranges")   // last position of a batch → number
)

var keyStream = []byte("stream")

func buckets() [][]byte {
	return [][]byte{bucketMeta, bucketReadings, bucketSeen, bucketDevices, bucketMissing, bucketBatches, bucketRanges}
}

// A Spool is one bbolt file. Its methods may be called concurrently; writes are serialised.
type Spool struct {
	db         *bbolt.DB
	stream     name.Name
	quarantine *quarantine.Store
}

// quarantineFile is beside the spool's.
const quarantineFile = "quarantine.db"

// Open opens or creates the spool at path for the named stream, and the quarantine beside it. One process
// at a time can have it open.
func Open(path string, stream name.Name) (*Spool, error) {
	if err := stream.Validate(); err != nil {
		return nil, fmt.Errorf("spool: stream: %w", err)
	}
	db, err := openFile(path, false)
	if err != nil {
		return nil, err
	}
	s := &Spool{db: db, stream: stream}
	if err = s.update(s.prepare); err == nil { // a new file must be there after a power cut
		err = durable.SyncDir(filepath.Dir(path))
	}
	if err == nil {
		s.quarantine, err = quarantine.Open(filepath.Join(filepath.Dir(path), quarantineFile))
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

func openFile(path string, readOnly bool) (db *bbolt.DB, err error) {
	defer explain(&err)
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType, ReadOnly: readOnly})
	if err == nil {
		return db, nil
	}
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("spool: %s is in use by another process; stop that bridge first", path)
	}
	if system := new(fs.PathError); errors.As(err, &system) || errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("spool: open %s: %w", path, err)
	}
	return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
}

// explain turns a panic of bbolt, which is how it reports a broken page, and a fault of the memory that the
// file is mapped to, which is how the kernel reports a sector that cannot be read, into an error.
func explain(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %v", ErrDamaged, p)
	}
}

func (s *Spool) update(f func(*bbolt.Tx) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer explain(&err)
	return s.db.Update(f)
}

func (s *Spool) view(f func(*bbolt.Tx) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer explain(&err)
	return s.db.View(f)
}

// prepare creates the buckets and ties the file to its stream: a spool opened under another
// stream's name would continue the wrong chain.
func (s *Spool) prepare(tx *bbolt.Tx) error {
	for _, bucket := range buckets() {
		if _, err := tx.CreateBucketIfNotExists(bucket); err != nil {
			return fmt.Errorf("spool: create bucket %s: %w", bucket, err)
		}
	}
	meta := tx.Bucket(bucketMeta)
	if have := meta.Get(keyStream); have == nil {
		return meta.Put(keyStream, []byte(s.stream.String()))
	} else if string(have) != s.stream.String() {
		return fmt.Errorf("spool: %s belongs to stream %s, not %s: set the stream's name back, or use another data folder",
			s.db.Path(), have, s.stream)
	}
	return nil
}

// Quarantine is where refused messages are kept, and readings that were withdrawn.
func (s *Spool) Quarantine() *quarantine.Store { return s.quarantine }

// Close closes the files.
func (s *Spool) Close() error { return errors.Join(s.db.Close(), s.quarantine.Close()) }

func number(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

// numbers reads n integers, which must be all there is.
func numbers(b []byte, n int, what string) ([]uint64, error) {
	if len(b) != 8*n {
		return nil, fmt.Errorf("%w: %s has %d bytes, not %d", ErrDamaged, what, len(b), 8*n)
	}
	out := make([]uint64, n)
	for i := range out {
		out[i] = number(b[8*i:])
	}
	return out, nil
}

func key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// deviceKey orders by device, then by number.
func deviceKey(device name.Name, n uint64) []byte {
	text := device.String()
	k := append(make([]byte, 0, len(text)+9), text...)
	return binary.BigEndian.AppendUint64(append(k, 0), n)
}

func put(b *bbolt.Bucket, key []byte, v any) error {
	data, err := cbor.Marshal(v)
	if err != nil {
		return fmt.Errorf("spool: encode: %w", err)
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
