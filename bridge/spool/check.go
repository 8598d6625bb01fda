// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/fxamacker/cbor/v2"
	"go.etcd.io/bbolt"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/name"
)

// A Fault is something in a spool's file that is not what was written.
type Fault struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"` // hexadecimal; empty for a part of the bucket that cannot be read
	Detail string `json:"detail"`
}

// A Report says what a spool's file holds and what is wrong with it.
type Report struct {
	Stream string         `json:"stream"`
	Books  Books          `json:"books"`
	Intact map[string]int `json:"intact"` // rows by bucket
	Faults []Fault        `json:"faults"`
}

// OK reports whether nothing is wrong.
func (r *Report) OK() bool { return len(r.Faults) == 0 }

// Check reads a spool's file through, without changing it, while no bridge has it open.
func Check(path string) (*Report, error) {
	db, err := openFile(path, true)
	if err != nil {
		return nil, err
	}
	report, err := examineFile(db, func(string, []byte, []byte) error { return nil })
	return report, errors.Join(err, db.Close())
}

// examineFile calls f with every row that is intact, by bucket, and reports the others.
func examineFile(db *bbolt.DB, f func(bucket string, k, v []byte) error) (*Report, error) {
	report := &Report{Intact: map[string]int{}}
	for _, bucket := range buckets() {
		err := walk(db, bucket, func(k, v []byte) error {
			if err := checkRow(string(bucket), k, v); err != nil {
				report.Faults = append(report.Faults, Fault{string(bucket), fmt.Sprintf("%x", k), err.Error()})
				return nil
			}
			report.Intact[string(bucket)]++
			report.note(string(bucket), k, v)
			return f(string(bucket), k, v)
		})
		if errors.Is(err, ErrDamaged) {
			report.Faults = append(report.Faults, Fault{Bucket: string(bucket), Detail: err.Error()})
			err = nil
		}
		if err != nil {
			return nil, err
		}
	}
	if !report.Books.Balance() {
		report.Faults = append(report.Faults, Fault{string(bucketMeta), fmt.Sprintf("%x", keyBooks), "the books do not balance"})
	}
	return report, nil
}

func (r *Report) note(bucket string, k, v []byte) {
	switch {
	case bucket != string(bucketMeta):
	case bytes.Equal(k, keyStream):
		r.Stream = string(v)
	case bytes.Equal(k, keyBooks):
		_ = cbor.Unmarshal(v, &r.Books) // checkRow did
	}
}

// walk calls f with all rows of a bucket that can be read: from the first one on, and, when a page on the
// way is broken, from the last one back. Then it returns ErrDamaged.
func walk(db *bbolt.DB, bucket []byte, f func(k, v []byte) error) error {
	var last []byte
	forward := step(db, bucket, (*bbolt.Cursor).First, (*bbolt.Cursor).Next, func(k, v []byte) (bool, error) {
		last = append(last[:0], k...)
		return true, f(k, v)
	})
	if !errors.Is(forward, ErrDamaged) {
		return forward
	}
	backward := step(db, bucket, (*bbolt.Cursor).Last, (*bbolt.Cursor).Prev, func(k, v []byte) (bool, error) {
		if last != nil && bytes.Compare(k, last) <= 0 {
			return false, nil
		}
		return true, f(k, v)
	})
	if backward != nil && !errors.Is(backward, ErrDamaged) {
		return backward
	}
	return forward
}

// step moves a cursor through a bucket, from first by next, until f returns false.
func step(db *bbolt.DB, bucket []byte, first, next func(*bbolt.Cursor) ([]byte, []byte), f func(k, v []byte) (bool, error)) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer explain(&err)
	return db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket)
		if b == nil {
			return fmt.Errorf("%w: there is no bucket %s", ErrDamaged, bucket)
		}
		c := b.Cursor()
		for k, v := first(c); k != nil; k, v = next(c) {
			if more, err := f(k, v); err != nil || !more {
				return err
			}
		}
		return nil
	})
}

// checkRow says what is wrong with one row.
func checkRow(bucket string, k, v []byte) error {
	switch bucket {
	case string(bucketMeta):
		return checkMeta(k, v)
	case string(bucketReadings):
		if len(k) != 8 {
			return fmt.Errorf("a position of %d bytes", len(k))
		}
		_, err := parseReading(number(k), v)
		return err
	case string(bucketSeen):
		_, _, err := parseSeen(v)
		return errors.Join(err, checkDeviceKey(k))
	case string(bucketDevices):
		_, err := numbers(v, 1, "the highest sequence number")
		_, nameErr := name.Parse(string(k))
		return errors.Join(err, nameErr)
	case string(bucketMissing):
		_, err := parseMissing(k, v)
		return errors.Join(err, checkDeviceKey(k))
	case string(bucketBatches):
		var b Batch
		if err := cbor.Unmarshal(v, &b); err != nil {
			return err
		}
		_, err := record.ParseAnchor(b.Anchor)
		if err == nil && (len(k) != 8 || number(k) != b.Number || b.First == 0 || b.Last < b.First) {
			err = errors.New("number or range is wrong")
		}
		return err
	default:
		_, err := numbers(v, 1, "the number of a range")
		return err
	}
}

func checkMeta(k, v []byte) error {
	switch string(k) {
	case string(keyBooks):
		return cbor.Unmarshal(v, new(Books))
	case string(keySince):
		return cbor.Unmarshal(v, new(since))
	default:
		_, err := name.Parse(string(v))
		return err
	}
}

func checkDeviceKey(k []byte) error {
	if len(k) < 10 || k[len(k)-9] != 0 {
		return fmt.Errorf("a key of %d bytes without a number", len(k))
	}
	if n := number(k[len(k)-8:]); n == 0 || n > reading.MaxNumber {
		return fmt.Errorf("sequence number %d", n)
	}
	_, err := name.Parse(string(k[:len(k)-9]))
	return err
}

// Export calls f with the readings of a spool's file that are in no batch on the ledger, as far as they are
// intact, and returns how many are not. The reading MUST NOT be kept after f returned. A dead folder's
// readings reach the ledger through another bridge this way.
func Export(path string, f func(Row) error) (damaged int, err error) {
	db, err := openFile(path, true)
	if err != nil {
		return 0, err
	}
	err = walk(db, bucketReadings, func(k, v []byte) error {
		if checkRow(string(bucketReadings), k, v) != nil {
			damaged++
			return nil
		}
		row, err := parseRow(number(k), v)
		if err != nil {
			return err
		}
		return f(row)
	})
	return damaged, errors.Join(err, db.Close())
}
