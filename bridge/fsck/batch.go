// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// A worker verifies batches of a stream, each by itself. It is safe for concurrent use.
type worker struct {
	source     Source
	stream     record.Stream
	keys       map[cose.KeyID]cose.Key
	head       uint64
	ledgerName string
	devices    *registry
	order      *orderer
}

// An outcome is what was found of one batch by itself. What depends on the batches before it is for
// the merger to say.
type outcome struct {
	entry       record.AnchorEntry
	faults      faults
	readings    []reference // in the batch's order, those that could be read
	repudiated  map[name.Name]repudiated
	whole       bool // the readings are those that were anchored
	unreceipted bool
	disowned    string // why the owner disowned the receipt's key, empty if it did not
}

// A reference is what a reading is known by.
type reference struct {
	device   name.Name
	sequence uint64
}

// repudiated is how many readings of a device its owner disowned.
type repudiated struct {
	readings uint64
	why      string
}

// batch verifies one batch. An error means that it could not be done.
func (w *worker) batch(ctx context.Context, entry record.AnchorEntry) (*outcome, error) {
	n := entry.Anchor.Number
	o := &outcome{entry: entry, faults: faults{stream: w.source.Stream, batch: n}, repudiated: map[name.Name]repudiated{}}
	w.checkEntry(entry, &o.faults)
	b, err := w.source.Archive.Get(n)
	switch {
	case errors.Is(err, archive.ErrNotFound):
		o.faults.add(BatchMissing, "the archive does not have the batch")
		return o, nil
	case errors.Is(err, archive.ErrDamaged):
		o.faults.add(BatchDamaged, "%v", err)
		return o, nil
	case err != nil:
		return nil, err
	}
	if !w.checkFiled(b, entry, &o.faults) {
		return o, nil
	}
	o.whole = checkTree(b, entry.Anchor, &o.faults)
	if err := w.checkReadings(ctx, b, o); err != nil {
		return nil, err
	}
	return o, w.checkReceipt(ctx, o)
}

// checkEntry looks at the ledger's entry alone.
func (w *worker) checkEntry(entry record.AnchorEntry, f *faults) {
	if err := entry.Anchor.Validate(); err != nil {
		f.add(ChainAnchor, "the ledger's anchor is not valid: %v", err)
	}
	if entry.Anchor.Stream != w.source.Stream {
		f.add(ChainAnchor, "the ledger hands out an anchor of stream %q", entry.Anchor.Stream)
	}
	if hash, err := entry.Anchor.HashText(); err != nil || hash != entry.Hash {
		f.add(ChainHash, "the ledger states hash %s for an anchor of hash %s", entry.Hash, hash)
	}
	if entry.Creator != w.source.Stream.Owner {
		f.add(ChainCreator, "a client of %q brought the anchor; the stream is of %s", entry.Creator, w.source.Stream.Owner)
	}
}

// checkFiled compares the anchor in the file with the ledger's, and reports whether the batch is of this
// stream at all.
func (w *worker) checkFiled(b *archive.Batch, entry record.AnchorEntry, f *faults) bool {
	if sum := sha256.Sum256(b.Anchor); hex.EncodeToString(sum[:]) == entry.Hash {
		return true
	}
	filed, err := record.ParseAnchor(b.Anchor)
	if err == nil && filed.Stream != w.source.Stream {
		f.add(BatchStream, "the archive has a batch of stream %s", filed.Stream)
		return false
	}
	f.add(BatchAnchor, "the anchor in the archive is not the ledger's")
	return true
}

// checkTree compares root, size and counts, and reports whether these are the readings that were
// anchored.
func checkTree(b *archive.Batch, a record.Anchor, f *faults) bool {
	tree := b.Tree()
	root, size := tree.Root().String(), tree.Size()
	if root != a.Root {
		f.add(BatchRoot, "the root of the archive's readings is %s, the ledger's is %s", root, a.Root)
	}
	if size != a.Size {
		f.add(BatchSize, "the archive has %d readings, the ledger says %d", size, a.Size)
	}
	if signed := a.Counts[record.DeviceSigned]; root == a.Root && signed != size {
		f.add(BatchCounts, "the anchor counts %d readings that their devices signed; it is %d", signed, size)
	}
	return root == a.Root && size == a.Size
}

// A times is the earliest and the latest of several times.
type times struct {
	record.Span
	any bool
}

func (s *times) include(t int64) {
	if !s.any {
		s.First, s.Last, s.any = t, t, true
	}
	s.First, s.Last = min(s.First, t), max(s.Last, t)
}
