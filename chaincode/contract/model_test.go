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
	"github.com/anchorline/anchorline/reading/name"
)

// life is what a device should be: the model that the contract is compared with.
type life struct {
	offered string
	status  record.Status
	keys    []cose.Signer
}

func (l *life) final() bool { return l.status == record.Revoked || l.status == record.Transferred }

// lives drives the devices of one id in both organisations, and their models by the same random steps.
type lives struct {
	*world
	id     string
	models map[string]*life // by owner; none before registration
}

func TestTheLifeOfADeviceFollowsItsModel(t *testing.T) {
	w := newWorld(t) // one for all: certificates are slow to make, and so are networks
	number := 0
	check := func(rt *rapid.T) {
		number++
		l := &lives{world: w, id: fmt.Sprint("d", number), models: map[string]*life{}}
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

// anyAdmin picks an organisation's admin, and the model of its own device, nil when there is none.
func (l *lives) anyAdmin(rt *rapid.T) (ledgertest.Identity, *life) {
	as := rapid.SampledFrom([]ledgertest.Identity{l.admin1, l.admin2}).Draw(rt, "caller")
	return as, l.models[as.MSP]
}

// other is the organisation that an organisation trades with.
func other(msp string) string {
	if msp == "Org1MSP" {
		return "Org2MSP"
	}
	return "Org1MSP"
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

// expect says how a registrar's change to its own device should end.
func expect(model *life, conflict bool) record.Code {
	switch {
	case model == nil:
		return record.NotFound
	case conflict && model.final():
		return record.Conflict
	default:
		return ""
	}
}

func (l *lives) register(rt *rapid.T) {
	as, model := l.anyAdmin(rt)
	signer, want := newSigner(l.t, "EdDSA"), record.Code("")
	if model != nil {
		want = record.AlreadyExists
	}
	if l.try(rt, as, want, "devices:Register", l.registration(l.id, as.MSP, signer)) {
		l.models[as.MSP] = &life{status: record.Active, keys: []cose.Signer{signer}}
	}
}

func (l *lives) rotate(rt *rapid.T) {
	owner := rapid.SampledFrom([]string{"Org1MSP", "Org2MSP"}).Draw(rt, "owner")
	model := l.models[owner]
	if model == nil {
		rt.Skip("there is no key to rotate")
	}
	as, _ := l.anyAdmin(rt) // whoever carries it
	next := newSigner(l.t, "EdDSA")
	reuse := rapid.Bool().Draw(rt, "reuse") && len(model.keys) > 1
	if reuse {
		next = model.keys[0]
	}
	want := record.Code("")
	if model.final() || model.status == record.Suspended || reuse {
		want = record.Conflict
	}
	current := model.keys[len(model.keys)-1]
	if l.try(rt, as, want, "devices:RotateKey", l.rotation(l.id, owner, current, next).with("owner", owner)) {
		model.keys = append(model.keys, next)
	}
}

func (l *lives) replace(rt *rapid.T) {
	as, model := l.anyAdmin(rt)
	next := newSigner(l.t, "EdDSA")
	request := object{
		"id": l.id, "key": next.Key().Text(), "reason": "lost",
		"proof": possession(l.t, next, l.id, as.MSP, l.ledger.Channel),
	}
	if l.try(rt, as, expect(model, true), "devices:RotateKey", request) {
		model.keys = append(model.keys, next)
	}
}

func (l *lives) suspend(rt *rapid.T) {
	as, model := l.anyAdmin(rt)
	if l.try(rt, as, expect(model, true), "devices:Suspend", object{"id": l.id}) {
		model.status = record.Suspended
	}
}

func (l *lives) resume(rt *rapid.T) {
	as, model := l.anyAdmin(rt)
	if l.try(rt, as, expect(model, true), "devices:Resume", object{"id": l.id}) {
		model.status = record.Active
	}
}

func (l *lives) revoke(rt *rapid.T) {
	if rapid.IntRange(0, 4).Draw(rt, "seldom") > 0 {
		rt.Skip("revocation ends the game, so it is rare")
	}
	as, model := l.anyAdmin(rt)
	request := object{"id": l.id, "reason": "stolen"}
	if model != nil {
		if d := l.stored(as.MSP); d.Transferred != nil {
			request["compromisedSince"] = d.Registered.Time
		}
	}
	// The same revocation again succeeds.
	if l.try(rt, as, expect(model, false), "devices:Revoke", request) {
		model.status, model.offered = record.Revoked, ""
	}
}

func (l *lives) offer(rt *rapid.T) {
	as, model := l.anyAdmin(rt)
	if l.try(rt, as, expect(model, true), "devices:Offer", object{"id": l.id, "to": other(as.MSP)}) {
		model.offered = other(as.MSP)
	}
}

func (l *lives) withdraw(rt *rapid.T) {
	as, model := l.anyAdmin(rt)
	if l.try(rt, as, expect(model, false), "devices:WithdrawOffer", object{"id": l.id}) {
		model.offered = ""
	}
}

func (l *lives) accept(rt *rapid.T) {
	as, model := l.anyAdmin(rt)
	from, signer := l.models[other(as.MSP)], newSigner(l.t, "EdDSA")
	want := record.Code("")
	switch {
	case from == nil:
		want = record.NotFound
	case l.stored(other(as.MSP)).TransferredTo.Owner == as.MSP:
		want = record.AlreadyExists // it came by another request
	case from.offered != as.MSP:
		want = record.Forbidden
	case model != nil:
		want = record.AlreadyExists
	}
	if l.try(rt, as, want, "devices:Accept", l.acceptance(name.New(other(as.MSP), l.id), as.MSP, signer)) {
		from.status, from.offered = record.Transferred, ""
		l.models[as.MSP] = &life{status: record.Active, keys: []cose.Signer{signer}}
	}
}

func (l *lives) passTime(rt *rapid.T) {
	l.ledger.Advance(time.Duration(rapid.IntRange(-10_000, 10_000).Draw(rt, "milliseconds")) * time.Millisecond)
}

// stored is the record of an organisation's device.
func (l *lives) stored(msp string) record.Device {
	return decode[record.Device](l.t, l.query(l.admin2, "devices:Get", name.New(msp, l.id).String()))
}

// compare holds after every step: the records say what the models say, and are sound in themselves.
func (l *lives) compare(rt *rapid.T) {
	want := []string{}
	for msp, model := range l.models {
		d := l.stored(msp)
		require.Equal(rt, name.New(msp, l.id), d.Name())
		require.Equal(rt, model.offered, d.Offered)
		require.Equal(rt, model.status, d.Status)
		require.Len(rt, d.Keys, len(model.keys))
		for i, key := range d.Keys {
			require.Equal(rt, model.keys[i].Key().ID().String(), key.ID)
			if i > 0 {
				require.Equal(rt, *d.Keys[i-1].Until, key.From, "one transaction ends a key and begins the next")
			}
		}
		_, open := d.CurrentKey()
		require.Equal(rt, model.status != record.Revoked, open)
		want = append(want, record.DeviceIndexKeys(d)...)
	}
	entries := []string{}
	for _, key := range l.ledger.Keys() {
		object, attributes := record.SplitKey(key)
		if strings.HasPrefix(object, "device~") && attributes[len(attributes)-1] == l.id {
			entries = append(entries, key)
		}
	}
	slices.Sort(entries)
	slices.Sort(want)
	require.Equal(rt, want, entries, "the indexes hold exactly what the devices are")
}
