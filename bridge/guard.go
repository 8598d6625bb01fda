// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/anchorline/anchorline/bridge/spool"
)

// ErrDiskReserve is returned while so little of the disk is free that only what was accepted before may use it.
var ErrDiskReserve = errors.New("bridge: the rest of the disk is kept for what was accepted before: make room, or lower --disk-reserve")

// guard keeps intake from storing what must not be acknowledged: when the disk is nearly full, and after a
// fork.
type guard struct {
	spool   *spool.Spool
	dir     string
	reserve int64

	mu    sync.Mutex
	final error // set once
	low   error
	asked time.Time
}

func newGuard(s *spool.Spool, dir string, reserve int64) *guard {
	return &guard{spool: s, dir: dir, reserve: reserve}
}

// Append stores items, unless nothing may be accepted.
func (g *guard) Append(items []spool.Item) ([]spool.Outcome, error) {
	if err := g.closed(); err != nil {
		return nil, err
	}
	return g.spool.Append(items)
}

// refuse closes the guard for good.
func (g *guard) refuse(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.final == nil {
		g.final = err
	}
}

// measureEvery is how often the disk is looked at: a gigabyte a second takes a quarter of the reserve by then.
const measureEvery = 50 * time.Millisecond

// closed says why nothing may be accepted, or nil.
func (g *guard) closed() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.final != nil {
		return g.final
	}
	if now := time.Now(); g.reserve > 0 && now.Sub(g.asked) >= measureEvery {
		g.asked, g.low = now, nil
		if free, known := freeBytes(g.dir); known && free < g.reserve {
			g.low = fmt.Errorf("%w: %s has %d MiB free, of which %d MiB are the reserve", ErrDiskReserve, g.dir, free>>20, g.reserve>>20)
		}
	}
	return g.low
}
