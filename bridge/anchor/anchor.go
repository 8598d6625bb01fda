// SPDX-License-Identifier: Apache-2.0

// Package anchor takes batches to the ledger and brings the receipts back.
//
// In come sealed ranges of the spool; out go, in this order, a file in the archive, one
// transaction on the ledger, and receipts to the devices. Each step is stored before the next
// begins, and each may be done again: after a crash the very same transaction is submitted, so a
// batch is anchored once, whatever dies when.
//
// One anchor is in flight at a time. While it is, the next batch grows, so the ledger's latency
// bounds how soon a reading is anchored, never how many are.
package anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// A Ledger anchors. Submitting the same bytes again MUST be safe, and so must reporting the same
// equivocation.
type Ledger interface {
	PrepareAnchor(ctx context.Context, anchor []byte) (*ledger.PreparedAnchor, error)
	ReportEquivocation(ctx context.Context, e ledger.Equivocation) (record.EquivocationReport, error)
	Submit(ctx context.Context, transaction []byte) (ledger.Commit, error)
	Status(ctx context.Context, txID string) (ledger.Commit, error)
}

// ErrForked wraps the fault that ends a stream's writer: the ledger has another anchor than this folder
// has under one number, so two folders write one stream. Nothing may be accepted any more: it could never
// be anchored.
var ErrForked = errors.New("anchor: the stream has two writers")

// A Judge says whether a device's key is still good, by the registry's present word: an empty reason, or
// why not. An error means that it cannot be told now.
type Judge interface {
	Standing(ctx context.Context, device name.Name, key cose.KeyID) (reason, detail string, err error)
}

// Config says when a batch is sealed.
type Config struct {
	Linger        time.Duration // how long the first reading of a batch waits for others
	MaxBatch      uint64        // readings in a batch at most
	MaxBatchBytes int64         // bytes of them together at most, unless one alone has more; 0 for no bound
}

// Anchorer drives batches from pending to committed.
type Anchorer struct {
	cfg     Config
	spool   *spool.Spool
	archive *archive.Archive
	ledger  Ledger
	judge   Judge
	courier *Courier
	logger  *slog.Logger
	state   *steps
	work    chan struct{} // holds one token when readings may be pending
}

// New returns an anchorer; it hands committed batches to courier.
func New(cfg Config, s *spool.Spool, a *archive.Archive, l Ledger, j Judge, c *Courier, logger *slog.Logger) *Anchorer {
	return &Anchorer{
		cfg: cfg, spool: s, archive: a, ledger: l, judge: j, courier: c, logger: logger,
		state: newSteps("anchoring", logger), work: make(chan struct{}, 1),
	}
}

// Condition says what keeps the anchorer from its work, if anything does.
func (a *Anchorer) Condition() Condition { return a.state.condition() }

// Notify says that readings were stored. It never blocks.
func (a *Anchorer) Notify() {
	select {
	case a.work <- struct{}{}:
	default:
	}
}

// Run anchors until ctx ends, beginning with what a crash left unfinished. What fails is tried again for
// ever: what passes by itself (a ledger that is away, a full disk), and, more slowly, what somebody must
// mend (a clock, a certificate, a role). Only a fork ends it, with ErrForked.
func (a *Anchorer) Run(ctx context.Context) error {
	a.Notify()
	for ctx.Err() == nil {
		b, err := a.current(ctx)
		if err == nil {
			err = a.advance(ctx, b)
		}
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, ledger.ErrEquivocation) {
			err = fmt.Errorf("%w: %w", ErrForked, err)
			a.state.forked(err)
			return err
		}
		if err := a.state.rest(ctx, err); err != nil {
			return nil
		}
	}
	return nil
}

// current returns the batch that is on its way, sealing the next when there is none.
func (a *Anchorer) current(ctx context.Context) (*spool.Batch, error) {
	b, err := a.spool.Oldest(spool.Sealed, spool.Prepared)
	if errors.Is(err, spool.ErrNotFound) {
		return a.next(ctx)
	}
	return b, err
}

// next waits for readings, lets the batch linger, and seals it. Looking at the books before it
// waits, it does not depend on a token that an attempt that failed has used up.
func (a *Anchorer) next(ctx context.Context) (*spool.Batch, error) {
	for {
		books, err := a.spool.Books()
		if err != nil {
			return nil, err
		}
		if books.Waiting() > 0 {
			if err := a.linger(ctx, books); err != nil {
				return nil, err
			}
			b, err := a.seal(ctx)
			if errors.Is(err, spool.ErrNotFound) {
				continue // none of them was good any more
			}
			return b, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-a.work:
		}
	}
}

