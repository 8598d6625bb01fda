// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"github.com/anchorline/anchorline/ledger"
)

// A progress says how many devices of many are done: on a terminal in place, else by a line for
// each twentieth. What one transaction does is over before anybody wonders.
type progress struct {
	out      io.Writer
	total    int
	terminal bool
	step     int  // twentieths that were said
	open     bool // the line on the terminal goes on
}

func newProgress(out io.Writer, total int) *progress {
	return &progress{out: out, total: total, terminal: isTerminal(out)}
}

func (p *progress) show(done int) {
	const steps = 20
	if p.total <= ledger.MaxRegistrations {
		return
	}
	switch step := done * steps / p.total; {
	case p.terminal:
		fmt.Fprintf(p.out, "\r%d of %d devices", done, p.total)
		p.open = true
	case step > p.step:
		p.step = step
		fmt.Fprintf(p.out, "%d of %d devices\n", done, p.total)
	}
}

// end leaves the terminal on a line of its own.
func (p *progress) end() {
	if p.open {
		fmt.Fprintln(p.out)
	}
}
