// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"sync"
)

// A progress says how many things of many are done: on a terminal in place, else by a line for each
// twentieth. What few things take is over before anybody wonders. It is safe for concurrent use.
type progress struct {
	out      io.Writer
	what     string
	total    int
	terminal bool

	mu   sync.Mutex
	done int
	step int  // twentieths that were said
	open bool // the line on the terminal goes on
}

// few is how many things are done without a word.
const few = 200

func newProgress(out io.Writer, total int, what string) *progress {
	return &progress{out: out, what: what, total: total, terminal: isTerminal(out)}
}

// show says that so many are done by now.
func (p *progress) show(done int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.say(done)
}

// add says that so many more are done.
func (p *progress) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.say(p.done + n)
}

func (p *progress) say(done int) {
	const steps = 20
	p.done = done
	if p.total <= few {
		return
	}
	switch step := done * steps / p.total; {
	case step == p.step && done < p.total && p.terminal && p.open:
		if done%97 != 0 { // a terminal needs no line for each
			return
		}
		fallthrough
	case p.terminal:
		fmt.Fprintf(p.out, "\r%d of %d %s", done, p.total, p.what)
		p.open, p.step = true, step
	case step > p.step:
		p.step = step
		fmt.Fprintf(p.out, "%d of %d %s\n", done, p.total, p.what)
	}
}

// end leaves the terminal on a line of its own.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open {
		fmt.Fprintln(p.out)
		p.open = false
	}
}
