// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/reading/cose"
)

// past is one transaction that changed the device, as the ledger ordered it, or a moment in between
// that is asked about.
type past struct {
	kind  string // what happened; "probe" for a moment that is asked about
	at    record.Moment
	key   string // that began, for register and rotations
	since int64  // compromisedSince, for replace and revoke
}

// judged drives a device through the contract with clocks that go where they like, keeps the true order
// of everything, and compares what the record says of each moment with that.
type judged struct {
	*world
	id     string
	all    []past // in the ledger's order
	signer cose.Signer
	status record.Status
}

// TestTheJudgementFollowsTheOrderWhereItIsKnownAndTheTimesWhereItIsNot builds records by the contract's
// own operations, under timestamps that are arbitrary: backwards and far ahead.
func TestTheJudgementFollowsTheOrderWhereItIsKnownAndTheTimesWhereItIsNot(t *testing.T) {
	inMemory(t, "peers refuse such clocks")
	w := newWorld(t)
	start, number := w.ledger.Now(), 0
	rapid.Check(t, func(rt *rapid.T) {
		number++
		j := &judged{world: w, id: fmt.Sprint("d", number), status: record.Active}
		clock := func(rt *rapid.T) {
			minutes := rapid.OneOf(rapid.IntRange(-3000, 3000), rapid.Just(1_000_000)).Draw(rt, "minutes")
			j.ledger.Advance(time.Duration(start-j.ledger.Now())*time.Millisecond + time.Duration(minutes)*time.Minute)
		}
		clock(rt)
		j.register(rt)
		dated := func(f func(*rapid.T)) func(*rapid.T) { return func(rt *rapid.T) { clock(rt); f(rt) } }
		rt.Repeat(map[string]func(*rapid.T){
			"rotate": dated(j.rotate), "replace": dated(j.replace), "suspend": dated(j.suspend), "resume": dated(j.resume),
			"transfer": dated(j.transfer), "revoke": dated(j.revoke), "probe": dated(j.probe), "another": dated(j.probe), "": j.compare,
		})
	})
}

// change submits a change by organisation 1 and remembers it in its place.
func (j *judged) change(rt *rapid.T, as past, function string, request object) {
	as.at.Time = j.ledger.Now()
	p, _ := j.ledger.Submit(j.cc, j.admin1, function, text(j.t, request))
	require.Empty(rt, p.Response.GetMessage(), function)
	as.at.Tx = p.Stub.GetTxID()
	j.all = append(j.all, as)
}

func (j *judged) register(rt *rapid.T) {
	j.signer = newSigner(j.t, "EdDSA")
	j.change(rt, past{kind: "register", key: j.signer.Key().ID().String()}, "devices:Register", j.registration(j.id, "Org1MSP", j.signer))
}

func (j *judged) only(rt *rapid.T, statuses ...record.Status) {
	for _, s := range statuses {
		if j.status == s {
			return
		}
	}
	rt.Skip("not now")
}

func (j *judged) rotate(rt *rapid.T) {
	j.only(rt, record.Active)
	next := newSigner(j.t, "EdDSA")
	j.change(rt, past{kind: "rotate", key: next.Key().ID().String()}, "devices:RotateKey", j.rotation(j.id, "Org1MSP", j.signer, next))
	j.signer = next
}

func (j *judged) replace(rt *rapid.T) {
	j.only(rt, record.Active, record.Suspended)
	next := newSigner(j.t, "EdDSA")
	began := int64(0) // of the key that is replaced
	for _, c := range j.all {
		if c.key != "" {
			began = c.at.Time
		}
	}
	since := rapid.SampledFrom([]int64{0, began, max(began, j.ledger.Now())}).Draw(rt, "since")
	j.change(rt, past{kind: "replace", key: next.Key().ID().String(), since: since}, "devices:RotateKey", object{
		"id": j.id, "key": next.Key().Text(), "reason": "stolen", "compromisedSince": since,
		"proof": possession(j.t, next, j.id, "Org1MSP", j.ledger.Channel),
	})
	j.signer = next
}

func (j *judged) suspend(rt *rapid.T) {
	j.only(rt, record.Active)
	j.change(rt, past{kind: "suspend"}, "devices:Suspend", object{"id": j.id})
	j.status = record.Suspended
}

func (j *judged) resume(rt *rapid.T) {
	j.only(rt, record.Suspended)
	j.change(rt, past{kind: "resume"}, "devices:Resume", object{"id": j.id})
	j.status = record.Active
}

func (j *judged) transfer(rt *rapid.T) {
	j.only(rt, record.Active, record.Suspended)
	if rapid.IntRange(0, 3).Draw(rt, "seldom") > 0 {
		rt.Skip("it ends the game, so it is rare")
	}
	j.ledger.Submit(j.cc, j.admin1, "devices:Offer", text(j.t, object{"id": j.id, "to": "Org2MSP"}))
	at := j.ledger.Now()
	p, _ := j.ledger.Submit(j.cc, j.admin2, "devices:Accept", text(j.t, j.acceptance(our(j.id), "Org2MSP", newSigner(j.t, "EdDSA"))))
	require.Empty(rt, p.Response.GetMessage())
	j.all = append(j.all, past{kind: "transfer", at: record.Moment{Time: at, Tx: p.Stub.GetTxID()}})
	j.status = record.Transferred
}

