// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/anchorline/anchorline/bridge/fsck"
	"github.com/anchorline/anchorline/reading/name"
)

// A rate says how far a check is, how fast it goes, and how long it will take: on a terminal in place,
// else by a line now and then. It is for one goroutine.
type rate struct {
	out      io.Writer
	terminal bool
	stream   name.Name
	began    time.Time
	said     time.Time
	open     bool
}

func newRate(out io.Writer) *rate { return &rate{out: out, terminal: isTerminal(out)} }

// show says how far the check is, if it was not said a moment ago.
func (r *rate) show(p fsck.Progress) {
	now := time.Now()
	if p.Stream != r.stream {
		r.stream, r.began, r.said = p.Stream, now, now
		return
	}
	every := 10 * time.Second
	if r.terminal {
		every = 200 * time.Millisecond
	}
	if now.Sub(r.said) < every {
		return
	}
	r.said = now
	line := paceOf(p, now.Sub(r.began))
	if !r.terminal {
		fmt.Fprintln(r.out, line)
		return
	}
	r.open = true
	fmt.Fprintf(r.out, "\r%-78s", line)
}

// end leaves the terminal on a line of its own.
func (r *rate) end() {
	if r.open {
		fmt.Fprintln(r.out)
		r.open = false
	}
}

// paceOf says how fast a check went, and what is left at that pace.
func paceOf(p fsck.Progress, took time.Duration) string {
	seconds := took.Seconds()
	text := fmt.Sprintf("%s: %d of %d batches, %d readings", p.Stream, p.Done, p.Total, p.Readings)
	if seconds <= 0 || p.Done == 0 {
		return text
	}
	left := time.Duration(float64(took) / float64(p.Done) * float64(p.Total-p.Done))
	return fmt.Sprintf("%s; %.0f batches/s, %.0f readings/s, %s left", text,
		float64(p.Done)/seconds, float64(p.Readings)/seconds, left.Round(time.Second))
}
