// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"encoding/base64"
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

const minute = 60_000

// pick draws one of several.
func pick[T any](h *history, label string, from []T) T {
	return rapid.SampledFrom(from).Draw(h.t, label)
}

// now is the time that a client claims. Most clocks are right, and none is further off than peers allow,
// which is a quarter of an hour.
func (h *history) now() int64 {
	skew := pick(h, "clock is wrong by", []int64{0, 0, 0, 0, 0, 0, -minute, minute, -5 * minute, 5 * minute, -13 * minute, 13 * minute})
	return time.Now().UnixMilli() + skew
}

// operate does the next thing.
func (h *history) operate() {
	what := pick(h, "operation", []string{"anchor", "anchor", "anchor", "device", "device", "device", "stream", "both", "both"})
	switch what {
	case "anchor":
		h.commit(h.anchor())
	case "device":
		h.commit(h.changeOfDevice())
	case "stream":
		h.commit(h.changeOfStream())
	default: // an anchor and a change at once: as a rule they come into one block
		h.commit(h.anchor(), h.changeOfDevice())
	}
	h.witness(pick(h, "witnessed", []bool{true, true, false}))
}

// changeOfDevice is something that can be done to a device.
func (h *history) changeOfDevice() change {
	d := pick(h, "device", h.devices)
	l, registered := d.now()
	var can []func(*device, life) change
	switch {
	case !registered:
		return h.registration(d)
	case l.revoked != nil:
		return h.registration(h.another())
	case l.transferred != nil:
		can = append(can, h.revocation)
	case l.suspended():
		can = append(can, h.resumption, h.resumption, h.replacement, h.revocation, h.transfer)
	default:
		can = append(can, h.rotation, h.rotation, h.replacement, h.replacement, h.suspension, h.suspension, h.description, h.revocation, h.transfer)
	}
	return can[rapid.IntRange(0, len(can)-1).Draw(h.t, "change")](d, l)
}

// another is a device that is not registered, made up when there is none.
func (h *history) another() *device {
	for _, d := range h.devices {
		if _, registered := d.now(); !registered {
			return d
		}
	}
	n := len(h.devices)
	d := &device{name: name.New(organisations[n%len(organisations)], fmt.Sprintf("%sd%d", h.prefix, n+1)), next: h.newKey()}
	h.devices = append(h.devices, d)
	return d
}

func (h *history) register(d *device) { h.commit(h.registration(d)) }

func (h *history) registration(d *device) change {
	signer := d.next
	d.next = h.newKey()
	return h.ofDevice(d, "devices:Register", call.Registration{ID: d.name.ID, Key: signer.Key().Text(), Proof: h.possession(signer, h.subject(d))},
		fmt.Sprintf("%s is registered with key %s", d.name, idOf(signer)), func(at moment, l *life) {
			*l = life{registered: at, keys: []key{{signer: signer, from: at}}}
		})
}

// rotation puts in the next key with the consent of the open one.
func (h *history) rotation(d *device, l life) change {
	next := d.next
	d.next = h.newKey()
	who := pick(h, "carrier", h.world.users)
	c := h.ofDevice(d, "devices:RotateKey", call.Rotation{
		Owner: d.name.Owner, ID: d.name.ID, Key: next.Key().Text(), Proof: h.possession(next, h.subject(d)),
		Authorization: h.consent(l.current().signer, next, h.subject(d)),
	}, fmt.Sprintf("%s: key %s names %s its successor", d.name, l.current().id(), idOf(next)), func(at moment, l *life) {
		l.keys = rotate(l.keys, next, at, true, 0)
	})
	c.who = who
	return c
}

// replacement puts in the next key for a reason.
func (h *history) replacement(d *device, l life) change {
	next, now := d.next, h.now()
	d.next = h.newKey()
	since := h.since(l.current().from.time, now)
	return h.ofDeviceAt(now, d, "devices:RotateKey", call.Rotation{
		ID: d.name.ID, Key: next.Key().Text(), Proof: h.possession(next, h.subject(d)), Reason: "stolen", CompromisedSince: int64(since),
	}, fmt.Sprintf("%s: key %s is replaced by %s, disowned since %s", d.name, l.current().id(), idOf(next), since.clock()), func(at moment, l *life) {
		l.keys = rotate(l.keys, next, at, false, int64(since))
	})
}

