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
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
)

// A Ledger anchors. Submitting the same bytes again MUST be safe, and so must reporting the same
// equivocation.
type Ledger interface {
	PrepareAnchor(ctx context.Context, anchor []byte) (*ledger.PreparedAnchor, error)
	ReportEquivocation(ctx context.Context, e ledger.Equivocation) (record.EquivocationReport, error)
	Submit(ctx context.Context, transaction []byte) (ledger.Commit, error)
	Status(ctx context.Context, txID string) (ledger.Commit, error)
}

// ErrHalted wraps a fault that trying again cannot mend. The bridge keeps receiving and storing;
// it anchors again when the fault is mended and it is restarted.
var ErrHalted = errors.New("anchor: halted")

// Config says when a batch is sealed.
type Config struct {
	Linger   time.Duration // how long the first reading of a batch waits for others
	MaxBatch uint64        // readings in a batch at most
}

// Anchorer drives batches from pending to committed.
type Anchorer struct {
	cfg     Config
	spool   *spool.Spool
	archive *archive.Archive
	ledger  Ledger
	courier *Courier
	logger  *slog.Logger
	work    chan struct{} // holds one token when readings may be pending
}

// New returns an anchorer; it hands committed batches to courier.
func New(cfg Config, s *spool.Spool, a *archive.Archive, l Ledger, c *Courier, logger *slog.Logger) *Anchorer {
	return &Anchorer{cfg: cfg, spool: s, archive: a, ledger: l, courier: c, logger: logger, work: make(chan struct{}, 1)}
}

// Notify says that readings were stored. It never blocks.
func (a *Anchorer) Notify() {
	select {
	case a.work <- struct{}{}:
	default:
	}
}

// backoff between attempts at one step.
const (
	minBackoff = 250 * time.Millisecond
	maxBackoff = 15 * time.Second
)

// Run anchors until ctx ends, beginning with what a crash left unfinished. What passes by itself
// (a ledger that is away, a full disk) is waited for, however long it takes.
func (a *Anchorer) Run(ctx context.Context) error {
	a.Notify()
	failures, pause := 0, minBackoff
	for ctx.Err() == nil {
		b, err := a.current(ctx)
		if err == nil {
			err = a.advance(ctx, b)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failures, pause = 0, minBackoff
			continue
		}
		failures++
		if lasting(err, failures) {
			return fmt.Errorf("%w: %w", ErrHalted, err)
		}
		a.logger.Warn("anchoring delayed; readings are kept", "error", err, "again_in", pause)
		if sleep(ctx, pause) != nil {
			return nil
		}
		pause = min(2*pause, maxBackoff)
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
		if books.Accepted > books.Sealed {
			if err := a.linger(ctx, books); err != nil {
				return nil, err
			}
			return a.spool.Seal(a.cfg.MaxBatch)
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
	for books.Accepted-books.Sealed < a.cfg.MaxBatch {
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

// patience is how many times in a row a step may fail for a reason that usually lasts but can be
// a peer that lags behind the others, or an upgrade under way: some four minutes.
const patience = 20

// lasting reports whether trying again cannot help, after so many failures in a row. A full disk
// is not lasting, nor is a ledger that is away.
func lasting(err error, failures int) bool {
	for _, never := range []error{
		archive.ErrConflict, archive.ErrDamaged, spool.ErrState, spool.ErrDamaged,
		ledger.ErrEquivocation, ledger.ErrInvalidArgument, ledger.ErrDenied, ledger.ErrConfig,
	} {
		if errors.Is(err, never) {
			return true
		}
	}
	for _, perhaps := range []error{
		ledger.ErrConflict, ledger.ErrNotFound, ledger.ErrForbidden, ledger.ErrAlreadyExists,
		ledger.ErrInvalidated, ledger.ErrRejected,
	} {
		if errors.Is(err, perhaps) {
			return failures >= patience
		}
	}
	return false
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
	rows, err := a.spool.Rows(b)
	if err != nil {
		return err
	}
	file := &archive.Batch{Number: b.Number, Anchor: b.Anchor, Entries: make([]archive.Entry, len(rows))}
	for i, r := range rows {
		file.Entries[i] = archive.Entry(r)
	}
	if err := a.archive.Put(file); err != nil {
		return err
	}
	return a.endorse(ctx, b)
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

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
