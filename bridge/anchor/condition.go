// SPDX-License-Identifier: Apache-2.0

package anchor

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/ledger"
)

// A Kind says what becomes of a fault.
type Kind string

// The kinds of faults.
const (
	Well    Kind = ""        // there is none
	Passing Kind = "passing" // it passes by itself; tried again for ever
	Person  Kind = "person"  // somebody must mend it; tried again slowly, and goes on by itself when mended
	Fork    Kind = "fork"    // the stream has two writers; nothing goes on
)

// A Condition is what keeps a step of the way to the ledger from succeeding.
type Condition struct {
	Kind  Kind
	Err   error
	Since time.Time // of the kind
}

// Halted returns the fault that somebody must mend, or nil.
func (c Condition) Halted() error {
	if c.Kind == Person || c.Kind == Fork {
		return c.Err
	}
	return nil
}

// Pauses between attempts. What somebody must mend is probed more slowly: each attempt costs the ledger.
const (
	minPause    = 250 * time.Millisecond
	maxPause    = 15 * time.Second
	personPause = 5 * time.Second
	personMax   = time.Minute
)

// patience is how many times in a row a step may fail for a reason that usually lasts but can be a peer
// that lags behind the others, or an upgrade under way: some four minutes.
const patience = 20

// steps notes how the steps of one worker go.
type steps struct {
	what     string
	logger   *slog.Logger
	failures int
	pause    time.Duration
	said     string // of the fault that was logged

	mu  sync.Mutex
	now Condition
}

func newSteps(what string, logger *slog.Logger) *steps { return &steps{what: what, logger: logger} }

func (s *steps) condition() Condition {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *steps) set(k Kind, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.Kind != k {
		s.now.Since = time.Now()
	}
	s.now.Kind, s.now.Err = k, err
}

// forked notes the fault after which nothing goes on.
func (s *steps) forked(err error) {
	s.set(Fork, err)
	s.logger.Error("ended for good", "what", s.what, "error", err)
}

// rest notes how a step went and waits before the next, if it failed. It logs changes only, and returns
// ctx's error when ctx ends.
func (s *steps) rest(ctx context.Context, err error) error {
	if err == nil {
		if s.failures > 0 {
			s.logger.Info("goes on", "what", s.what, "after_attempts", s.failures)
		}
		s.failures, s.pause, s.said = 0, 0, ""
		s.set(Well, nil)
		return nil
	}
	s.failures++
	kind := kindOf(err, s.failures)
	first, limit := minPause, maxPause
	if kind == Person {
		first, limit = personPause, personMax
	}
	s.pause = min(max(2*s.pause, first), limit)
	s.set(kind, err)
	if said := string(kind) + " " + signature(err); said != s.said {
		s.said = said
		if kind == Person {
			s.logger.Error("somebody must mend this; then it goes on by itself, and readings are kept", "what", s.what, "error", err)
		} else {
			s.logger.Warn("delayed; readings are kept", "what", s.what, "error", err)
		}
	}
	return sleep(ctx, s.pause*3/4+rand.N(s.pause/2)) // not all bridges at the same moment
}

// signature names a fault without what changes from one attempt to the next.
func signature(err error) string {
	if l := new(ledger.Error); errors.As(err, &l) {
		return l.Step + " " + l.Kind.Error()
	}
	return err.Error()
}

// kindOf judges a fault after so many failures in a row. A full disk passes, and so does a ledger that is
// away.
func kindOf(err error, failures int) Kind {
	for _, lasting := range []error{
		archive.ErrConflict, archive.ErrDamaged, spool.ErrState, spool.ErrDamaged, errUnreceiptable,
		ledger.ErrEquivocation, ledger.ErrInvalidArgument, ledger.ErrDenied, ledger.ErrConfig,
	} {
		if errors.Is(err, lasting) {
			return Person
		}
	}
	for _, perhaps := range []error{
		ledger.ErrConflict, ledger.ErrNotFound, ledger.ErrForbidden, ledger.ErrAlreadyExists,
		ledger.ErrInvalidated, ledger.ErrRejected,
	} {
		if errors.Is(err, perhaps) && failures >= patience {
			return Person
		}
	}
	return Passing
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