func (j *judged) revoke(rt *rapid.T) {
	j.only(rt, record.Active, record.Suspended, record.Transferred)
	if rapid.IntRange(0, 3).Draw(rt, "seldom") > 0 {
		rt.Skip("it ends the game, so it is rare")
	}
	since := j.all[0].at.Time
	if j.status != record.Transferred && rapid.Bool().Draw(rt, "without a compromise") {
		since = 0
	}
	j.change(rt, past{kind: "revoke", since: since}, "devices:Revoke", object{"id": j.id, "reason": "stolen", "compromisedSince": since})
	j.status = record.Revoked
}

// probe remembers a moment of the order, such as that of an anchor.
func (j *judged) probe(*rapid.T) {
	j.all = append(j.all, past{kind: "probe", at: record.Moment{Time: j.ledger.Now(), Tx: fmt.Sprint(j.id, "-probe-", len(j.all))}})
}

// order is where the transactions really are: three to a block.
func (j *judged) order(tx string) (standing.Position, bool) {
	for i, p := range j.all {
		if p.at.Tx == tx {
			return standing.Position{Block: uint64(i / 3), Index: uint64(i % 3)}, true
		}
	}
	return standing.Position{}, false
}

// compare judges every key at every moment that is asked about, with the order and without it.
func (j *judged) compare(rt *rapid.T) {
	d := decode[record.Device](j.t, j.query(j.admin2, "devices:Get", our(j.id).String()))
	keys := []string{"0011223344556677"} // never one of the device's
	for _, c := range j.all {
		if c.key != "" {
			keys = append(keys, c.key)
		}
	}
	for i, probe := range j.all {
		if probe.kind != "probe" {
			continue
		}
		for _, key := range keys {
			for known, order := range map[bool]standing.Order{true: j.order, false: nil} {
				want := j.expected(key, i, known)
				got := standing.Device(d, key, probe.at, order)
				require.Equal(rt, want.reason, got.Reason, "key %s at %d, the order known: %v, %+v", key, i, known, j.all)
				require.Equal(rt, want.since != 0, got.Repudiated != nil, "key %s at %d: %+v", key, i, j.all)
				if want.since != 0 {
					require.Equal(rt, want.since, got.Repudiated.Since)
				}
			}
		}
	}
}

// opinion is what the model says; since is 0 unless the key was disowned.
type opinion struct {
	reason standing.Reason
	since  int64
}

// expected is the judgement by the model. It replays what had happened at the i-th moment: in the
// ledger's order, or what is dated no later.
func (j *judged) expected(key string, i int, byOrder bool) opinion {
	now := j.all[i].at.Time
	happened := func(n int, dated int64) bool { return byOrder && n < i || !byOrder && dated <= now }
	var registered, revoked, transferred, suspended, known bool
	var began, ended, replaced bool // of the key
	var beganAt, endedAt, suspendedAt, keySince, deviceSince int64
	suspendedNow := false
	current := ""
	for n, c := range j.all {
		dated := c.at.Time
		switch c.kind {
		case "register":
			registered = happened(n, dated)
		case "suspend":
			suspendedAt, suspendedNow = dated, happened(n, dated)
		case "resume": // dated not before the suspension
			suspended = suspended || suspendedNow && !happened(n, max(dated, suspendedAt))
			suspendedNow = false
		case "transfer":
			transferred = happened(n, dated)
		case "revoke":
			revoked, deviceSince = happened(n, dated), c.since
		}
		if ends := c.key != "" || c.kind == "revoke"; ends && current == key && current != "" {
			ended, endedAt, replaced, keySince = happened(n, dated), dated, c.kind != "rotate", 0
			if c.kind == "replace" {
				keySince = c.since
			}
		}
		if c.key != "" {
			if current = c.key; current == key {
				known, began, beganAt = true, happened(n, dated), dated
			}
		} else if c.kind == "revoke" {
			current = ""
		}
	}
	switch {
	case !registered:
		return opinion{reason: standing.NotRegistered}
	case revoked:
		return opinion{reason: standing.Revoked}
	case transferred:
		return opinion{reason: standing.Transferred}
	case suspended || suspendedNow:
		return opinion{reason: standing.Suspended}
	case !known:
		return opinion{reason: standing.UnknownKey}
	case ended && replaced:
		return opinion{reason: standing.KeyReplaced}
	case ended && now >= endedAt+standing.Grace.Milliseconds():
		return opinion{reason: standing.KeyEnded}
	case !began:
		return opinion{reason: standing.KeyNotYet}
	case deviceSince != 0 && now >= max(deviceSince, j.all[0].at.Time):
		return opinion{reason: standing.OK, since: deviceSince}
	case keySince != 0 && now >= max(keySince, beganAt):
		return opinion{reason: standing.OK, since: keySince}
	}
	return opinion{reason: standing.OK}
}
