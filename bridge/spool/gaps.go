// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"fmt"

	"go.etcd.io/bbolt"
)

// A Gap is a run of sequence numbers of a device that have not arrived, both ends included.
type Gap struct {
	Device string `json:"device"`
	From   uint64 `json:"from"`
	To     uint64 `json:"to"`
}

// track notes that device's sequence number seq has arrived: numbers skipped become missing, a
// missing one is no longer. Numbers count from 1, so a device first heard of at 5 misses four.
func (w *writer) track(device string, seq uint64) error {
	devices := w.tx.Bucket(bucketDevices)
	highest := uint64(0)
	if v := devices.Get([]byte(device)); v != nil {
		n, err := numbers(v, 1, "the highest sequence number of "+device)
		if err != nil {
			return err
		}
		highest = n[0]
	}
	if seq <= highest {
		return w.fill(device, seq)
	}
	if seq > highest+1 {
		w.missing(seq - highest - 1)
		if err := w.putMissing(device, highest+1, seq-1, w.books.Batches); err != nil {
			return err
		}
	}
	return devices.Put([]byte(device), key(seq))
}

// putMissing stores a run of missing numbers and how many batches had been sealed when it was
// found: what was found before the last anchor is already reported.
func (w *writer) putMissing(device string, from, to, batches uint64) error {
	return w.tx.Bucket(bucketMissing).Put(deviceKey(device, from), append(key(to), key(batches)...))
}

// fill takes seq out of the run of missing numbers that it is in.
func (w *writer) fill(device string, seq uint64) error {
	b := w.tx.Bucket(bucketMissing)
	at := deviceKey(device, seq)
	c := b.Cursor()
	k, v := c.Seek(at)
	if k == nil {
		k, v = c.Last()
	} else if !bytes.Equal(k, at) {
		k, v = c.Prev()
	}
	if len(k) != len(at) || !bytes.HasPrefix(k, at[:len(device)+1]) {
		return nil
	}
	run, err := numbers(v, 2, "a gap of "+device)
	if err != nil {
		return err
	}
	from, to, batches := number(k[len(device)+1:]), run[0], run[1]
	if to < seq {
		return nil
	}
	w.filled(batches)
	if err := b.Delete(bytes.Clone(k)); err != nil {
		return err
	}
	if from < seq {
		if err := w.putMissing(device, from, seq-1, batches); err != nil {
			return err
		}
	}
	if seq < to {
		return w.putMissing(device, seq+1, to, batches)
	}
	return nil
}

// missing and filled keep the two counts of missing numbers: open now, and found since the last
// batch was sealed. A number that arrives late but before that is as if never missing.
func (w *writer) missing(n uint64) {
	w.books.Gaps = min(w.books.Gaps+n, maxInteger)
	w.since.Gaps = min(w.since.Gaps+n, maxInteger)
}

func (w *writer) filled(foundAt uint64) {
	w.books.Gaps -= min(1, w.books.Gaps)
	if foundAt == w.books.Batches {
		w.since.Gaps -= min(1, w.since.Gaps)
	}
}

// Gaps calls f with each open gap, by device and number, until f returns false.
func (s *Spool) Gaps(f func(Gap) bool) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketMissing).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			id := len(k) - 9
			if id < 1 || len(v) != 16 {
				return fmt.Errorf("%w: gap at %x", ErrDamaged, k)
			}
			if !f(Gap{Device: string(k[:id]), From: number(k[id+1:]), To: number(v)}) {
				return nil
			}
		}
		return nil
	})
}
