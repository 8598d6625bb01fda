// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fxamacker/cbor/v2"
	"go.etcd.io/bbolt"

	"github.com/anchorline/anchorline/internal/durable"
	"github.com/anchorline/anchorline/reading/name"
)

// A Salvage says what became of a damaged file.
type Salvage struct {
	Report
	Kept    string `json:"kept"`    // where the damaged file is now
	Rebuilt bool   `json:"rebuilt"` // the books were counted anew: duplicates and refusals begin at 0
}

// ErrUnsalvageable is returned when what is left does not say where the stream stands.
var ErrUnsalvageable = errors.New("spool: too much is lost to go on with the stream: restore a backup of this very moment, or export the readings " +
	"(anchorline bridge export) and take them in at a bridge with another stream id (anchorline bridge import)")

// Salvaged makes a new file of what is intact in a damaged one, and puts it in its place; the damaged one is kept
// beside it. Damaged readings that were not anchored go to the quarantine when their turn comes, and their
// devices' next sending is accepted. Nothing is changed when an error is returned.
func Salvaged(path string, stream name.Name) (*Salvage, error) {
	damaged, err := openFile(path, true)
	if err != nil {
		return nil, err
	}
	fresh := path + ".salvage"
	s, err := salvage(damaged, fresh, stream)
	if err = errors.Join(err, damaged.Close()); err != nil {
		return nil, errors.Join(err, os.RemoveAll(fresh))
	}
	s.Kept = fmt.Sprintf("%s.damaged-%s", path, time.Now().UTC().Format("20060102T150405"))
	if err := os.Link(path, s.Kept); err != nil {
		return nil, errors.Join(fmt.Errorf("spool: keep the damaged file: %w", err), os.RemoveAll(fresh))
	}
	if err := os.Rename(fresh, path); err != nil {
		return nil, fmt.Errorf("spool: put the salvaged file in place: %w", err)
	}
	return s, durable.SyncDir(filepath.Dir(path))
}

func salvage(damaged *bbolt.DB, path string, stream name.Name) (*Salvage, error) {
	if err := os.RemoveAll(path); err != nil { // of an attempt that was cut off
		return nil, fmt.Errorf("spool: %w", err)
	}
	db, err := openFile(path, false)
	if err != nil {
		return nil, err
	}
	fresh := &Spool{db: db, stream: stream}
	out := &Salvage{}
	err = fresh.update(func(tx *bbolt.Tx) error {
		if err := fresh.prepare(tx); err != nil {
			return err
		}
		report, err := examineFile(damaged, func(bucket string, k, v []byte) error {
			return tx.Bucket([]byte(bucket)).Put(bytes.Clone(k), bytes.Clone(v))
		})
		if err != nil {
			return err
		}
		if out.Report = *report; len(report.Intact) == 0 {
			return ErrUnsalvageable
		}
		if report.Stream != "" && report.Stream != stream.String() {
			return fmt.Errorf("spool: the file belongs to stream %s, not %s", report.Stream, stream)
		}
		return out.rebuild(tx)
	})
	return out, errors.Join(err, db.Close())
}

// rebuild makes sure that the books fit what is left, counting them anew when they are lost.
func (s *Salvage) rebuild(tx *bbolt.Tx) error {
	last, counted, err := countBatches(tx)
	if err != nil {
		return err
	}
	if s.Books.Balance() && s.Books.Received > 0 && s.Books.Batches == counted.Batches {
		return nil
	}
	if s.Books.Batches > counted.Batches {
		return fmt.Errorf("%w: batch %d", ErrUnsalvageable, s.Books.Batches)
	}
	// The newest position that anything tells of.
	end := last
	if k, _ := tx.Bucket(bucketReadings).Cursor().Last(); k != nil {
		end = max(end, number(k))
	}
	err = tx.Bucket(bucketSeen).ForEach(func(_, v []byte) error {
		_, position, err := parseSeen(v)
		end = max(end, position)
		return err
	})
	if err != nil {
		return err
	}
	// Ranges and readings tell of batches whose rows are lost: going on behind an older one would fork.
	if newestBatch(tx) > last || lowestReading(tx) > last+1 {
		return ErrUnsalvageable
	}
	counted.Received, counted.Accepted = end, end
	if lost := last - counted.Sealed; lost > 0 {
		counted.Withdrawn = map[string]uint64{ReasonDamaged: lost}
	}
	s.Books, s.Rebuilt = counted, true
	return put(tx.Bucket(bucketMeta), keyBooks, counted)
}

// countBatches returns the last position that is in a batch, and the books of the batches.
func countBatches(tx *bbolt.Tx) (last uint64, b Books, err error) {
	err = tx.Bucket(bucketBatches).ForEach(func(_, v []byte) error {
		var batch Batch
		if err := cbor.Unmarshal(v, &batch); err != nil {
			return err
		}
		b.Batches, last = batch.Number, batch.Last
		b.Sealed += batch.Size()
		switch batch.State {
		case Receipted:
			b.Receipted += batch.Size()
			b.Anchored += batch.Size()
		case Committed:
			b.Anchored += batch.Size()
		}
		return nil
	})
	return last, b, err
}

// newestBatch is the last position of a batch that the ranges tell of.
func newestBatch(tx *bbolt.Tx) uint64 {
	if k, _ := tx.Bucket(bucketRanges).Cursor().Last(); len(k) == 8 {
		return number(k)
	}
	return 0
}

// lowestReading is the position of the first reading that is held, 0 for none.
func lowestReading(tx *bbolt.Tx) uint64 {
	if k, _ := tx.Bucket(bucketReadings).Cursor().First(); len(k) == 8 {
		return number(k)
	}
	return 0
}
