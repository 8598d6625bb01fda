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
	arrived chan arrival

	mu     sync.Mutex
	moving map[uint64]struct{} // journalled, not yet handed to the sessions
	sent   map[uint16]uint64   // consumer's packet id → entry
}

// An arrival is a publish that is not yet durable.
type arrival struct {
	client *mochi.Client
	packet packets.Packet
}

// maxCommit bounds the readings of one fsync.
const maxCommit = 1024

func newJournalHook(cfg Config, j *journal, s *mochi.Server) *journalHook {
	ctx, cancel := context.WithCancel(context.Background())
	h := &journalHook{
		cfg: cfg, journal: j, server: s, logger: cfg.Logger, ctx: ctx, cancel: cancel,
		arrived: make(chan arrival, maxCommit), moving: map[uint64]struct{}{}, sent: map[uint16]uint64{},
	}
	h.workers.Go(h.accept)
	return h
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

// OnPublish takes a reading out of the broker's own way: it is acknowledged and handed on by
// accept, when it is on stable storage. Until then the connection goes on reading, so that many
// readings share one fsync. A publisher waits here while too many wait for the bridge.
func (h *journalHook) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if cl.Net.Inline {
		return pk, nil
	}
	pk.Properties.User = withoutEntry(pk.Properties.User)
	if pk.FixedHeader.Qos == 0 || !matches(h.cfg.Filter, pk.TopicName) {
		return pk, nil
	}
	if pk.FixedHeader.Qos == 2 || !h.waitForRoom(cl) {
		// Without a place in the journal there is no acknowledgement: the device sends again.
		cl.Stop(errors.New("broker: readings are published with QoS 1, and the bridge must take them"))
		return pk, packets.ErrRejectPacket
	}
	select {
	case h.arrived <- arrival{cl, pk}:
	case <-h.ctx.Done():
	}
	return pk, packets.ErrRejectPacket
}

// accept makes arrivals durable, as many as there are at a time, acknowledges them and hands
// them on in order.
func (h *journalHook) accept() {
	for {
		var batch []arrival
		select {
		case <-h.ctx.Done():
			return
		case a := <-h.arrived:
			batch = append(batch, a)
		}
		for more := true; more && len(batch) < maxCommit; {
			select {
			case a := <-h.arrived:
				batch = append(batch, a)
			default:
				more = false
			}
		}
		h.store(batch)
	}
}

func (h *journalHook) store(batch []arrival) {
	additions := make([]*addition, len(batch))
	for i, a := range batch {
		additions[i] = &addition{topic: a.packet.TopicName, payload: a.packet.Payload}
	}
	h.mu.Lock() // until they count as moving, nobody may take them for stranded
	err := h.journal.commit(additions)
	for _, a := range additions {
		h.moving[a.id] = struct{}{}
	}
	h.mu.Unlock()
	if err != nil {
		h.logger.Error("readings refused: they cannot be made durable", "readings", len(batch), "error", err)
		for _, a := range batch {
			a.client.Stop(err)
		}
		return
	}
	for i, a := range batch {
		// A publisher that is gone by now sends again, and the bridge knows it as duplicate.
		_ = a.client.WritePacket(packets.Packet{
			FixedHeader: packets.FixedHeader{Type: packets.Puback}, PacketID: a.packet.PacketID,
		})
		h.handOn(message(additions[i].id, a.packet.TopicName, a.packet.Payload))
	}
}

// handOn gives a journalled reading to the sessions of its subscribers.
func (h *journalHook) handOn(pk packets.Packet) {
	inline, ok := h.server.Clients.Get(mochi.InlineClientId)
	if !ok {
		return
	}
	if err := h.server.InjectPacket(inline, pk); err != nil {
		h.logger.Error("reading not handed on; it stays in the journal", "topic", pk.TopicName, "error", err)
	}
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
	var waiting []packets.Packet
	err := h.journal.each(func(id uint64, topic string, payload []byte) {
		h.mu.Lock()
		_, moving := h.moving[id]
		h.mu.Unlock()
		if !moving {
			waiting = append(waiting, message(id, topic, payload))
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
		h.handOn(pk)
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

// message is a journalled reading as it travels inside the broker.
func message(id uint64, topic string, payload []byte) packets.Packet {
	pk := packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1},
		TopicName:   topic, Payload: payload, PacketID: 1,
	}
	pk.Properties.User = []packets.UserProperty{{Key: journalProperty, Val: strconv.FormatUint(id, 10)}}
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
