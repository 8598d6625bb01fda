// SPDX-License-Identifier: Apache-2.0

// Package fault holds the switches by which tests make the network misbehave. The zero value
// does nothing; whoever serves a request asks the switches on its way.
package fault

import (
	"context"
	"sync"
	"time"
)

// Switches are the faults of one network.
type Switches struct {
	mu          sync.Mutex
	drops       int
	conflicts   int
	lost        int
	statusDelay time.Duration
	cut         chan struct{} // closed to cut the streams that are open
	hang        chan struct{} // not nil while the orderer hangs; closed when it goes on
}

// take uses up one of a count.
func (s *Switches) take(count *int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *count == 0 {
		return false
	}
	*count--
	return true
}

func (s *Switches) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// SetDrops loses the next count transactions after the orderer accepted them.
func (s *Switches) SetDrops(count int) { s.set(func() { s.drops = count }) }

// Drop tells whether to lose this transaction.
func (s *Switches) Drop() bool { return s.take(&s.drops) }

// SetConflicts makes the next count valid transactions conflict with their reads.
func (s *Switches) SetConflicts(count int) { s.set(func() { s.conflicts = count }) }

// Conflict tells whether this transaction conflicts.
func (s *Switches) Conflict() bool { return s.take(&s.conflicts) }

// SetStatus delays every commit status and loses the next lost ones.
func (s *Switches) SetStatus(delay time.Duration, lost int) {
	s.set(func() { s.statusDelay, s.lost = delay, lost })
}

// Status returns when a commit status may be told, or the error of ctx.
func (s *Switches) Status(ctx context.Context) error {
	if s.take(&s.lost) {
		<-ctx.Done()
		return ctx.Err()
	}
	s.mu.Lock()
	delay := s.statusDelay
	s.mu.Unlock()
	if delay == 0 {
		return nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// CutStreams ends the event and block streams that are open.
func (s *Switches) CutStreams() {
	s.set(func() {
		if s.cut != nil {
			close(s.cut)
			s.cut = nil
		}
	})
}

// Stream returns a context for a stream that ends when the streams are cut.
func (s *Switches) Stream(ctx context.Context) (context.Context, context.CancelFunc) {
	s.mu.Lock()
	if s.cut == nil {
		s.cut = make(chan struct{})
	}
	cut := s.cut
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-cut:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// SetHang makes the orderer hang, or go on.
func (s *Switches) SetHang(hang bool) {
	s.set(func() {
		switch {
		case hang && s.hang == nil:
			s.hang = make(chan struct{})
		case !hang && s.hang != nil:
			close(s.hang)
			s.hang = nil
		}
	})
}

// Hang returns a channel that closes when the orderer goes on, nil when it does not hang.
func (s *Switches) Hang() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hang
}
