// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/anchorline/anchorline/chaincode/internal/ledgertest"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/cose"
)

// life is what a device should be: the model that the contract is compared with.
type life struct {
	owner, offered string
	status         record.Status
	keys           []cose.Signer
}

// lives drives one device of the contract and its model by the same random steps.
type lives struct {
	*world
	id    string
	model *life // nil before registration
}

func TestTheLifeOfADeviceFollowsItsModel(t *testing.T) {
	w := newWorld(t) // one for all: certificates are slow to make, and so are networks
	number := 0
	check := func(rt *rapid.T) {
		number++
		l := &lives{world: w, id: fmt.Sprint("d", number)}
		rt.Repeat(map[string]func(*rapid.T){
			"register": l.register, "rotate": l.rotate, "replace": l.replace,
			"suspend": l.suspend, "resume": l.resume, "revoke": l.revoke,
			"offer": l.offer, "withdraw": l.withdraw, "accept": l.accept,
			"time": l.passTime, "": l.compare,
		})
	}
	if onNetwork() {
		// Each step waits for a block, so there are fewer lives.
		require.NoError(t, flag.Set("rapid.checks", "5"))
	}
	rapid.Check(t, check)
}

// anyAdmin picks an organisation's admin.
func (l *lives) anyAdmin(rt *rapid.T) ledgertest.Identity {
	return rapid.SampledFrom([]ledgertest.Identity{l.admin1, l.admin2}).Draw(rt, "caller")
}

// try submits a change and reports whether it passed; if it did not, the code must be expected.
func (l *lives) try(rt *rapid.T, as ledgertest.Identity, want record.Code, function string, request object) bool {
	p, _ := l.ledger.Submit(l.cc, as, function, text(l.t, request))
	if want == "" {
		require.Empty(rt, p.Response.GetMessage())
		return true
	}
	e, coded := record.ParseError(p.Response.GetMessage())
	require.True(rt, coded, "%s by %s should be %s", function, as.MSP, want)
	require.Equal(rt, want, e.Code, e.Message)
	return false
}

// expect says how a registrar's change to the device should end.
func (l *lives) expect(as ledgertest.Identity, conflict bool) record.Code {
	switch {
	case l.model == nil:
		return record.NotFound
	case l.model.owner != as.MSP:
		return record.Forbidden
	case conflict:
		return record.Conflict
	default:
		return ""
	}
}

func (l *lives) revoked() bool { return l.model != nil && l.model.status == record.Revoked }

func (l *lives) register(rt *rapid.T) {
	as, signer := l.anyAdmin(rt), newSigner(l.t, "EdDSA")
	want := record.Code("")
	if l.model != nil {
		want = record.AlreadyExists
	}
	if l.try(rt, as, want, "devices:Register", l.registration(l.id, as.MSP, signer)) {
		l.model = &life{owner: as.MSP, status: record.Active, keys: []cose.Signer{signer}}
	}
}

func (l *lives) rotate(rt *rapid.T) {
	if l.model == nil {
		rt.Skip("there is no key to rotate")
	}
	as, next := l.anyAdmin(rt), newSigner(l.t, "EdDSA")
	reuse := rapid.Bool().Draw(rt, "reuse") && len(l.model.keys) > 1
	if reuse {
		next = l.model.keys[0]
	}
	want := record.Code("") // whoever carries it
	if l.revoked() || l.model.status == record.Suspended || reuse {
		want = record.Conflict
	}
	current := l.model.keys[len(l.model.keys)-1]
	if l.try(rt, as, want, "devices:RotateKey", l.rotation(l.id, l.model.owner, current, next)) {
		l.model.keys = append(l.model.keys, next)
	}
}

