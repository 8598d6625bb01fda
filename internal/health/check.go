// SPDX-License-Identifier: Apache-2.0

// Package health asks whether what a service depends on is well, on behalf of however many probes
// there are. In come questions, out goes a report in words; it keeps the last answers for a second.
package health

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// patience is how long an answer may take: less than what container engines give a probe.
	patience = 1500 * time.Millisecond
	// fresh is how long an answer holds.
	fresh = time.Second
)

// A Check asks one question, and never twice at once: whoever comes meanwhile waits for the same
// answer, and whoever comes soon after is given it. So many probes are few questions to disk and
// ledger, and a disk that hangs holds up one goroutine.
type Check struct {
	name string
	ask  func(context.Context) error

	mu       sync.Mutex
	asking   chan struct{} // closed when the answer is there; nil while nobody asks
	answered time.Time
	err      error
}

// New returns a check. ask returns nil when all is well, else what is wrong; it should heed its
// context, and is asked no more until it has returned.
func New(name string, ask func(context.Context) error) *Check {
	return &Check{name: name, ask: ask}
}

// Err returns nil when all is well, else what is wrong.
func (c *Check) Err() error {
	c.mu.Lock()
	if c.asking == nil {
		if time.Since(c.answered) < fresh {
			defer c.mu.Unlock()
			return c.err
		}
		c.asking = make(chan struct{})
		go c.run(c.asking)
	}
	asking := c.asking
	c.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-asking:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.err
	case <-timer.C:
		return fmt.Errorf("no answer within %s", patience)
	}
}

func (c *Check) run(done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := c.ask(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asking, c.answered, c.err = nil, time.Now(), err
	close(done)
}

// A Report is the outcome of several checks.
type Report struct {
	OK     bool     `json:"ok"` // every one is
	Checks []Result `json:"checks"`
}

// A Result is the outcome of one check.
type Result struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"` // what is wrong
}

// Examine makes all the checks, at once.
func Examine(checks ...*Check) Report {
	r := Report{OK: true, Checks: make([]Result, len(checks))}
	var asked sync.WaitGroup
	for i, c := range checks {
		asked.Go(func() {
			r.Checks[i] = Result{Name: c.name, OK: true}
			if err := c.Err(); err != nil {
				r.Checks[i] = Result{Name: c.name, Detail: err.Error()}
			}
		})
	}
	asked.Wait()
	for _, c := range r.Checks {
		r.OK = r.OK && c.OK
	}
	return r
}