// linger waits until the batch is full or its time is over.
func (a *Anchorer) linger(ctx context.Context, books spool.Books) error {
	timer := time.NewTimer(a.cfg.Linger)
	defer timer.Stop()
	for books.Waiting() < a.cfg.MaxBatch {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		case <-a.work:
		}
		var err error
		if books, err = a.spool.Books(); err != nil {
			return err
		}
	}
	return nil
}

// advance takes a batch one step further.
func (a *Anchorer) advance(ctx context.Context, b *spool.Batch) error {
	if b.State == spool.Sealed {
		if err := a.prepare(ctx, b); err != nil {
			return fmt.Errorf("prepare batch %d: %w", b.Number, err)
		}
		return nil
	}
	if err := a.submit(ctx, b); err != nil {
		return fmt.Errorf("submit batch %d: %w", b.Number, err)
	}
	return nil
}

// submit submits the stored transaction. One that the ledger will never take is replaced, but the
// fault is still one: without a pause between attempts it would fill the ledger with transactions.
func (a *Anchorer) submit(ctx context.Context, b *spool.Batch) error {
	commit, err := a.ledger.Submit(ctx, b.Transaction)
	if errors.Is(err, ledger.ErrInvalidated) || errors.Is(err, ledger.ErrRejected) {
		return errors.Join(err, a.endorse(ctx, b))
	}
	if err != nil {
		return err
	}
	return a.committed(b, spool.Commit{TransactionID: commit.TxID, Block: commit.Block, Time: b.Commit.Time})
}

// prepare puts the batch into the archive and has its anchor endorsed.
func (a *Anchorer) prepare(ctx context.Context, b *spool.Batch) error {
	err := a.archive.PutStream(b.Number, b.Anchor, b.Size(), func(yield func(archive.Entry) error) error {
		return a.spool.EachRow(b, func(r spool.Row) error { return yield(archive.Entry(r)) })
	})
	if errors.Is(err, spool.ErrDamaged) && a.archived(b) {
		err = nil // the disk changed a row after the archive had it
	}
	if err != nil {
		return err
	}
	return a.endorse(ctx, b)
}

// archived reports whether the archive holds the batch that the anchor is of.
func (a *Anchorer) archived(b *spool.Batch) bool {
	file, err := a.archive.Get(b.Number)
	return err == nil && bytes.Equal(file.Anchor, b.Anchor)
}

// endorse has the anchor endorsed and stores the transaction. An anchor that is on the ledger
// already, by a transaction whose outcome we never learned, needs no other.
func (a *Anchorer) endorse(ctx context.Context, b *spool.Batch) error {
	p, err := a.ledger.PrepareAnchor(ctx, b.Anchor)
	if errors.Is(err, ledger.ErrEquivocation) {
		return a.report(ctx, b, err)
	}
	if err != nil {
		return err
	}
	if p.Entry.TxID != p.TxID {
		commit, err := a.ledger.Status(ctx, p.Entry.TxID)
		if err != nil {
			return err
		}
		return a.committed(b, spool.Commit{TransactionID: commit.TxID, Block: commit.Block, Time: p.Entry.LedgerTime})
	}
	return a.spool.Prepare(b.Number, p.Bytes, spool.Commit{TransactionID: p.TxID, Time: p.Entry.LedgerTime})
}

// report leaves on the ledger what a refused proposal does not: that this stream stands for another
// anchor than the one it has there. Nobody but us can state it, and whoever follows the stream must
// learn that two folders wrote it. A ledger that is away is waited for as in every other step.
func (a *Anchorer) report(ctx context.Context, b *spool.Batch, refusal error) error {
	report, err := a.ledger.ReportEquivocation(ctx, ledger.Equivocation{Anchor: string(b.Anchor)})
	switch {
	case ledger.Passing(err):
		return fmt.Errorf("report equivocation: %w", err)
	case err != nil:
		return fmt.Errorf("%w; this could not be recorded on the ledger: %w", refusal, err)
	}
	return fmt.Errorf("%w; recorded on the ledger in transaction %s", refusal, report.Reported.Tx)
}

func (a *Anchorer) committed(b *spool.Batch, c spool.Commit) error {
	if err := a.spool.Commit(b.Number, c); err != nil {
		return err
	}
	a.courier.Notify()
	a.logger.Info("anchored", "batch", b.Number, "readings", b.Size(), "block", c.Block, "tx", c.TransactionID)
	return nil
}