func (l *lives) replace(rt *rapid.T) {
	as, next := l.anyAdmin(rt), newSigner(l.t, "EdDSA")
	owner := as.MSP
	if l.model != nil {
		owner = l.model.owner
	}
	request := object{
		"id": l.id, "key": next.Key().Text(), "reason": "lost",
		"proof": possession(l.t, next, l.id, owner, l.ledger.Channel),
	}
	if l.try(rt, as, l.expect(as, l.revoked()), "devices:RotateKey", request) {
		l.model.keys = append(l.model.keys, next)
	}
}

func (l *lives) suspend(rt *rapid.T) {
	as := l.anyAdmin(rt)
	if l.try(rt, as, l.expect(as, l.revoked()), "devices:Suspend", object{"id": l.id}) {
		l.model.status = record.Suspended
	}
}

func (l *lives) resume(rt *rapid.T) {
	as := l.anyAdmin(rt)
	if l.try(rt, as, l.expect(as, l.revoked()), "devices:Resume", object{"id": l.id}) {
		l.model.status = record.Active
	}
}

func (l *lives) revoke(rt *rapid.T) {
	if rapid.IntRange(0, 4).Draw(rt, "seldom") > 0 {
		rt.Skip("revocation ends the game, so it is rare")
	}
	as := l.anyAdmin(rt)
	// The same revocation again succeeds.
	if l.try(rt, as, l.expect(as, false), "devices:Revoke", object{"id": l.id, "reason": "stolen"}) {
		l.model.status, l.model.offered = record.Revoked, ""
	}
}

func (l *lives) offer(rt *rapid.T) {
	as := l.anyAdmin(rt)
	to := "Org2MSP"
	if as.MSP == to {
		to = "Org1MSP"
	}
	if l.try(rt, as, l.expect(as, l.revoked()), "devices:Offer", object{"id": l.id, "to": to}) {
		l.model.offered = to
	}
}

func (l *lives) withdraw(rt *rapid.T) {
	as := l.anyAdmin(rt)
	if l.try(rt, as, l.expect(as, false), "devices:WithdrawOffer", object{"id": l.id}) {
		l.model.offered = ""
	}
}

func (l *lives) accept(rt *rapid.T) {
	as := l.anyAdmin(rt)
	want := record.Code("")
	switch {
	case l.model == nil:
		want = record.NotFound
	case l.model.owner != as.MSP && l.model.offered != as.MSP:
		want = record.Forbidden
	}
	if l.try(rt, as, want, "devices:Accept", object{"id": l.id}) && l.model.owner != as.MSP {
		l.model.owner, l.model.offered = as.MSP, ""
	}
}

func (l *lives) passTime(rt *rapid.T) {
	l.ledger.Advance(time.Duration(rapid.IntRange(-10_000, 10_000).Draw(rt, "milliseconds")) * time.Millisecond)
}

// compare holds after every step: the record says what the model says, and is sound in itself.
func (l *lives) compare(rt *rapid.T) {
	if l.model == nil {
		return
	}
	d := decode[record.Device](l.t, string(l.ledger.Value(record.DeviceKey(l.id))))
	require.Equal(rt, l.model.owner, d.Owner)
	require.Equal(rt, l.model.offered, d.Offered)
	require.Equal(rt, l.model.status, d.Status)
	require.Len(rt, d.Keys, len(l.model.keys))
	for i, key := range d.Keys {
		require.Equal(rt, l.model.keys[i].Key().ID().String(), key.ID)
		if i > 0 {
			require.Equal(rt, d.Keys[i-1].Until, key.From, "keys leave no hole and do not overlap")
		}
	}
	_, open := d.CurrentKey()
	require.Equal(rt, l.model.status != record.Revoked, open)
	require.GreaterOrEqual(rt, d.Updated, d.Registered)

	var entries []string
	for _, key := range l.ledger.Keys() {
		object, attributes := record.SplitKey(key)
		if strings.HasPrefix(object, "device~") && attributes[len(attributes)-1] == l.id {
			entries = append(entries, key)
		}
	}
	want := record.DeviceIndexKeys(d)
	slices.Sort(entries)
	require.Equal(rt, want, entries, "the indexes hold exactly what the device is")
}
