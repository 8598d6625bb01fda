// SPDX-License-Identifier: Apache-2.0

// Package broker is the embedded MQTT broker: it lets everything run on one machine with
// nothing installed. It is for development, demonstrations and tests; in production Anchorline
// speaks to a broker such as mosquitto.
//
// In come the messages of devices, out they go to the bridge. It keeps one promise that few
// brokers keep: a device's PUBACK for a reading means that the reading is on stable storage.
// The journal holds every reading from then until the bridge acknowledged it, over a crash of
// the process, and while too many wait, publishers wait (nothing is dropped).
package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
)

// Config says where the broker listens and whose acknowledgement ends a reading's stay.
type Config struct {
	Dir      string // folder of the journal; must exist
	Listen   string // host:port; port 0 picks a free one
	Consumer string // MQTT client id of the bridge
	Filter   string // topics that are journalled
	Logger   *slog.Logger
}

// maxPacket bounds one MQTT packet, in bytes: sixteen times a reading's limit, so that what is
// too large for a reading still reaches the bridge and is quarantined with that reason.
const maxPacket = 1 << 20

// maxWaiting bounds the readings that wait for the bridge. It stays below the 65,535 messages
// that MQTT can have in flight to one client, so the broker never has to drop one.
const maxWaiting = 16384

// A Broker is a running MQTT broker.
type Broker struct {
	server  *mochi.Server
	hook    *journalHook
	journal *journal
	ln      net.Listener
}

// Start opens the journal, listens and serves until Close.
func Start(cfg Config) (*Broker, error) {
	j, err := openJournal(filepath.Join(cfg.Dir, "broker.db"))
	if err != nil {
		return nil, err
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", cfg.Listen)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("broker: listen on %s: %w", cfg.Listen, err), j.close())
	}
	caps := mochi.NewDefaultServerCapabilities()
	caps.MaximumMessageExpiryInterval = 0
	caps.MaximumInflight = 65535
	caps.MaximumClientWritesPending = 4 * maxWaiting
	caps.MaximumPacketSize = maxPacket
	s := mochi.New(&mochi.Options{
		Capabilities: caps,
		InlineClient: true,
		Logger:       quiet(cfg.Logger),
	})
	b := &Broker{server: s, journal: j, ln: ln}
	b.hook = newJournalHook(cfg, j, s)
	if err := b.serve(ln); err != nil {
		return nil, errors.Join(err, ln.Close(), j.close())
	}
	cfg.Logger.Info("broker listening", "url", b.URL(), "waiting", j.len())
	return b, nil
}

func (b *Broker) serve(ln net.Listener) error {
	if err := b.server.AddHook(new(auth.AllowHook), nil); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	if err := b.server.AddHook(b.hook, nil); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	if err := b.server.AddListener(listeners.NewNet("tcp", ln)); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	if err := b.server.Serve(); err != nil {
		return fmt.Errorf("broker: serve: %w", err)
	}
	return nil
}

// URL is the address for MQTT clients, tcp://host:port.
func (b *Broker) URL() string { return "tcp://" + b.ln.Addr().String() }

// Waiting is the number of readings that devices were acknowledged and the bridge has not yet
// taken over.
func (b *Broker) Waiting() int { return b.journal.len() }

// Close stops serving and closes the journal; what waits in it is there at the next Start.
func (b *Broker) Close() error {
	b.hook.stop()
	b.endClients()
	return errors.Join(b.server.Close(), b.hook.wait(), b.journal.close())
}

// endClients ends every connection before the server closes. The server (v2.7.9) lists its
// clients under a read lock that it takes twice, which blocks for ever when a client that goes
// asks for the write lock in between; with no client left there is none to ask.
func (b *Broker) endClients() {
	// The server closes the listener too, and does not mind that it is closed.
	_ = b.ln.Close()
	gone := make(chan struct{})
	go func() {
		b.server.Listeners.ClientsWg.Wait()
		close(gone)
	}()
	again := time.NewTicker(50 * time.Millisecond) // for those that were just connecting
	defer again.Stop()
	for {
		for _, cl := range b.server.Clients.GetAll() {
			if !cl.Net.Inline {
				cl.Stop(errClosing)
			}
		}
		select {
		case <-gone:
			return
		case <-again.C:
		}
	}
}

var errClosing = errors.New("broker: closing")

// quiet hides the broker's routine messages: a client that drops its connection is no news.
func quiet(l *slog.Logger) *slog.Logger {
	return slog.New(&minLevel{Handler: l.Handler(), min: slog.LevelError})
}

type minLevel struct {
	slog.Handler
	min slog.Level
}

// WithAttrs keeps the level.
func (h *minLevel) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &minLevel{Handler: h.Handler.WithAttrs(attrs), min: h.min}
}

// WithGroup keeps the level.
func (h *minLevel) WithGroup(name string) slog.Handler {
	return &minLevel{Handler: h.Handler.WithGroup(name), min: h.min}
}

// Enabled hides what is below the level.
func (h *minLevel) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= h.min && h.Handler.Enabled(ctx, l)
}
