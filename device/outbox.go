// SPDX-License-Identifier: Apache-2.0

package device

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/anchorline/anchorline/internal/durable"
	"github.com/anchorline/anchorline/reading/name"
)

// An Outbox is a device's memory: the next sequence number, and every reading until its receipt
// was verified. One file can serve several devices of one process.
//
// A sequence number is never used twice, whatever crashes: Put stores the reading under its
// number before anybody can send it.
type Outbox struct{ db *bbolt.DB }

// Tally counts a device's readings since its outbox was created.
type Tally struct {
	Signed    uint64 // stored in the outbox
	Published uint64 // acknowledged by the broker
	Verified  uint64 // whose receipt was verified
}

// Queued is a reading that waits for its receipt.
type Queued struct {
	Sequence  uint64
	Published bool // the broker acknowledged it
	Reading   []byte
}

var (
	bucketQueue   = []byte("queue")   // device's name 0x00 sequence → published flag, reading
	bucketTallies = []byte("tallies") // device's name → three counts
)

// ErrOutboxInUse is returned while another process has the outbox open.
var ErrOutboxInUse = errors.New("device: outbox is in use by another process")

// ErrOutboxDamaged is wrapped when the file does not hold what was written. Going on could use a
// sequence number twice: register the device anew under another id.
var ErrOutboxDamaged = errors.New("device: outbox is damaged")

// OpenOutbox opens or creates the outbox at path.
func OpenOutbox(path string) (*Outbox, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("%w: %s", ErrOutboxInUse, path)
	}
	if err != nil {
		return nil, fmt.Errorf("device: open outbox %s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, b := range [][]byte{bucketQueue, bucketTallies} {
			if _, err := tx.CreateBucketIfNotExists(b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("device: prepare outbox: %w", err), db.Close())
	}
	// A new file must be there after a power cut, or its sequence numbers are used again.
	if err := durable.SyncDir(filepath.Dir(path)); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Outbox{db: db}, nil
}

// Close closes the file.
func (o *Outbox) Close() error { return o.db.Close() }

// Put signs and stores n readings under the next sequence numbers. sign is called with each
// number; when it fails nothing is stored and no number is used.
func (o *Outbox) Put(device name.Name, n int, sign func(i int, sequence uint64) ([]byte, error)) ([]Queued, error) {
	queued := []Queued{}
	err := o.update(device, func(tx *bbolt.Tx, t *Tally) error {
		for i := range n {
			seq := t.Signed + 1
			r, err := sign(i, seq)
			if err != nil {
				return err
			}
			if err := tx.Bucket(bucketQueue).Put(queueKey(device, seq), append([]byte{0}, r...)); err != nil {
				return err
			}
			t.Signed = seq
			queued = append(queued, Queued{Sequence: seq, Reading: r})
		}
		return nil
	})
	return queued, err
}

// Published notes that the broker acknowledged these readings.
func (o *Outbox) Published(device name.Name, sequences ...uint64) error {
	return o.update(device, func(tx *bbolt.Tx, t *Tally) error {
		b := tx.Bucket(bucketQueue)
		for _, seq := range sequences {
			v := b.Get(queueKey(device, seq))
			if len(v) == 0 || v[0] != 0 {
				continue
			}
			if err := b.Put(queueKey(device, seq), append([]byte{1}, v[1:]...)); err != nil {
				return err
			}
			t.Published++
		}
		return nil
	})
}

// Verified notes that these readings' receipts were verified, and lets go of them.
func (o *Outbox) Verified(device name.Name, sequences ...uint64) error {
	return o.update(device, func(tx *bbolt.Tx, t *Tally) error {
		b := tx.Bucket(bucketQueue)
		for _, seq := range sequences {
			v := b.Get(queueKey(device, seq))
			if len(v) == 0 {
				continue
			}
			if v[0] == 0 {
				t.Published++ // the receipt overtook the acknowledgement
			}
			if err := b.Delete(queueKey(device, seq)); err != nil {
				return err
			}
			t.Verified++
		}
		return nil
	})
}

