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
	"github.com/anchorline/anchorline/ledger"
)

// A Ledger anchors. Submitting the same bytes again MUST be safe.
type Ledger interface {
	PrepareAnchor(ctx context.Context, anchor []byte) (*ledger.PreparedAnchor, error)
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

// Run anchors until ctx ends, beginning with what a crash left unfinished.
func (a *Anchorer) Run(ctx context.Context) error {
	a.Notify()
	for {
		b, err := a.spool.Oldest(spool.Sealed, spool.Prepared)
		if errors.Is(err, spool.ErrNotFound) {
			b, err = a.next(ctx)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := a.finish(ctx, b); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		a.Notify()
	}
}

// next waits for readings, lets the batch linger, and seals it.
func (a *Anchorer) next(ctx context.Context) (*spool.Batch, error) {
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-a.work:
		}
		books, err := a.spool.Books()
		if err != nil {
			return nil, err
		}
		if books.Accepted == books.Sealed {
			continue
		}
		if err := a.linger(ctx, books); err != nil {
			return nil, err
		}
		return a.spool.Seal(a.cfg.MaxBatch)
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

// backoff between attempts at one batch.
const (
	minBackoff = 250 * time.Millisecond
	maxBackoff = 15 * time.Second
)

// finish takes one batch as far as committed, however long the ledger is away.
func (a *Anchorer) finish(ctx context.Context, b *spool.Batch) error {
	pause := minBackoff
	for {
		err := a.advance(ctx, b)
		if err != nil && lasting(err) {
			return fmt.Errorf("%w: batch %d: %w", ErrHalted, b.Number, err)
		}
		if err != nil {
			a.logger.Warn("anchoring delayed; readings are kept", "batch", b.Number, "state", b.State, "error", err, "again_in", pause)
			if err := sleep(ctx, pause); err != nil {
				return err
			}
			pause = min(2*pause, maxBackoff)
		}
		if b, err = a.spool.Batch(b.Number); err != nil {
			return err
		}
		if b.State == spool.Committed {
			a.courier.Notify()
			return nil
		}
	}
}

// lasting reports whether trying again cannot help. A full disk is not lasting, nor is a ledger
// that is away.
func lasting(err error) bool {
	var refused *ledger.Error
	if errors.As(err, &refused) {
		return !ledger.Passing(err)
	}
	return errors.Is(err, archive.ErrConflict) || errors.Is(err, archive.ErrDamaged) || errors.Is(err, spool.ErrState)
}

// advance takes a batch one step further.
func (a *Anchorer) advance(ctx context.Context, b *spool.Batch) error {
	if b.State == spool.Sealed {
		return a.prepare(ctx, b)
	}
	commit, err := a.ledger.Submit(ctx, b.Transaction)
	if errors.Is(err, ledger.ErrInvalidated) {
		a.logger.Warn("anchor transaction invalidated; proposing again", "batch", b.Number, "tx", b.Commit.TransactionID, "error", err)
		return a.endorse(ctx, b)
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

func (a *Anchorer) committed(b *spool.Batch, c spool.Commit) error {
	if err := a.spool.Commit(b.Number, c); err != nil {
		return err
	}
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
