// SPDX-License-Identifier: Apache-2.0

package mqtt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// A Conn is one connection to a broker, from CONNECT until it is lost or closed. It never
// reconnects: when paho does, it completes what was in flight before the broker acknowledged it,
// and drops our acknowledgements of what came before. With one client for one connection a PUBACK
// is a PUBACK, and whoever holds the Conn knows what to send again.
type Conn struct {
	client paho.Client
	broker string
	done   chan struct{}
	once   sync.Once
	err    error // why it ended; read after done is closed
}

var (
	// ErrOffline is wrapped by what fails because the connection was lost. A message may or may
	// not have arrived.
	ErrOffline = errors.New("mqtt: connection to the broker lost")
	// ErrRefused is wrapped when the broker refuses a subscription.
	ErrRefused = errors.New("mqtt: subscription refused")
)

// How long to rest between attempts to connect.
const (
	minPause = 250 * time.Millisecond
	maxPause = 10 * time.Second
)

// lastWord is how long an attempt that is given up may take to end.
const lastWord = time.Second

// ackTimeout bounds the wait for one SUBACK or PUBACK.
const ackTimeout = 30 * time.Second

// Dial connects under clientID, trying again until ctx ends. It calls handle for every message,
// from one goroutine, in order; those of a resumed session may come before Dial returns. handle
// MUST NOT block, and nothing is acknowledged but by calling a message's Ack. Without a handle the
// connection only publishes, and the broker keeps no session for it.
func Dial(ctx context.Context, b Broker, clientID string, handle func(paho.Message), logger *slog.Logger) (*Conn, error) {
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		c, err := connect(ctx, b, clientID, handle)
		if err == nil || errors.Is(err, ErrConfig) {
			return c, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		logger.Warn("no connection to the broker", "broker", b.Name(), "client", clientID, "error", err, "again_in", pause)
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

func connect(ctx context.Context, b Broker, clientID string, handle func(paho.Message)) (*Conn, error) {
	o, err := b.Options(clientID)
	if err != nil {
		return nil, err
	}
	c := &Conn{broker: b.Name(), done: make(chan struct{})}
	o.SetAutoReconnect(false).SetConnectRetry(false).SetStore(nothing{}).
		SetAutoAckDisabled(true).SetOrderMatters(true).SetCleanSession(handle == nil).
		SetConnectionLostHandler(func(_ paho.Client, err error) { c.end(err) })
	if handle != nil {
		o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { handle(m) })
	}
	c.client = paho.NewClient(o)
	tok := c.client.Connect()
	select {
	case <-tok.Done():
	case <-ctx.Done():
		c.client.Disconnect(0)
		// A broker that is about to answer would take the session away from our successor.
		tok.WaitTimeout(lastWord)
		return nil, context.Cause(ctx)
	}
	if err := tok.Error(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOffline, err)
	}
	return c, nil
}

// end notes the first reason why the connection ended.
func (c *Conn) end(err error) {
	c.once.Do(func() {
		c.err = fmt.Errorf("%w: %s: %w", ErrOffline, c.broker, err)
		close(c.done)
	})
}

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err says why the connection ended, nil while it has not.
func (c *Conn) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

var errClosed = errors.New("closed by us")

// goodbye is how long Close waits for what is being written, acknowledgements among it.
const goodbye = 250 * time.Millisecond

// Close ends the connection. The broker keeps the session.
func (c *Conn) Close() {
	c.end(errClosed)
	c.client.Disconnect(uint(goodbye.Milliseconds()))
}

// packetInUse is how mochi answers a SUBSCRIBE whose packet id it uses itself, for a message in
// flight to us. The two directions number on their own, so it should not mind; another id helps.
const packetInUse = 0x91

// Subscribe asks for the messages of a filter with QoS 1 and returns when the broker granted
// that, or ErrRefused when it granted less.
func (c *Conn) Subscribe(ctx context.Context, filter string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, ackTimeout, fmt.Errorf("%w: %s: no SUBACK within %s", ErrOffline, c.broker, ackTimeout))
	defer cancel()
	for {
		granted, err := c.subscribe(ctx, filter)
		if err != nil {
			return fmt.Errorf("subscribe to %s: %w", filter, err)
		}
		switch granted {
		case 1:
			return nil
		case packetInUse:
		default:
			return fmt.Errorf("%w: %s (SUBACK %#x): allow it with QoS 1 in the broker's ACL", ErrRefused, filter, granted)
		}
	}
}

// subscribe returns the code of a SUBACK. Paho may block for the write timeout when the connection
// is lost just then, which is not waited for.
func (c *Conn) subscribe(ctx context.Context, filter string) (byte, error) {
	sent := make(chan paho.Token, 1)
	go func() { sent <- c.client.Subscribe(filter, 1, nil) }()
	select {
	case tok := <-sent:
		if err := c.await(ctx, tok, "SUBACK"); err != nil {
			return 0, err
		}
		return tok.(*paho.SubscribeToken).Result()[filter], nil
	case <-c.done:
		return 0, c.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// Publish sends a message with QoS 1. The function it returns waits until the broker has
// acknowledged it. After its error the message may or may not have arrived.
func (c *Conn) Publish(topic string, payload []byte) (acknowledged func(context.Context) error) {
	tok := c.client.Publish(topic, 1, false, payload)
	return func(ctx context.Context) error {
		if err := c.await(ctx, tok, "PUBACK"); err != nil {
			return fmt.Errorf("publish to %s: %w", topic, err)
		}
		return nil
	}
}

func (c *Conn) await(ctx context.Context, tok paho.Token, what string) error {
	t := time.NewTimer(ackTimeout)
	defer t.Stop()
	select {
	case <-tok.Done():
		if err := tok.Error(); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrOffline, c.broker, err)
		}
		return nil
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return fmt.Errorf("%w: %s: no %s within %s", ErrOffline, c.broker, what, ackTimeout)
	}
}

// nothing is paho's store for what is in flight, which would only serve its reconnection.
type nothing struct{}

// Open does nothing.
func (nothing) Open() {}

// Put keeps nothing.
func (nothing) Put(string, packets.ControlPacket) {}

// Get finds nothing.
func (nothing) Get(string) packets.ControlPacket { return nil }

// All lists nothing.
func (nothing) All() []string { return nil }

// Del has nothing to delete.
func (nothing) Del(string) {}

// Close does nothing.
func (nothing) Close() {}

// Reset has nothing to forget.
func (nothing) Reset() {}
