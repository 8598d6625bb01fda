// SPDX-License-Identifier: Apache-2.0

// Package witness collects what Fabric signed about the batches of a stream, after their anchors were
// committed, and puts it into the archive: the block under the orderers' signatures, and attestations
// that peers of several organisations sign over what their ledger holds (docs/formats.md, "Evidence").
//
// In come committed batches, out go files beside them. Nothing waits for it: readings, receipts and
// anchors go on while a peer or an organisation is away, and what it could not collect, an auditor can
// collect from the ledger later. The archive is its only memory. After a crash it goes on behind the
// newest batch that has evidence; an organisation that lagged further behind then is asked for newer
// batches only.
package witness

import (
	"context"
	"log/slog"
	"time"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/reading/name"
)

// A Ledger is asked for what was signed.
type Ledger interface {
	// BlockOf returns the block with a transaction, a common.Block.
	BlockOf(ctx context.Context, txID string) ([]byte, error)
	// EndorseOnly has peers of the organisations sign the answer to a call, and submits nothing. It
	// returns the common.Envelope with their signatures, and the answer.
	EndorseOnly(ctx context.Context, organisations []string, function string, args ...string) (envelope, result []byte, err error)
}

// Batches are the stream's.
type Batches interface {
	Snapshot() (spool.Snapshot, error)
	Batch(number uint64) (*spool.Batch, error)
}

// Config says what is collected.
type Config struct {
	Stream name.Name
	// Interval is the time between two looks at what is new.
	Interval time.Duration
	// Organisations returns the MSP IDs of those whose peers attest. It is asked whenever there is
	// something to attest.
	Organisations func(ctx context.Context) ([]string, error)
}

// Limits of one look, so that catching up leaves room for anchoring.
const (
	blocksAtOnce = 64
	runsAtOnce   = 16
)

// patience bounds a call: a peer that hangs must not stop the others from being asked.
const patience = 30 * time.Second

// A Witness collects evidence. Run it once.
type Witness struct {
	cfg     Config
	batches Batches
	archive *archive.Archive
	ledger  Ledger
	logger  *slog.Logger

	begun         bool
	blocks        progress
	organisations condition // of asking for them
	members       map[string]*progress
	attested      uint64 // where the first members begin
}

// progress is the last batch that is done, and how asking for the next one goes.
type progress struct {
	condition
	done uint64
}

// New returns a witness.
func New(cfg Config, b Batches, a *archive.Archive, l Ledger, logger *slog.Logger) *Witness {
	return &Witness{cfg: cfg, batches: b, archive: a, ledger: l, logger: logger, members: map[string]*progress{}}
}

// Run collects until ctx ends. Faults are logged when they begin and when they end.
func (w *Witness) Run(ctx context.Context) {
	ticker := time.NewTicker(w.cfg.Interval)
	defer ticker.Stop()
	var reading condition // of the batches
	for {
		last, err := w.anchored()
		switch {
		case err != nil && reading.failed(w.cfg.Interval):
			w.logger.Warn("evidence is not collected: the batches cannot be read", "error", err)
		case err == nil:
			reading.worked()
			w.keepBlocks(ctx, last)
			w.attest(ctx, last)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// anchored returns the number of the newest batch on the ledger, and finds at first how far an earlier
// run came.
func (w *Witness) anchored() (uint64, error) {
	s, err := w.batches.Snapshot()
	if err != nil || w.begun {
		return s.LastAnchor, err
	}
	if w.attested, err = w.archive.Attested(s.LastAnchor); err != nil {
		return 0, err
	}
	for n := s.LastAnchor; n > 0 && w.blocks.done == 0; n-- {
		there, err := w.archive.HasEvidence(n)
		if err != nil {
			return 0, err
		}
		if there {
			w.blocks.done = n
		}
	}
	w.begun = true
	return s.LastAnchor, nil
}

// condition is how asking for something goes.
type condition struct {
	failures int
	next     time.Time // not before
}

// maxBackoff is the longest pause between two attempts.
const maxBackoff = 10 * time.Minute

func (c *condition) due() bool { return c.failures == 0 || !time.Now().Before(c.next) }

// failed notes a failure, puts the next attempt off, and reports whether it is the first in a row.
func (c *condition) failed(interval time.Duration) bool {
	pause := maxBackoff
	if c.failures < 16 {
		pause = min(maxBackoff, interval<<c.failures)
	}
	c.failures++
	c.next = time.Now().Add(pause)
	return c.failures == 1
}

// worked ends a row of failures and reports whether there was one.
func (c *condition) worked() bool {
	recovered := c.failures > 0
	*c = condition{}
	return recovered
}
