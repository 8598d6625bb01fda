// SPDX-License-Identifier: Apache-2.0

package devnet

import (
	"net"
	"sync"
)

// gate lets what a server receives and sends pass, or holds it back, as when the server's process
// is stopped: the system still accepts connections and what is sent to them.
type gate struct {
	mu    sync.Mutex
	shut  chan struct{} // closed when the gate opens; nil while it is open
	ended bool          // nothing passes any more, and nothing waits
}

// hold shuts the gate, or opens it.
func (g *gate) hold(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case shut && g.shut == nil:
		g.shut = make(chan struct{})
	case !shut && g.shut != nil:
		close(g.shut)
		g.shut = nil
	}
}

// end opens a gate that is shut and loses what waits at it, as the end of a process does.
func (g *gate) end() {
	g.mu.Lock()
	g.ended = g.shut != nil
	g.mu.Unlock()
	g.hold(false)
}

// reset opens the gate for the next process.
func (g *gate) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = false
}

// pass returns when the gate is open, or an error when nothing passes any more.
func (g *gate) pass() error {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut != nil {
		<-shut
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return net.ErrClosed
	}
	return nil
}

// gatedListener is a listener whose connections go through a gate.
type gatedListener struct {
	net.Listener
	gate *gate
}

// Accept waits for a connection.
func (l gatedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &gatedConn{Conn: conn, gate: l.gate}, nil
}

type gatedConn struct {
	net.Conn
	gate *gate
}

// Read receives what the gate lets pass.
func (c *gatedConn) Read(into []byte) (int, error) {
	n, err := c.Conn.Read(into)
	if ended := c.gate.pass(); ended != nil {
		return 0, ended
	}
	return n, err
}

// Write sends when the gate lets it pass.
func (c *gatedConn) Write(content []byte) (int, error) {
	if err := c.gate.pass(); err != nil {
		return 0, err
	}
	return c.Conn.Write(content)
}
