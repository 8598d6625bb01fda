// SPDX-License-Identifier: Apache-2.0

// Package fsck re-derives from the archive what the ledger holds and compares the two: every
// root, every count, every link of the chain. It is a product feature and the oracle of other
// tests. In come an archive and a ledger, out goes a report; nothing is written.
package fsck

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/receipt"
)

// A Ledger answers what was anchored.
type Ledger interface {
	Stream(ctx context.Context, id string) (record.Stream, error)
	Head(ctx context.Context, stream string) (record.Head, error)
	Anchor(ctx context.Context, stream string, number uint64) (record.AnchorEntry, error)
}

// A Fault is one disagreement.
type Fault struct {
	Batch uint64 `json:"batch"`
	What  string `json:"what"`
}

// A Report is the outcome.
type Report struct {
	Batches  uint64            `json:"batches"`  // compared with the ledger
	Readings uint64            `json:"readings"` // in them
	Devices  map[string]uint64 `json:"devices"`  // readings by device
	Pending  uint64            `json:"pending"`  // batches that the ledger does not have: one, in flight
	Faults   []Fault           `json:"faults"`
}

// OK reports that archive and ledger agree.
func (r Report) OK() bool { return len(r.Faults) == 0 }

// Check compares the archive's batches with the ledger's anchors of the stream. An error means
// that the comparison could not be made.
func Check(ctx context.Context, a *archive.Archive, l Ledger, stream string) (Report, error) {
	r := Report{Devices: map[string]uint64{}, Faults: []Fault{}}
	last, err := a.Last() // before the head, which a bridge may move meanwhile
	if err != nil {
		return r, err
	}
	head, err := l.Head(ctx, stream)
	if err != nil {
		return r, err
	}
	s, err := l.Stream(ctx, stream)
	if err != nil {
		return r, err
	}
	seen := map[string]uint64{}
	previous := record.ZeroHash
	for n := uint64(1); n <= head.Number; n++ {
		entry, err := l.Anchor(ctx, stream, n)
		if err != nil {
			return r, err
		}
		for _, what := range checkBatch(a, s, entry, previous, n, &r, seen) {
			r.Faults = append(r.Faults, Fault{Batch: n, What: what})
		}
		previous = entry.Hash
	}
	if previous != head.Hash {
		r.Faults = append(r.Faults, Fault{Batch: head.Number, What: "the ledger's head is not the hash of its last anchor"})
	}
	if last > head.Number {
		r.Pending = last - head.Number
		r.Faults = append(r.Faults, checkPending(a, head, last)...)
	}
	return r, nil
}

// checkPending returns what is wrong with the batches that the ledger does not have: a bridge
// archives one, and anchors it before the next.
func checkPending(a *archive.Archive, head record.Head, last uint64) []Fault {
	next := head.Number + 1
	if last > next {
		return []Fault{{Batch: next, What: fmt.Sprintf("the archive goes on to batch %d, the ledger's stream %s stands at %d: "+
			"is it the archive of this stream, and has the peer every block?", last, head.Stream, head.Number)}}
	}
	b, err := a.Get(next)
	if err != nil {
		return []Fault{{Batch: next, What: err.Error()}}
	}
	filed, err := record.ParseAnchor(b.Anchor)
	if err != nil || filed.Stream != head.Stream || filed.Previous != head.Hash {
		return []Fault{{Batch: next, What: fmt.Sprintf("the archive's newest batch does not follow the ledger's last anchor of stream %s", head.Stream)}}
	}
	return nil
}

// checkBatch returns what is wrong with one batch.
func checkBatch(a *archive.Archive, s record.Stream, entry record.AnchorEntry, previous string, n uint64, r *Report, seen map[string]uint64) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if entry.Anchor.Previous != previous {
		fault("the anchor names %s as previous, which is %s", entry.Anchor.Previous, previous)
	}
	if entry.Anchor.HashText() != entry.Hash {
		fault("the ledger states hash %s for an anchor of hash %s", entry.Hash, entry.Anchor.HashText())
	}
	b, err := a.Get(n)
	if err != nil {
		fault("%v", err)
		return faults
	}
	tree := b.Tree()
	if got := tree.Root().String(); got != entry.Anchor.Root {
		fault("the archive's root is %s, the ledger's is %s", got, entry.Anchor.Root)
	}
	if tree.Size() != entry.Anchor.Size {
		fault("the archive has %d readings, the ledger says %d", tree.Size(), entry.Anchor.Size)
	}
	if filed, err := record.ParseAnchor(b.Anchor); err != nil || filed.HashText() != entry.Hash {
		fault("the anchor in the archive is not the ledger's")
	}
	faults = append(faults, checkReceipt(a, s, entry, n)...)
	for i, e := range b.Entries {
		parsed, err := reading.Parse(e.Reading)
		if err != nil {
			fault("reading %d: %v", i, err)
			continue
		}
		key := fmt.Sprintf("%s %d", parsed.Claims().Device, parsed.Claims().Sequence)
		if first, twice := seen[key]; twice {
			fault("reading %s is also in batch %d", key, first)
		}
		seen[key] = n
		r.Devices[parsed.Claims().Device]++
		r.Readings++
	}
	r.Batches++
	return faults
}

// checkReceipt checks the stream's signature over the ledger's root. A batch committed only
// a moment ago has none yet, and is reported as a fault until it has.
func checkReceipt(a *archive.Archive, s record.Stream, entry record.AnchorEntry, n uint64) []string {
	signed, err := a.Receipt(n)
	if err != nil {
		return []string{err.Error()}
	}
	c := signed.Claims()
	if c.Stream != s.ID || c.Number != n || fmt.Sprintf("%x", c.Anchor) != entry.Hash || fmt.Sprintf("%x", c.Transaction) != entry.TxID {
		return []string{"the receipt is of another anchor"}
	}
	for _, k := range s.Keys {
		key, err := cose.ParseKeyText(k.Public)
		if err == nil && key.ID() == signed.KeyID() && verifies(signed, key, entry.Anchor.Root) {
			return nil
		}
	}
	return []string{"the receipt is not signed by a key of the stream"}
}

func verifies(signed *receipt.Signed, key cose.Key, root string) bool {
	b, err := hex.DecodeString(root)
	return err == nil && len(b) == merkle.Size && signed.Verify(key, merkle.Hash(b)) == nil
}
