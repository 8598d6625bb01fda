// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"slices"

	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// A moment is a transaction: its place among all transactions of the history, from 1, its block, and the
// time that its client claimed, in milliseconds.
type moment struct {
	place int
	block uint64
	time  int64
}

// An order says whether a change had happened when an anchor was taken. A change allows something, as a
// registration does, or narrows it, as a suspension does.
type order func(change, anchor moment, allows bool) bool

// byPlace is the ledger's order, which is the truth.
func byPlace(change, anchor moment, _ bool) bool { return change.place < anchor.place }

// byTime is the order of who knows no places, as the contracts do.
func byTime(change, anchor moment, _ bool) bool { return change.time <= anchor.time }

// An insight is what evidence tells of the order of a record's changes.
type insight struct {
	// last is the place of the last change of the newest state that is attested, earlier that of an
	// earlier state, which is as of place asOf; 0 for none.
	last, earlier, asOf int
	// blocks says that the blocks of all changes are there, not that of the anchor alone.
	blocks bool
}

// byEvidence is the order of who has evidence. Of a state of a record it tells the place of the last
// change; the others come before the anchor when the last one does. What an earlier state, which holds
// the anchor, does not tell came after. A block tells only that a transaction did not take effect later,
// for it may have been ordered again. So it shows that a change came before the anchor. That it came
// after is taken from a block only against who shows it: of what allows. Nothing but the clients' times
// tells of what is left.
func byEvidence(i insight) order {
	return func(change, anchor moment, allows bool) bool {
		state := change.place == i.last || i.last < anchor.place
		if i.earlier != 0 {
			state = state || change.place == i.earlier || change.place > i.asOf
		}
		held := i.blocks || change.block == anchor.block
		if state || held && (allows || change.place < anchor.place) {
			return byPlace(change, anchor, allows)
		}
		return byTime(change, anchor, allows)
	}
}

// A key is one of a device or a stream. Consent says that it named its successor itself.
type key struct {
	signer  cose.Signer
	from    moment
	until   *moment
	consent bool
	since   int64 // from which it is disowned, 0 for never
}

func (k key) id() string { return k.signer.Key().ID().String() }

// A pause is a suspension.
type pause struct {
	from  moment
	until *moment
}

// A life is what the ledger says of a device.
type life struct {
	registered  moment
	keys        []key
	pauses      []pause
	transferred *moment
	revoked     *moment
	since       int64 // from which a revoked device is disowned, 0 for never
}

func (l life) clone() life {
	l.keys, l.pauses = slices.Clone(l.keys), slices.Clone(l.pauses)
	return l
}

func (l life) suspended() bool {
	n := len(l.pauses)
	return n > 0 && l.pauses[n-1].until == nil
}

// current is the open key. A device has one until it is revoked.
func (l life) current() key { return l.keys[len(l.keys)-1] }

// A device is a name with all that its record ever was, oldest first. It is made up before it is
// registered.
type device struct {
	name     name.Name
	next     cose.Signer // the key that it will have next
	versions []version
	last     uint64 // sequence number
}

// A version is what a record was from a place on.
type version struct {
	place int
	life
}

// at is the record as of a place, and whether there was one.
func (d *device) at(place int) (life, bool) {
	found, there := life{}, false
	for _, v := range d.versions {
		if v.place <= place {
			found, there = v.life, true
		}
	}
	return found, there
}

// changed is the place of the last change up to a place.
func (d *device) changed(place int) (last int) {
	for _, v := range d.versions {
		if v.place <= place {
			last = v.place
		}
	}
	return last
}

func (d *device) now() (life, bool) { return d.at(1 << 60) }

// change notes what the record is from a moment on.
func (d *device) change(at moment, edit func(l *life)) {
	l, _ := d.now()
	l = l.clone()
	edit(&l)
	d.versions = append(d.versions, version{place: at.place, life: l})
}