func (h *history) suspension(d *device, _ life) change {
	return h.ofDevice(d, "devices:Suspend", call.StatusChange{ID: d.name.ID, Reason: "looked at"}, fmt.Sprintf("%s is suspended", d.name), func(at moment, l *life) {
		l.pauses = append(l.pauses, pause{from: at})
	})
}

func (h *history) resumption(d *device, _ life) change {
	return h.ofDevice(d, "devices:Resume", call.StatusChange{ID: d.name.ID}, fmt.Sprintf("%s is resumed", d.name), func(at moment, l *life) {
		last := &l.pauses[len(l.pauses)-1]
		at.time = max(at.time, last.from.time) // what widens a right is dated not before what it ends
		last.until = &at
	})
}

func (h *history) description(d *device, _ life) change {
	return h.ofDevice(d, "devices:SetAttributes", call.Description{ID: d.name.ID, Attributes: map[string]string{"place": fmt.Sprint(h.place)}},
		fmt.Sprintf("%s is described", d.name), func(moment, *life) {})
}

// revocation ends a device. A former owner has to say since when it is disowned.
func (h *history) revocation(d *device, l life) change {
	now := h.now()
	latest := now
	if l.transferred != nil {
		latest = l.transferred.time
	}
	since := h.since(l.registered.time, latest)
	if l.transferred != nil && since == 0 {
		since = disowned(l.registered.time)
	}
	return h.ofDeviceAt(now, d, "devices:Revoke", call.Revocation{ID: d.name.ID, Reason: "broken", CompromisedSince: int64(since)},
		fmt.Sprintf("%s is revoked, disowned since %s", d.name, since.clock()), func(at moment, l *life) {
			l.revoked, l.since = &at, int64(since)
			if last := &l.keys[len(l.keys)-1]; last.until == nil {
				last.until = &at
			}
		})
}

// transfer gives a device to the other organisation, under another id, with the same key or the next.
func (h *history) transfer(d *device, l life) change {
	other := organisations[0]
	if d.name.Owner == other {
		other = organisations[1]
	}
	h.commit(h.ofDevice(d, "devices:Offer", call.Offer{ID: d.name.ID, To: other}, fmt.Sprintf("%s is offered to %s", d.name, other), func(moment, *life) {}))
	to := &device{name: name.New(other, fmt.Sprintf("%sd%d", h.prefix, len(h.devices)+1)), next: h.newKey()}
	h.devices = append(h.devices, to)
	signer := l.current().signer
	if pick(h, "with a fresh key", []bool{false, true}) {
		signer = d.next
		d.next = h.newKey()
	}
	c := h.ofDevice(to, "devices:Accept", call.Acceptance{From: d.name, ID: to.name.ID, Key: signer.Key().Text(), Proof: h.possession(signer, h.subject(to))},
		fmt.Sprintf("%s is transferred and is %s with key %s", d.name, to.name, idOf(signer)), func(at moment, l *life) {
			*l = life{registered: at, keys: []key{{signer: signer, from: at}}}
			d.change(at, func(l *life) { l.transferred = &at })
		})
	return c
}

// disowned is a time from which something is disowned, 0 for never.
type disowned int64

func (d disowned) clock() string {
	if d == 0 {
		return "never"
	}
	return clock(int64(d))
}

// since draws from when something is disowned, within what the contracts allow: often from the very time
// of an anchor on.
func (h *history) since(earliest, latest int64) disowned {
	latest = max(earliest, latest)
	times := []int64{0, 0, earliest, latest, earliest + (latest-earliest)/2, max(earliest, latest-30*minute)}
	for _, s := range h.streams {
		for _, b := range s.batches {
			if b.at.time >= earliest && b.at.time <= latest {
				times = append(times, b.at.time)
			}
		}
	}
	return disowned(pick(h, "disowned since", times))
}

