// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/anchorline/anchorline/chaincode/record"
)

// anchorsAtOnce is how many anchors are asked for at once.
const anchorsAtOnce = 100

// A task is a batch to verify, and where its outcome goes.
type task struct {
	entry record.AnchorEntry
	done  chan *outcome
}

// ahead is how many batches are under way for each worker: what is read ahead is bounded by it.
const ahead = 8

// pipeline verifies the batches of a stream from a number up to its head, several at once, and hands
// their outcomes to merge in order.
func pipeline(ctx context.Context, l Ledger, w *worker, from uint64, workers int, merge func(*outcome) error) error {
	g, ctx := errgroup.WithContext(ctx)
	ordered, tasks := make(chan task, ahead*workers), make(chan task)
	g.Go(func() error {
		defer close(ordered)
		defer close(tasks)
		return feed(ctx, l, w, from, ordered, tasks)
	})
	for range workers {
		g.Go(func() error {
			for t := range tasks {
				o, err := w.batch(ctx, t.entry)
				if err != nil {
					return fmt.Errorf("batch %d: %w", t.entry.Anchor.Number, err)
				}
				t.done <- o // has room
			}
			return nil
		})
	}
	g.Go(func() error {
		for t := range ordered {
			select {
			case o := <-t.done:
				if err := merge(o); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

// feed reads the anchors by number and hands them out.
func feed(ctx context.Context, l Ledger, w *worker, from uint64, ordered, tasks chan<- task) error {
	for n := from; n <= w.head; {
		want := min(w.head-n+1, anchorsAtOnce)
		entries, err := l.Anchors(ctx, w.source.Stream, n, int(want))
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return fmt.Errorf("the peer's ledger has no anchor %d, and a head at %d", n, w.head)
		}
		for _, entry := range entries {
			if entry.Anchor.Number != n {
				return fmt.Errorf("the peer hands out anchor %d in the place of %d", entry.Anchor.Number, n)
			}
			t := task{entry: entry, done: make(chan *outcome, 1)}
			for _, to := range []chan<- task{ordered, tasks} {
				select {
				case to <- t:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			n++
		}
	}
	return nil
}
