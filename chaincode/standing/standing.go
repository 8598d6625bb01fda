// SPDX-License-Identifier: Apache-2.0

// Package standing is the one judgement of time: what a device's key, the device itself, and a
// stream's key were worth at a point of the ledger's order. Bridge, contracts, auditors and API ask
// it and nothing else.
//
// Records come in as the ledger has them, and a [Verdict] goes out. The order of two changes is that
// of their transactions, block and index, where both positions are known; else it is that of the
// times that their clients claimed. A device's own clock decides nothing. A record only ever grows, so a
// later record judges every earlier moment.
//
// The package is pure: no I/O, no clock, no state.
package standing

import (
	"fmt"
	"time"

	"github.com/anchorline/anchorline/chaincode/record"
)

// Grace is how long, in ledger time, a key that authorised its successor still vouches: what its
// device signed before the change is delivered after it. A key that was replaced for a reason, or
// whose device was revoked, gets none.
const Grace = 24 * time.Hour

// Position is where a transaction stands in the ledger's order.
type Position struct {
	Block uint64 `json:"block"`
	Index uint64 `json:"index"` // within the block, from 0
}

// Before reports whether p comes before q.
func (p Position) Before(q Position) bool {
	return p.Block < q.Block || p.Block == q.Block && p.Index < q.Index
}

// Order tells the position of a transaction, by its id, where it is known. A nil Order knows none.
type Order func(tx string) (Position, bool)

// Reason says why a key or a device vouches for nothing at a point. It is stable: clients decide on
// it, never on the text beside it.
type Reason string

// The reasons. OK is that of what stands.
const (
	OK            Reason = "ok"
	NotRegistered Reason = "not-registered" // the device or the stream was put on the ledger later
	Suspended     Reason = "suspended"
	Revoked       Reason = "revoked"
	Transferred   Reason = "transferred"  // another organisation had the device by then
	UnknownKey    Reason = "unknown-key"  // never a key of this device or stream
	KeyNotYet     Reason = "key-not-yet"  // the key was put in later
	KeyEnded      Reason = "key-ended"    // the key authorised its successor, more than the grace before
	KeyReplaced   Reason = "key-replaced" // the key was replaced for a reason, without its consent
)

// Repudiation says that an owner later disowned what a key or a device vouched for while it stood.
type Repudiation struct {
	// By is the MSP ID of the owner.
	By string `json:"by"`
	// At is when the owner said so.
	At record.Moment `json:"at"`
	// Since is the time from which nothing is to be trusted, in milliseconds.
	Since int64 `json:"since"`
	// Reason is what the owner gave.
	Reason string `json:"reason,omitempty"`
}

// Verdict is what a key was worth at a point.
type Verdict struct {
	// Reason is OK when the key vouched for its device or stream at that point.
	Reason Reason `json:"reason"`
	// Detail says so in a sentence.
	Detail string `json:"detail"`
	// Repudiated is set when the key stood, and its owner said later that it must not be trusted.
	Repudiated *Repudiation `json:"repudiated,omitempty"`
}

// Stood reports whether the key vouched at that point, whatever was said later.
func (v Verdict) Stood() bool { return v.Reason == OK }

// Trusted reports whether the key vouched at that point and nobody disowned that later.
func (v Verdict) Trusted() bool { return v.Stood() && v.Repudiated == nil }

// Device judges a device's key at the moment of a transaction, as a rule the anchor's.
func Device(d record.Device, key string, at record.Moment, order Order) Verdict {
	return device(d, key, point{at: at, order: order})
}

// DeviceNow judges a device's key after everything that the record tells, at a time in milliseconds by
// the caller's clock: whether a reading that arrives now is to be accepted.
func DeviceNow(d record.Device, key string, now int64) Verdict {
	return device(d, key, point{at: record.Moment{Time: now}, last: true})
}

// Stream judges a stream's key as the signer of a receipt for an anchor of this moment. A receipt is
// signed after its anchor is committed, so a key that was put in later may have signed it, and one
// that had ended by then may not.
func Stream(s record.Stream, key string, at record.Moment, order Order) Verdict {
	p := point{at: at, order: order}
	if !p.after(s.Opened) {
		return refuse(NotRegistered, "stream %s was opened at %s, later than %s", s.Name(), p.clock(s.Opened.Time), p.clock(at.Time))
	}
	k, v := keyAt(s.Keys, key, "stream "+s.Name().String(), p)
	if v.Reason == KeyNotYet {
		v = Verdict{Reason: OK, Detail: fmt.Sprintf("key %s is a key of stream %s since %s", key, s.Name(), p.clock(k.From.Time))}
	}
	if v.Stood() {
		v.Repudiated = keyRepudiated(s.Owner, k, at.Time)
	}
	return v
}