// ofDevice is a change of a device by its owner's registrar.
func (h *history) ofDevice(d *device, function string, request any, said string, edit func(moment, *life)) change {
	return h.ofDeviceAt(h.now(), d, function, request, said, edit)
}

func (h *history) ofDeviceAt(now int64, d *device, function string, request any, said string, edit func(moment, *life)) change {
	return change{
		who: of(h.world.users, d.name.Owner), time: now, function: function, request: request, said: said,
		apply: func(at moment, _ string) { d.change(at, func(l *life) { edit(at, l) }) },
		seen: func(l *ledger.Client, txID string) (bool, error) {
			found, err := l.Device(h.test.Context(), d.name)
			return found.Updated.Tx == txID, err
		},
	}
}

// openStream opens the stream of an organisation.
func (h *history) openStream(msp string) {
	s := &stream{name: name.New(msp, h.prefix+"s"), next: h.newKey()}
	h.streams = append(h.streams, s)
	signer := s.next
	s.next = h.newKey()
	h.commit(h.ofStream(s, of(h.world.users, msp), h.now(), "anchors:OpenStream",
		call.StreamRegistration{ID: s.name.ID, Key: signer.Key().Text(), Proof: h.possession(signer, h.streamSubject(s))},
		fmt.Sprintf("stream %s is opened with key %s", s.name, idOf(signer)), func(at moment) []key {
			s.opened = at
			return []key{{signer: signer, from: at}}
		}))
}

// changeOfStream puts in the next key of a stream: with consent, or for a reason.
func (h *history) changeOfStream() change {
	s, now := pick(h, "stream", h.streams), h.now()
	keys, next := s.now(), s.next
	s.next = h.newKey()
	current := keys[len(keys)-1]
	request := call.Rotation{ID: s.name.ID, Key: next.Key().Text(), Proof: h.possession(next, h.streamSubject(s))}
	if pick(h, "by consent", []bool{true, false}) {
		request.Authorization = h.consent(current.signer, next, h.streamSubject(s))
		return h.ofStream(s, of(h.world.users, s.name.Owner), now, "anchors:RotateStreamKey", request,
			fmt.Sprintf("stream %s: key %s names %s its successor", s.name, current.id(), idOf(next)), func(at moment) []key {
				return rotate(keys, next, at, true, 0)
			})
	}
	since := h.since(current.from.time, now)
	request.Reason, request.CompromisedSince = "stolen", int64(since)
	return h.ofStream(s, of(h.world.admins, s.name.Owner), now, "anchors:RotateStreamKey", request,
		fmt.Sprintf("stream %s: key %s is replaced by %s, disowned since %s", s.name, current.id(), idOf(next), since.clock()), func(at moment) []key {
			return rotate(keys, next, at, false, int64(since))
		})
}

func (h *history) ofStream(s *stream, who *party, now int64, function string, request any, said string, keys func(moment) []key) change {
	return change{
		who: who, time: now, function: function, request: request, said: said,
		apply: func(at moment, _ string) { s.versions = append(s.versions, keyring{place: at.place, keys: keys(at)}) },
		seen: func(l *ledger.Client, txID string) (bool, error) {
			found, err := l.Stream(h.test.Context(), s.name)
			return found.Updated.Tx == txID, err
		},
	}
}

func (h *history) subject(d *device) reading.Subject {
	return reading.Subject{Kind: reading.DeviceKey, Name: d.name, Channel: h.world.channel}
}

func (h *history) streamSubject(s *stream) reading.Subject {
	return reading.Subject{Kind: reading.StreamKey, Name: s.name, Channel: h.world.channel}
}

func (h *history) possession(signer cose.Signer, s reading.Subject) string {
	token, err := reading.SignPossession(signer, s)
	h.require(err, "prove possession")
	return base64.RawURLEncoding.EncodeToString(token)
}

func (h *history) consent(old, next cose.Signer, s reading.Subject) string {
	token, err := reading.SignRotation(old, s, next.Key())
	h.require(err, "consent to a rotation")
	return base64.RawURLEncoding.EncodeToString(token)
}

func idOf(s cose.Signer) string { return s.Key().ID().String() }
