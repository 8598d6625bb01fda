// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"errors"
	"sync"
)

// ErrClosed is returned for work handed to a Group that was closed.
var ErrClosed = errors.New("durable: closed")

// A Group commits the work of many callers together. While one commit runs, whatever arrives
// waits and makes up the next, so the cost of an fsync is shared by all who wait for it and
// nobody waits for a timer.
type Group[T any] struct {
	work   chan job[T]
	stop   chan struct{}
	once   sync.Once
	exited chan struct{}
}

type job[T any] struct {
	item T
	done chan error
}

// NewGroup starts a group whose commit function is given up to limit items at a time, from one
// goroutine. An error of commit goes to every caller whose item was in that call.
func NewGroup[T any](limit int, commit func([]T) error) *Group[T] {
	g := &Group[T]{
		work:   make(chan job[T], limit),
		stop:   make(chan struct{}),
		exited: make(chan struct{}),
	}
	go g.run(limit, commit)
	return g
}

// Do hands item to the group and returns when it was committed. If ctx ends first the outcome
// is unknown.
func (g *Group[T]) Do(ctx context.Context, item T) error {
	j := job[T]{item: item, done: make(chan error, 1)}
	select {
	case g.work <- j:
	case <-g.stop:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-j.done:
		return err
	case <-g.exited:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-j.done:
		return err
	default:
		return ErrClosed
	}
}

// Close waits for the running commit and refuses what comes after it.
func (g *Group[T]) Close() {
	g.once.Do(func() { close(g.stop) })
	<-g.exited
}

func (g *Group[T]) run(limit int, commit func([]T) error) {
	defer close(g.exited)
	jobs := make([]job[T], 0, limit)
	items := make([]T, 0, limit)
	for {
		jobs, items = jobs[:0], items[:0]
		select {
		case <-g.stop:
			return
		case j := <-g.work:
			jobs = append(jobs, j)
		}
		for more := true; more && len(jobs) < limit; {
			select {
			case j := <-g.work:
				jobs = append(jobs, j)
			default:
				more = false
			}
		}
		for _, j := range jobs {
			items = append(items, j.item)
		}
		err := commit(items)
		for _, j := range jobs {
			j.done <- err
		}
	}
}
