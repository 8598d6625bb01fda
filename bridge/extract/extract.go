// SPDX-License-Identifier: Apache-2.0

// Package extract takes a device's readings out of bridges' archives, with what proves them.
//
// Archives, a device and a range go in; the batches that hold readings of the range come out, as parts
// of an export, and with them the readings just outside the range, so that nothing can be missing at its
// ends. The archives are read, never changed.
package extract

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/anchorline/anchorline/audit/export"
	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/name"
)

// ErrNone is returned when the archives hold no reading of the device in the range.
var ErrNone = errors.New("extract: no reading of the device in this range")

// A Range is a range of sequence numbers, or of the device's clock. Zero ends are open.
type Range struct {
	From, To    uint64 // sequence numbers, both included
	Since, Till int64  // device's clock in milliseconds, both included
}

// find is where a reading is.
type find struct {
	archive  int
	batch    uint64
	index    uint64
	sequence uint64
	time     int64
}

// Selection is what was found: the batches with the readings to hand out, and the numbers of the range.
type Selection struct {
	// From and To are the range as sequence numbers: the lowest and the highest that it covers.
	From, To uint64
	Batches  []export.Batch
}

// Device finds the readings of a device in archives. step is called after each batch with how many
// were looked at, of how many.
func Device(ctx context.Context, archives []*archive.Archive, device name.Name, r Range, step func(done, total int)) (Selection, error) {
	finds, err := scan(ctx, archives, device, step)
	if err != nil {
		return Selection{}, err
	}
	slices.SortFunc(finds, func(a, b find) int { return cmp.Compare(a.sequence, b.sequence) })
	from, to, err := numbers(finds, device, r)
	if err != nil {
		return Selection{}, err
	}
	batches, err := assemble(archives, choose(finds, from, to))
	return Selection{From: from, To: to, Batches: batches}, err
}

// scan finds every reading of the device.
func scan(ctx context.Context, archives []*archive.Archive, device name.Name, step func(done, total int)) ([]find, error) {
	total := 0
	lasts := make([]uint64, len(archives))
	for i, a := range archives {
		last, err := a.Last()
		if err != nil {
			return nil, err
		}
		lasts[i] = last
		total += int(last)
	}
	var finds []find
	done := 0
	for i, a := range archives {
		for n := uint64(1); n <= lasts[i]; n++ {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			b, err := a.Get(n)
			if err != nil {
				return nil, err
			}
			for index, e := range b.Entries {
				parsed, err := reading.Parse(e.Reading)
				if err != nil {
					return nil, fmt.Errorf("batch %d, reading %d: %w", n, index, err)
				}
				if c := parsed.Claims(); c.Device == device {
					finds = append(finds, find{archive: i, batch: n, index: uint64(index), sequence: c.Sequence, time: c.Time})
				}
			}
			done++
			step(done, total)
		}
	}
	return finds, nil
}

// numbers is the range as sequence numbers. By the device's clock it is from the first to the last
// reading of the time.
func numbers(finds []find, device name.Name, r Range) (from, to uint64, err error) {
	if r.Since == 0 && r.Till == 0 {
		from, to = max(r.From, 1), r.To
		if to == 0 && len(finds) > 0 {
			to = finds[len(finds)-1].sequence
		}
	}
	for _, f := range finds {
		if r.Since == 0 && r.Till == 0 || f.time < r.Since || r.Till != 0 && f.time > r.Till {
			continue
		}
		if from == 0 {
			from = f.sequence
		}
		to = f.sequence
	}
	if from == 0 || to < from || !slices.ContainsFunc(finds, func(f find) bool { return f.sequence >= from && f.sequence <= to }) {
		return 0, 0, fmt.Errorf("%w: %s", ErrNone, device)
	}
	return from, to, nil
}

// choose takes the readings of the range, and those with the next lower and the next higher number.
func choose(finds []find, from, to uint64) []find {
	var below, above uint64
	for _, f := range finds {
		if f.sequence < from {
			below = f.sequence
		}
		if f.sequence > to && above == 0 {
			above = f.sequence
		}
	}
	var chosen []find
	for _, f := range finds {
		if f.sequence >= from && f.sequence <= to || below != 0 && f.sequence == below || above != 0 && f.sequence == above {
			chosen = append(chosen, f)
		}
	}
	slices.SortFunc(chosen, func(a, b find) int {
		return cmp.Or(cmp.Compare(a.archive, b.archive), cmp.Compare(a.batch, b.batch), cmp.Compare(a.index, b.index))
	})
	return chosen
}

// assemble reads each batch once and makes the proofs of the chosen readings.
func assemble(archives []*archive.Archive, chosen []find) ([]export.Batch, error) {
	var batches []export.Batch
	for len(chosen) > 0 {
		first := chosen[0]
		n := slices.IndexFunc(chosen, func(f find) bool { return f.archive != first.archive || f.batch != first.batch })
		if n < 0 {
			n = len(chosen)
		}
		b, err := batch(archives[first.archive], chosen[:n])
		if err != nil {
			return nil, err
		}
		batches = append(batches, b)
		chosen = chosen[n:]
	}
	return batches, nil
}

func batch(a *archive.Archive, finds []find) (export.Batch, error) {
	number := finds[0].batch
	b, err := a.Get(number)
	if err != nil {
		return export.Batch{}, err
	}
	signed, err := a.Receipt(number)
	if err != nil {
		return export.Batch{}, fmt.Errorf("batch %d is not anchored yet: %w", number, err)
	}
	evidence, err := a.Evidence(number)
	if err != nil && !errors.Is(err, archive.ErrNotFound) {
		return export.Batch{}, err
	}
	tree := b.Tree()
	out := export.Batch{Anchor: b.Anchor, Signed: signed, Size: tree.Size(), Evidence: evidence}
	for _, f := range finds {
		path, err := tree.Inclusion(f.index)
		if err != nil {
			return export.Batch{}, err
		}
		out.Readings = append(out.Readings, export.Reading{Index: f.index, Bytes: b.Entries[f.index].Reading, Path: path})
	}
	return out, nil
}
