// SPDX-License-Identifier: Apache-2.0

package mqtt

import (
	"context"
	"sync"
)

// A Line holds the present connection of a session, for publishers who wait while there is none.
type Line struct {
	mu   sync.Mutex
	conn *Conn
	up   chan struct{} // closed while conn is set
}

// NewLine returns a line without a connection.
func NewLine() *Line { return &Line{up: make(chan struct{})} }

// Set makes c the present connection.
func (l *Line) Set(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		close(l.up)
	}
	l.conn = c
}

// Drop takes c away again, if it is the present connection.
func (l *Line) Drop(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == c && c != nil {
		l.conn, l.up = nil, make(chan struct{})
	}
}

// Up reports whether there is a connection.
func (l *Line) Up() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn != nil && l.conn.Err() == nil
}

// Wait returns the present connection, as soon as there is one.
func (l *Line) Wait(ctx context.Context) (*Conn, error) {
	for {
		l.mu.Lock()
		conn, up := l.conn, l.up
		l.mu.Unlock()
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
