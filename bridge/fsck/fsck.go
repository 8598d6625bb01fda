// SPDX-License-Identifier: Apache-2.0

// Package fsck recomputes everything that the anchors of streams say, from bridges' archives and the
// ledger: roots, sizes, counts, gaps, spans of time and the chain of the anchors. It verifies the
// signature of every reading with the key that the ledger has, asks package standing what key and
// device were worth at the anchor, and verifies the streams' receipts.
//
// In come archives and a ledger, out goes a [Report]; nothing is written but a [Checkpoint], if one is
// asked for. The ledger's records are believed as the peer hands them out: what organisations signed is
// for package audit to verify. After a crash the last checkpoint says where to go on.
package fsck

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
)

// A Ledger answers what is on it. Device and Stream return ledger.ErrNotFound for what is not
// registered, Locate for a transaction whose block the peer does not have. Anchors returns at most
// limit anchors by number from a number on, fewer than that only at the end.
type Ledger interface {
	Profile() ledger.Profile
	Stream(ctx context.Context, stream name.Name) (record.Stream, error)
	Head(ctx context.Context, stream name.Name) (record.Head, error)
	Anchors(ctx context.Context, stream name.Name, from uint64, limit int) ([]record.AnchorEntry, error)
	Device(ctx context.Context, device name.Name) (record.Device, error)
	Equivocations(ctx context.Context, stream name.Name) ([]record.EquivocationReport, error)
	Locate(ctx context.Context, txID string) (block uint64, index int, err error)
}

// A Source is a stream and the archive of its bridge.
type Source struct {
	Stream  name.Name
	Archive *archive.Archive
}

// Progress says how far a check is.
type Progress struct {
	Stream name.Name
	// Done of Total batches are checked, those of an earlier run not counted.
	Done, Total uint64
	// Readings are in the batches that are done.
	Readings uint64
}

// Options say how to check. The zero Options check from the beginning on all processors.
type Options struct {
	// Checkpoint is where an earlier check ended, nil for none. Check owns it from then on.
	Checkpoint *Checkpoint
	// Save is called with the state now and then, and at the end, also when the check is interrupted.
	// An error of it ends the check.
	Save func(*Checkpoint) error
	// Progress is called after each batch.
	Progress func(Progress)
	// Workers is how many batches are verified at once, 0 for as many as there are processors.
	Workers int
}

// ErrSources is returned for no source, and for two of one stream.
var ErrSources = errors.New("fsck: name each stream once, with its archive")

// Check checks one archive from the beginning. An error means that it could not be done.
func Check(ctx context.Context, a *archive.Archive, l Ledger, stream name.Name) (Report, error) {
	return CheckAll(ctx, l, []Source{{Stream: stream, Archive: a}}, Options{})
}

// CheckAll checks archives together: what is unique to a device is so over all of them. An error means that
// it could not be done; the state that Save was given last is good.
func CheckAll(ctx context.Context, l Ledger, sources []Source, o Options) (Report, error) {
	if err := checkSources(sources); err != nil {
		return Report{}, err
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	a := &auditor{ledger: l, sources: sources, options: o, devices: newRegistry(l), state: o.Checkpoint}
	if a.state == nil {
		a.state = newCheckpoint(l.Profile().Ledger(), sources)
	} else if err := a.state.fits(l.Profile().Ledger(), sources); err != nil {
		return Report{}, err
	}
	err := a.run(ctx)
	if saved := a.save(); err == nil || saved != nil {
		err = errors.Join(err, saved)
	}
	if err != nil {
		return Report{}, err
	}
	return a.report(), nil
}

func checkSources(sources []Source) error {
	seen := map[name.Name]bool{}
	for _, s := range sources {
		if seen[s.Stream] || s.Stream.IsZero() || s.Archive == nil {
			return fmt.Errorf("%w: %q", ErrSources, s.Stream)
		}
		seen[s.Stream] = true
	}
	if len(sources) == 0 {
		return ErrSources
	}
	return nil
}

// An auditor goes over the batches of streams.
type auditor struct {
	ledger  Ledger
	sources []Source
	options Options
	devices *registry
	state   *Checkpoint

	ends    []ending // what is only of now, by source
	unknown uint64   // changes whose place in the ledger's order the peer does not know
}

// An ending is what was found at the end of a stream.
type ending struct {
	head    record.Head
	pending uint64
	faults  []Fault
	// unreceipted is the number of the last batch if its receipt is not there yet.
	unreceipted uint64
	resumed     uint64
}

func (a *auditor) run(ctx context.Context) error {
	a.ends = make([]ending, len(a.sources))
	for i := range a.sources {
		if err := a.stream(ctx, i); err != nil {
			return fmt.Errorf("stream %s: %w", a.sources[i].Stream, err)
		}
	}
	return a.compareTwice(ctx)
}

// stream checks the batches of one stream that are new.
func (a *auditor) stream(ctx context.Context, i int) error {
	source, end := a.sources[i], &a.ends[i]
	last, err := source.Archive.Last() // before the head, which a bridge moves meanwhile
	if err != nil {
		return err
	}
	if end.head, err = a.ledger.Head(ctx, source.Stream); err != nil {
		return err
	}
	s, err := a.ledger.Stream(ctx, source.Stream)
	if err != nil {
		return err
	}
	at := &a.state.Streams[i]
	end.resumed = at.Number
	if err := a.stillThere(ctx, source.Stream, *at, end.head); err != nil {
		return err
	}
	order := newOrderer(a.ledger, source.Stream, end.head.Number)
	w := &worker{source: source, stream: s, keys: parseKeys(s.Keys), head: end.head.Number,
		ledgerName: a.ledger.Profile().Ledger(), devices: a.devices, order: order}
	m := &merger{auditor: a, at: at, end: end}
	if err := m.owed(ctx, w); err != nil {
		return err
	}
	if err := pipeline(ctx, a.ledger, w, at.Number+1, a.options.Workers, m.merge); err != nil {
		return err
	}
	a.unknown += order.unknown()
	if at.Hash != end.head.Hash && at.Number == end.head.Number {
		end.fault(source.Stream, ChainHead, at.Number, "the ledger's head has another hash than its last anchor")
	}
	if err := end.beyond(source, last); err != nil {
		return err
	}
	return end.equivocations(ctx, a.ledger, source.Stream)
}

// stillThere returns an error unless the ledger has the anchor at which the state stands.
func (a *auditor) stillThere(ctx context.Context, stream name.Name, at streamState, head record.Head) error {
	if at.Number == 0 {
		return nil
	}
	if at.Number <= head.Number {
		entries, err := a.ledger.Anchors(ctx, stream, at.Number, 1)
		if err != nil {
			return err
		}
		if len(entries) == 1 && entries[0].Anchor.Number == at.Number && entries[0].Hash == at.Hash {
			return nil
		}
	}
	return fmt.Errorf("%w: it ended at batch %d with hash %s, which the ledger does not have", ErrCheckpoint, at.Number, at.Hash)
}

func (a *auditor) save() error {
	if a.options.Save == nil {
		return nil
	}
	return a.options.Save(a.state)
}
