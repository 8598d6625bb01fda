// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"go.etcd.io/bbolt"
)

// A Row is one stored reading.
type Row struct {
	Received int64  // bridge clock, ms
	Reading  []byte // the leaf, exactly as received
}

// rowHead is what a stored row begins with: the time of receipt, and the SHA-256 of that and the reading.
const rowHead = 8 + sha256.Size

func rowSum(received, reading []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write(received)
	h.Write(reading)
	return [sha256.Size]byte(h.Sum(nil))
}

func encodeRow(r Row) []byte {
	row := make([]byte, 0, rowHead+len(r.Reading))
	row = append(row, key(uint64(r.Received))...)
	sum := rowSum(row, r.Reading)
	return append(append(row, sum[:]...), r.Reading...)
}

// parseRow returns the row, whose reading aliases v, or ErrDamaged when it is not what was written.
func parseRow(position uint64, v []byte) (Row, error) {
	if len(v) < rowHead {
		return Row{}, fmt.Errorf("%w: reading at position %d has %d bytes", ErrDamaged, position, len(v))
	}
	if sum := rowSum(v[:8], v[rowHead:]); !bytes.Equal(sum[:], v[8:rowHead]) {
		return Row{}, fmt.Errorf("%w: reading at position %d is not the one that was stored", ErrDamaged, position)
	}
	return Row{Received: int64(number(v)), Reading: v[rowHead:]}, nil
}

// EachRow calls f with the readings of a batch, in order, as long as it is only sealed. The reading
// MUST NOT be kept after f returned: it is the file's memory.
func (s *Spool) EachRow(b *Batch, f func(Row) error) error {
	return s.view(func(tx *bbolt.Tx) error {
		var n uint64
		c := tx.Bucket(bucketReadings).Cursor()
		for k, v := c.Seek(key(b.First)); k != nil && number(k) <= b.Last; k, v = c.Next() {
			r, err := parseRow(number(k), v)
			if err != nil {
				return err
			}
			if err := f(r); err != nil {
				return err
			}
			n++
		}
		if n != b.Size() {
			return fmt.Errorf("%w: batch %d has %d of its %d readings", ErrDamaged, b.Number, n, b.Size())
		}
		return nil
	})
}

// Rows returns the readings of a batch, in order, as long as it is only sealed.
func (s *Spool) Rows(b *Batch) ([]Row, error) {
	var rows []Row
	err := s.EachRow(b, func(r Row) error {
		rows = append(rows, Row{Received: r.Received, Reading: bytes.Clone(r.Reading)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}
