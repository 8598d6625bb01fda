// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/anchorline/anchorline/bridge/gap"
	"github.com/anchorline/anchorline/reading/name"
)

// A Gap is a run of sequence numbers of a device that had not arrived when the last batch was sealed,
// both ends included.
type Gap struct {
	Device name.Name `json:"device"`
	From   uint64    `json:"from"`
	To     uint64    `json:"to"`
}

// tracked is the [gap.Store] of a transaction.
type tracked struct{ tx *bbolt.Tx }

func (t tracked) Highest(device name.Name) (uint64, error) {
	v := t.tx.Bucket(bucketDevices).Get([]byte(device.String()))
	if v == nil {
		return 0, nil
	}
	n, err := numbers(v, 1, "the highest sequence number of "+device.String())
	if err != nil {
		return 0, err
	}
	return n[0], nil
}

func (t tracked) SetHighest(device name.Name, sequence uint64) error {
	return t.tx.Bucket(bucketDevices).Put([]byte(device.String()), key(sequence))
}

func (t tracked) Find(device name.Name, sequence uint64) (gap.Missing, bool, error) {
	at := deviceKey(device, sequence)
	c := t.tx.Bucket(bucketMissing).Cursor()
	k, v := c.Seek(at)
	if k == nil {
		k, v = c.Last()
	} else if !bytes.Equal(k, at) {
		k, v = c.Prev()
	}
	if len(k) != len(at) || !bytes.Equal(k[:len(k)-8], at[:len(at)-8]) {
		return gap.Missing{}, false, nil
	}
	m, err := parseMissing(k, v)
	return m, err == nil && m.From <= sequence && sequence <= m.To, err
}

func (t tracked) Replace(device name.Name, from uint64, with ...gap.Missing) error {
	b := t.tx.Bucket(bucketMissing)
	if err := b.Delete(deviceKey(device, from)); err != nil {
		return err
	}
	for _, m := range with {
		value := append(append(key(m.To), key(m.Batch)...), flag(m.Jump))
		if err := b.Put(deviceKey(device, m.From), value); err != nil {
			return err
		}
	}
	return nil
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}

// parseMissing reads a run of missing numbers from its key and value.
func parseMissing(k, v []byte) (gap.Missing, error) {
	if len(k) < 10 || len(v) != 17 || v[16] > 1 {
		return gap.Missing{}, fmt.Errorf("%w: gap at %x", ErrDamaged, k)
	}
	m := gap.Missing{From: number(k[len(k)-8:]), To: number(v), Batch: number(v[8:]), Jump: v[16] == 1}
	if m.From == 0 || m.To < m.From {
		return gap.Missing{}, fmt.Errorf("%w: gap at %x", ErrDamaged, k)
	}
	return m, nil
}

// Gaps calls f with each open gap, by device and number, until f returns false.
func (s *Spool) Gaps(f func(Gap) bool) error {
	return s.OpenGaps(func(g OpenGap) bool { return f(g.Gap) })
}

// An OpenGap is a gap and when it was found.
type OpenGap struct {
	Gap
	Batch uint64 `json:"batch"` // that it was found in
	Since int64  `json:"since"` // when that batch was anchored, ledger time, ms; 0 while it is not
}

// OpenGaps calls f with each open gap, by device and number, until f returns false.
func (s *Spool) OpenGaps(f func(OpenGap) bool) error {
	return s.view(func(tx *bbolt.Tx) error { return openGaps(tx, f) })
}

// GapsOf is [Spool.OpenGaps] for the file of a bridge that does not run.
func GapsOf(path string, f func(OpenGap) bool) (err error) {
	db, err := openFile(path, true)
	if err != nil {
		return err
	}
	s := &Spool{db: db}
	return errors.Join(s.OpenGaps(f), db.Close())
}

func openGaps(tx *bbolt.Tx, f func(OpenGap) bool) error {
	c := tx.Bucket(bucketMissing).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		m, err := parseMissing(k, v)
		if err != nil {
			return err
		}
		device, err := name.Parse(string(k[:len(k)-9]))
		if err != nil {
			return fmt.Errorf("%w: gap at %x: %w", ErrDamaged, k, err)
		}
		g := OpenGap{Gap: Gap{Device: device, From: m.From, To: m.To}, Batch: m.Batch}
		if b, err := loadBatch(tx, m.Batch); err == nil && (b.State == Committed || b.State == Receipted) {
			g.Since = b.Commit.Time
		}
		if !f(g) {
			return nil
		}
	}
	return nil
}