// DeviceStatus returns the status that a device had at the moment of a transaction, and false for a
// moment before its registration.
func DeviceStatus(d record.Device, at record.Moment, order Order) (record.Status, bool) {
	return status(d, point{at: at, order: order})
}

// KeyAt returns the key that was open at the moment of a transaction, if there was one.
func KeyAt(keys []record.Key, at record.Moment, order Order) (record.Key, bool) {
	p := point{at: at, order: order}
	for _, k := range keys {
		if p.after(k.From) && (k.Until == nil || !p.after(*k.Until)) {
			return k, true
		}
	}
	return record.Key{}, false
}

// Before reports whether change a comes before change b: by their positions if both are known, else
// by their times.
func Before(a, b record.Moment, order Order) bool {
	if order != nil {
		pa, okA := order(a.Tx)
		pb, okB := order(b.Tx)
		if okA && okB {
			return pa.Before(pb)
		}
	}
	return a.Time < b.Time
}

// point is a point of the ledger's order: that of a transaction, or the last there is.
type point struct {
	at    record.Moment
	order Order
	last  bool
}

// after reports whether a change had happened at the point. Changes of the same time had.
func (p point) after(change record.Moment) bool {
	return p.last || !Before(p.at, change, p.order)
}

func (p point) clock(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

func device(d record.Device, key string, p point) Verdict {
	state, registered := status(d, p)
	switch {
	case !registered:
		return refuse(NotRegistered, "device %s was registered at %s, later than %s", d.Name(), p.clock(d.Registered.Time), p.clock(p.at.Time))
	case state == record.Revoked:
		return refuse(Revoked, "device %s was revoked at %s", d.Name(), p.clock(d.Revoked.Time))
	case state == record.Transferred:
		return refuse(Transferred, "device %s was transferred at %s; it is %s since", d.Name(), p.clock(d.Transferred.Time), d.TransferredTo)
	case state == record.Suspended:
		return refuse(Suspended, "device %s was suspended by its owner", d.Name())
	}
	k, v := keyAt(d.Keys, key, "device "+d.Name().String(), p)
	if v.Stood() {
		v.Repudiated = deviceRepudiated(d, k, p.at.Time)
	}
	return v
}

// status is the device's status at a point. What was said last to narrow a device's rights counts
// whatever its date: a revocation is looked at before anything else.
func status(d record.Device, p point) (record.Status, bool) {
	if !p.after(d.Registered) {
		return "", false
	}
	if d.Revoked != nil && p.after(*d.Revoked) {
		return record.Revoked, true
	}
	if d.Transferred != nil && p.after(*d.Transferred) {
		return record.Transferred, true
	}
	for _, s := range d.Suspensions {
		if p.after(s.From) && (s.Until == nil || !p.after(*s.Until)) {
			return record.Suspended, true
		}
	}
	return record.Active, true
}

// keyAt judges one key of keys at a point.
func keyAt(keys []record.Key, id, whose string, p point) (record.Key, Verdict) {
	k, known := record.FindKey(keys, id)
	switch {
	case !known:
		return k, refuse(UnknownKey, "key %s is not a key of %s", id, whose)
	case k.Until != nil && k.Reason != "" && p.after(*k.Until):
		return k, refuse(KeyReplaced, "key %s of %s was replaced at %s for this reason: %s", id, whose, p.clock(k.Until.Time), k.Reason)
	case k.Until != nil && p.after(*k.Until) && p.at.Time >= k.Until.Time+Grace.Milliseconds():
		return k, refuse(KeyEnded, "key %s of %s ended at %s, more than %s before %s", id, whose, p.clock(k.Until.Time), Grace, p.clock(p.at.Time))
	case !p.after(k.From):
		return k, refuse(KeyNotYet, "key %s of %s is valid from %s, later than %s", id, whose, p.clock(k.From.Time), p.clock(p.at.Time))
	}
	return k, Verdict{Reason: OK, Detail: fmt.Sprintf("key %s was a key of %s at %s", id, whose, p.clock(p.at.Time))}
}

// deviceRepudiated returns what the owner said later about the device or the key.
func deviceRepudiated(d record.Device, k record.Key, at int64) *Repudiation {
	if d.Revoked != nil && d.CompromisedSince != 0 && at >= max(d.CompromisedSince, d.Registered.Time) {
		return &Repudiation{By: d.Owner, At: *d.Revoked, Since: d.CompromisedSince, Reason: d.StatusReason}
	}
	return keyRepudiated(d.Owner, k, at)
}

// keyRepudiated returns what the owner said when it replaced the key.
func keyRepudiated(owner string, k record.Key, at int64) *Repudiation {
	if k.Until == nil || k.CompromisedSince == 0 || at < max(k.CompromisedSince, k.From.Time) {
		return nil
	}
	return &Repudiation{By: owner, At: *k.Until, Since: k.CompromisedSince, Reason: k.Reason}
}

func refuse(reason Reason, format string, args ...any) Verdict {
	return Verdict{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
