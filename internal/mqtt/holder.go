// SPDX-License-Identifier: Apache-2.0

package mqtt

import (
	"context"
	"sync"
)

// A Holder holds the present connection of a session, for publishers who wait while there is none.
type Holder struct {
	mu   sync.Mutex
	conn *Conn
	up   chan struct{} // closed while conn is set
}

// NewHolder returns a holder without a connection.
func NewHolder() *Holder { return &Holder{up: make(chan struct{})} }

// Set makes c the present connection.
func (h *Holder) Set(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conn == nil {
		close(h.up)
	}
	h.conn = c
}

// Drop takes c away again, if it is the present connection.
func (h *Holder) Drop(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conn == c && c != nil {
		h.conn, h.up = nil, make(chan struct{})
	}
}

// Up reports whether there is a connection.
func (h *Holder) Up() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conn != nil && h.conn.Err() == nil
}

// Wait returns the present connection, as soon as there is one.
func (h *Holder) Wait(ctx context.Context) (*Conn, error) {
	for {
		h.mu.Lock()
		conn, up := h.conn, h.up
		h.mu.Unlock()
		if conn != nil {
			return conn, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-up:
		}
	}
}