// rotate puts a key in the place of the open one.
func rotate(keys []key, next cose.Signer, at moment, consent bool, since int64) []key {
	keys = slices.Clone(keys)
	last := &keys[len(keys)-1]
	last.until, last.consent, last.since = &at, consent, since
	return append(keys, key{signer: next, from: at})
}

// A ruling is what a key is worth for an anchor: "ok", or why not, in the words of package standing, and
// whether it was disowned later.
type ruling struct {
	reason     string
	repudiated bool
}

// grace is how long a key counts that named its successor, in milliseconds.
const grace = 24 * 60 * 60 * 1000

// device rules on the key of a device for an anchor.
func (l life) rule(id string, anchor moment, before order) ruling {
	if !before(l.registered, anchor, true) {
		return ruling{reason: "not-registered"}
	}
	if l.revoked != nil && before(*l.revoked, anchor, false) {
		return ruling{reason: "revoked"}
	}
	if l.transferred != nil && before(*l.transferred, anchor, false) {
		return ruling{reason: "transferred"}
	}
	for _, p := range l.pauses {
		if before(p.from, anchor, false) && (p.until == nil || !before(*p.until, anchor, true)) {
			return ruling{reason: "suspended"}
		}
	}
	k, reason := ruleKey(l.keys, id, anchor, before)
	if reason != "ok" {
		return ruling{reason: reason}
	}
	disowned := l.revoked != nil && l.since != 0 && anchor.time >= max(l.since, l.registered.time)
	return ruling{reason: "ok", repudiated: disowned || k.disowned(anchor)}
}

// ruleStream rules on the key of a stream as the signer of an anchor's receipt. A receipt may be signed
// later than its anchor is taken, by a key that was put in meanwhile.
func ruleStream(keys []key, id string, anchor moment, before order) ruling {
	k, reason := ruleKey(keys, id, anchor, before)
	if reason != "ok" && reason != "key-not-yet" {
		return ruling{reason: reason}
	}
	return ruling{reason: "ok", repudiated: k.disowned(anchor)}
}

func ruleKey(keys []key, id string, anchor moment, before order) (key, string) {
	i := slices.IndexFunc(keys, func(k key) bool { return k.id() == id })
	if i < 0 {
		return key{}, "unknown-key"
	}
	k := keys[i]
	if k.until != nil && before(*k.until, anchor, false) {
		if !k.consent {
			return k, "key-replaced"
		}
		if anchor.time >= k.until.time+grace {
			return k, "key-ended"
		}
	}
	if !before(k.from, anchor, true) {
		return k, "key-not-yet"
	}
	return k, "ok"
}

func (k key) disowned(anchor moment) bool {
	return k.since != 0 && anchor.time >= max(k.since, k.from.time)
}

// A stream is a stream with its batches.
type stream struct {
	name     name.Name
	opened   moment
	versions []keyring
	next     cose.Signer
	batches  []*batch
	attested int // how many batches have been attested
}

// A keyring is what the keys of a stream were from a place on.
type keyring struct {
	place int
	keys  []key
}

func (s *stream) at(place int) (keys []key) {
	for _, v := range s.versions {
		if v.place <= place {
			keys = v.keys
		}
	}
	return keys
}

// changed is the place of the last change up to a place.
func (s *stream) changed(place int) (last int) {
	for _, v := range s.versions {
		if v.place <= place {
			last = v.place
		}
	}
	return last
}

func (s *stream) now() []key { return s.at(1 << 60) }

// earliest is the time before which the ledger takes no anchor.
func (s *stream) earliest() int64 {
	if n := len(s.batches); n > 0 {
		return s.batches[n-1].at.time
	}
	return s.opened.time
}

// A batch is an anchored batch.
type batch struct {
	stream   *stream
	number   uint64
	readings []*sensed
	at       moment
	txID     string
	hash     string
	receipt  receiptKind
	signer   cose.Signer // of the receipt
	asOf     int         // the place at which it was attested
}

// A sensed reading is one of a batch.
type sensed struct {
	device   *device
	signer   cose.Signer
	forged   bool // the signature is not the key's
	sequence uint64
	data     []byte
}
