// SPDX-License-Identifier: Apache-2.0

package ops

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

// A check asks one question, and never twice at once: whoever comes meanwhile waits for the same
// answer, and whoever comes soon after is given it. So many probes are few questions to disk and
// ledger, and a disk that hangs holds up one goroutine.
type check struct {
	name string
	ask  func(context.Context) error

	mu       sync.Mutex
	asking   chan struct{} // closed when the answer is there; nil while nobody asks
	answered time.Time
	err      error
}

// result returns nil when all is well, else what is wrong.
func (c *check) result() error {
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

func (c *check) run(done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := c.ask(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asking, c.answered, c.err = nil, time.Now(), err
	close(done)
}