// Release notes that the broker acknowledged these readings, and lets go of them: nobody waits for
// their receipts.
func (o *Outbox) Release(device name.Name, sequences ...uint64) error {
	return o.update(device, func(tx *bbolt.Tx, t *Tally) error {
		b := tx.Bucket(bucketQueue)
		for _, seq := range sequences {
			v := b.Get(queueKey(device, seq))
			if len(v) == 0 {
				continue
			}
			if v[0] == 0 {
				t.Published++
			}
			if err := b.Delete(queueKey(device, seq)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Queued returns a reading that waits for its receipt, and false for one that does not.
func (o *Outbox) Queued(device name.Name, sequence uint64) (Queued, bool, error) {
	var q Queued
	var ok bool
	err := o.db.View(func(tx *bbolt.Tx) error {
		v := tx.Bucket(bucketQueue).Get(queueKey(device, sequence))
		if ok = len(v) > 0; ok {
			q = Queued{Sequence: sequence, Published: v[0] != 0, Reading: bytes.Clone(v[1:])}
		}
		return nil
	})
	return q, ok, err
}

// Waiting returns the oldest readings of a device that are still in the outbox and that want
// wants, at most limit; a nil want wants all.
func (o *Outbox) Waiting(device name.Name, limit int, want func(sequence uint64, published bool) bool) ([]Queued, error) {
	var out []Queued
	err := o.db.View(func(tx *bbolt.Tx) error {
		prefix := append([]byte(device.String()), 0)
		c := tx.Bucket(bucketQueue).Cursor()
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix) && len(out) < limit; k, v = c.Next() {
			if len(k) != len(prefix)+8 || len(v) == 0 {
				return fmt.Errorf("%w: reading at %x of %s", ErrOutboxDamaged, k, device)
			}
			seq, published := binary.BigEndian.Uint64(k[len(prefix):]), v[0] != 0
			if want == nil || want(seq, published) {
				out = append(out, Queued{Sequence: seq, Published: published, Reading: bytes.Clone(v[1:])})
			}
		}
		return nil
	})
	return out, err
}

// Tally returns a device's counts.
func (o *Outbox) Tally(device name.Name) (Tally, error) {
	var t Tally
	err := o.db.View(func(tx *bbolt.Tx) (err error) {
		t, err = loadTally(tx, device)
		return err
	})
	return t, err
}

func (o *Outbox) update(device name.Name, f func(*bbolt.Tx, *Tally) error) error {
	err := o.db.Update(func(tx *bbolt.Tx) error {
		t, err := loadTally(tx, device)
		if err != nil {
			return err
		}
		if err := f(tx, &t); err != nil {
			return err
		}
		v := binary.BigEndian.AppendUint64(nil, t.Signed)
		v = binary.BigEndian.AppendUint64(v, t.Published)
		v = binary.BigEndian.AppendUint64(v, t.Verified)
		return tx.Bucket(bucketTallies).Put([]byte(device.String()), v)
	})
	if err != nil {
		return fmt.Errorf("device: outbox of %s: %w", device, err)
	}
	return nil
}

func loadTally(tx *bbolt.Tx, device name.Name) (Tally, error) {
	v := tx.Bucket(bucketTallies).Get([]byte(device.String()))
	if v == nil {
		return Tally{}, nil
	}
	if len(v) != 24 {
		return Tally{}, fmt.Errorf("%w: counts of %s", ErrOutboxDamaged, device)
	}
	return Tally{
		Signed: binary.BigEndian.Uint64(v), Published: binary.BigEndian.Uint64(v[8:]), Verified: binary.BigEndian.Uint64(v[16:]),
	}, nil
}

func queueKey(device name.Name, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(device.String()), 0), seq)
}
