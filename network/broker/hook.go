// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// journalProperty carries an entry's id along with its message inside the broker. It is
// stripped from what publishers send and from what leaves.
const journalProperty = "anchorline-journal"

// journalHook ties the journal to the broker's life: publish, hand over, acknowledge.
//
// A reading is in one of three places: being handed over (between journal and the consumer's
// session), in the consumer's session (sent, not acknowledged), or stranded. Stranded are those
// from before a restart and those that met no session; they are delivered when the consumer
// subscribes.
type journalHook struct {
	mochi.HookBase
	cfg     Config
	journal *journal
	server  *mochi.Server
	logger  *slog.Logger
	ctx     context.Context
	cancel  context.CancelFunc
	workers sync.WaitGroup

	mu     sync.Mutex
	moving map[uint64]struct{} // journalled, not yet handed to the sessions
	sent   map[uint16]uint64   // consumer's packet id → entry
}

func newJournalHook(cfg Config, j *journal, s *mochi.Server) *journalHook {
	ctx, cancel := context.WithCancel(context.Background())
	return &journalHook{
		cfg: cfg, journal: j, server: s, logger: cfg.Logger, ctx: ctx, cancel: cancel,
		moving: map[uint64]struct{}{}, sent: map[uint16]uint64{},
	}
}

func (h *journalHook) stop() { h.cancel() }

func (h *journalHook) wait() error {
	h.workers.Wait()
	return nil
}

// ID names the hook in the broker's own messages.
func (h *journalHook) ID() string { return "anchorline-journal" }

// Provides lists the events the hook listens to.
func (h *journalHook) Provides(event byte) bool {
	switch event {
	case mochi.OnPublish, mochi.OnPublished, mochi.OnQosPublish, mochi.OnQosComplete,
		mochi.OnSubscribed, mochi.OnPacketEncode:
		return true
	}
	return false
}

// OnPublish journals a reading before the broker acknowledges it. Without a place in the
// journal there is no acknowledgement: the connection is closed and the device sends again.
func (h *journalHook) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if cl.Net.Inline {
		return pk, nil
	}
	pk.Properties.User = withoutEntry(pk.Properties.User)
	if pk.FixedHeader.Qos == 0 || !matches(h.cfg.Filter, pk.TopicName) {
		return pk, nil
	}
	if !h.waitForRoom(cl) {
		cl.Stop(errors.New("broker: the bridge is not taking readings"))
		return pk, packets.ErrRejectPacket
	}
	id, err := h.journal.add(h.ctx, pk.TopicName, pk.Payload)
	if err != nil {
		h.logger.Error("reading refused: it cannot be made durable", "topic", pk.TopicName, "error", err)
		cl.Stop(err)
		return pk, packets.ErrRejectPacket
	}
	h.mu.Lock()
	h.moving[id] = struct{}{}
	h.mu.Unlock()
	return withEntry(pk, id), nil
}

// OnPublished ends the handing over.
func (h *journalHook) OnPublished(_ *mochi.Client, pk packets.Packet) {
	if id, ok := entryOf(pk); ok {
		h.mu.Lock()
		delete(h.moving, id)
		h.mu.Unlock()
	}
}

// OnQosPublish learns under which packet id an entry goes to the consumer.
func (h *journalHook) OnQosPublish(cl *mochi.Client, pk packets.Packet, _ int64, _ int) {
	if cl.ID != h.cfg.Consumer {
		return
	}
	if id, ok := entryOf(pk); ok {
		h.mu.Lock()
		h.sent[pk.PacketID] = id
		h.mu.Unlock()
	}
}

// OnQosComplete forgets an entry when the consumer acknowledged it.
func (h *journalHook) OnQosComplete(cl *mochi.Client, pk packets.Packet) {
	if cl.ID != h.cfg.Consumer {
		return
	}
	h.mu.Lock()
	id, ok := h.sent[pk.PacketID]
	delete(h.sent, pk.PacketID)
	h.mu.Unlock()
	if ok {
		h.journal.remove(id)
	}
}

// OnSubscribed delivers what is stranded.
func (h *journalHook) OnSubscribed(cl *mochi.Client, pk packets.Packet, _ []byte) {
	if cl.ID != h.cfg.Consumer {
		return
	}
	for _, sub := range pk.Filters {
		if sub.Filter == h.cfg.Filter {
			h.workers.Go(func() { h.deliverStranded(cl) })
		}
	}
}

// OnPacketEncode keeps the entry's id inside the broker.
func (h *journalHook) OnPacketEncode(_ *mochi.Client, pk packets.Packet) packets.Packet {
	if _, ok := entryOf(pk); ok {
		pk.Properties.User = withoutEntry(pk.Properties.User)
	}
	return pk
}

// deliverStranded looks at the journal before it looks at the session: what is no longer on the
// move when the first look happens has reached the session by the second, or was acknowledged.
func (h *journalHook) deliverStranded(consumer *mochi.Client) {
	inline, ok := h.server.Clients.Get(mochi.InlineClientId)
	if !ok {
		return
	}
	var waiting []packets.Packet
	err := h.journal.each(func(id uint64, topic string, payload []byte) {
		h.mu.Lock()
		_, moving := h.moving[id]
		h.mu.Unlock()
		if !moving {
			waiting = append(waiting, withEntry(packets.Packet{
				FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1},
				TopicName:   topic, Payload: payload, PacketID: 1,
			}, id))
		}
	})
	if err != nil {
		h.logger.Error("stranded readings cannot be read", "error", err)
		return
	}
	inSession := map[uint64]struct{}{}
	for _, pk := range consumer.State.Inflight.GetAll(false) {
		if id, ok := entryOf(pk); ok {
			inSession[id] = struct{}{}
		}
	}
	for _, pk := range waiting {
		id, _ := entryOf(pk)
		if _, ok := inSession[id]; ok || !h.journal.has(id) {
			continue
		}
		if h.ctx.Err() != nil || consumer.Closed() {
			return
		}
		if err := h.server.InjectPacket(inline, pk); err != nil {
			h.logger.Error("stranded reading not delivered; it stays in the journal", "topic", pk.TopicName, "error", err)
		}
	}
}

// waitForRoom blocks the publisher while too many readings wait, and reports false when the
// publisher or the broker went away meanwhile.
func (h *journalHook) waitForRoom(cl *mochi.Client) bool {
	for {
		changed, full := h.journal.full(maxWaiting)
		if !full {
			return true
		}
		select {
		case <-changed:
		case <-time.After(time.Second):
			if cl.Closed() {
				return false
			}
		case <-h.ctx.Done():
			return false
		}
	}
}

func withEntry(pk packets.Packet, id uint64) packets.Packet {
	pk.Properties.User = append(pk.Properties.User, packets.UserProperty{Key: journalProperty, Val: strconv.FormatUint(id, 10)})
	return pk
}

func entryOf(pk packets.Packet) (uint64, bool) {
	for _, p := range pk.Properties.User {
		if p.Key == journalProperty {
			id, err := strconv.ParseUint(p.Val, 10, 64)
			return id, err == nil
		}
	}
	return 0, false
}

func withoutEntry(props []packets.UserProperty) []packets.UserProperty {
	kept := make([]packets.UserProperty, 0, len(props))
	for _, p := range props {
		if p.Key != journalProperty {
			kept = append(kept, p)
		}
	}
	return kept
}
