// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/contract"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/cose"
)

// tour calls every function of the contracts at least once, each with success, as the NodeOU
// admins of two organisations. How a call is made is the guide's.
type tour struct {
	t testing.TB
	// guide makes a call as the admin of an organisation and returns the result of a query.
	guide func(msp, function string, args ...string) string
	// channel and chaincode are where it goes.
	channel, chaincode string
	called             map[string]int
}

// run makes the tour.
func (o *tour) run() {
	o.called = map[string]int{}
	o.governance()
	pump := o.devices()
	o.anchors(pump)
	o.policies()
	o.farewell()
}

// one and two call as the admins of the organisations.
func (o *tour) one(function string, args ...any) string { return o.call("Org1MSP", function, args...) }
func (o *tour) two(function string, args ...any) string { return o.call("Org2MSP", function, args...) }

func (o *tour) call(msp, function string, args ...any) string {
	o.t.Helper()
	var texts []string
	for _, arg := range args {
		texts = append(texts, text(o.t, arg))
	}
	o.called[function]++
	return o.guide(msp, function, texts...)
}

func (o *tour) governance() {
	terms := object{"organisations": []string{"Org1MSP", "Org2MSP"}, "others": 1}
	o.one("consortium:Approve", terms)
	o.two("consortium:Approve", terms)
	require.Contains(o.t, o.two("consortium:Get"), `"others":1`)
	o.one("roles:Grant", object{"role": "bridge", "unit": "admin"})
	o.one("roles:Grant", object{"role": "auditor", "unit": "auditors"})
	o.one("roles:Revoke", object{"role": "auditor", "unit": "auditors"})
	require.Contains(o.t, o.two("roles:List", object{"msp": "Org1MSP"}), `"bridge"`)
	require.Contains(o.t, o.one("roles:WhoAmI"), `"bridge"`)
}

// registration is a valid request to register a device.
func (o *tour) registration(id string, signer cose.Signer) object {
	return object{"id": id, "key": signer.Key().Text(), "proof": possession(o.t, signer, id, "Org1MSP", o.channel)}
}

// devices registers devices in every way and takes them through their lives. It returns the key
// with which pump-1 signs.
func (o *tour) devices() cose.Signer {
	maker := newMaker(o.t, "Maker", nil)
	o.one("devices:AddManufacturer", object{"name": "maker", "certificate": maker.text(), "deviceType": "pump"})
	public, enrolled := ed25519Signer(o.t)
	o.one("devices:Enrol", object{
		"id": "enrolled", "owner": "Org1MSP", "manufacturer": "maker",
		"chain": []string{maker.certify(o.t, pkixName("enrolled"), public, farFuture)},
		"proof": possession(o.t, enrolled, "enrolled", "Org1MSP", o.channel),
	})
	require.Contains(o.t, o.two("devices:ListManufacturers", object{}), `"maker"`)
	o.one("devices:RemoveManufacturer", object{"name": "maker"})

	first, pump := newSigner(o.t, "EdDSA"), newSigner(o.t, "ES256")
	o.one("devices:Register", o.registration("pump-1", first))
	o.one("devices:RegisterMany", object{"devices": []object{
		o.registration("pump-2", newSigner(o.t, "ES256")), o.registration("pump-3", newSigner(o.t, "EdDSA")),
	}})
	o.one("devices:SetAttributes", object{"id": "pump-1", "type": "pump", "attributes": object{"site": "east"}})
	o.one("devices:RotateKey", object{
		"id": "pump-1", "key": pump.Key().Text(), "proof": possession(o.t, pump, "pump-1", "Org1MSP", o.channel),
		"authorization": authorization(o.t, first, pump, "pump-1", "Org1MSP", o.channel),
	})
	o.one("devices:Suspend", object{"id": "pump-1", "reason": "moved"})
	o.one("devices:Resume", object{"id": "pump-1"})
	o.one("devices:Offer", object{"id": "pump-2", "to": "Org2MSP"})
	o.one("devices:WithdrawOffer", object{"id": "pump-2"})
	o.one("devices:Offer", object{"id": "pump-2", "to": "Org2MSP"})
	moved := newSigner(o.t, "EdDSA")
	o.two("devices:Accept", object{
		"from": "Org1MSP/pump-2", "id": "pump-7", "key": moved.Key().Text(), "proof": possession(o.t, moved, "pump-7", "Org2MSP", o.channel),
	})
	o.two("devices:Revoke", object{"id": "pump-7", "reason": "stolen"})

	d := decode[record.Device](o.t, o.two("devices:Get", "Org1MSP/pump-1"))
	require.Equal(o.t, pump.Key().ID().String(), d.Keys[1].ID)
	require.Contains(o.t, o.two("devices:KeyAt", "Org1MSP/pump-1", strconv.FormatInt(d.Registered.Time, 10)), first.Key().ID().String())
	require.Contains(o.t, o.two("devices:List", object{"owner": "Org2MSP", "status": "revoked"}), `"pump-7"`)
	require.Contains(o.t, o.two("devices:History", object{"device": "Org1MSP/pump-1"}), `"suspended"`)
	return pump
}

// anchors opens a stream, anchors a batch of two readings of pump-1 and proves one of them.
func (o *tour) anchors(pump cose.Signer) {
	b := batch{stream: newSigner(o.t, "EdDSA"), ledger: o.channel + "/" + o.chaincode}
	b.fill(o.t, pump, 2)
	o.one("anchors:OpenStream", object{
		"id": "bridge-1", "key": b.stream.Key().Text(), "proof": streamPossession(o.t, b.stream, "bridge-1", "Org1MSP", o.channel),
	})
	o.one("anchors:Anchor", canonical(o.t, b.anchor))
	b.entry = decode[record.AnchorEntry](o.t, o.two("anchors:Get", "Org1MSP/bridge-1", "1"))
	require.Equal(o.t, hashOf(o.t, b.anchor), b.entry.Hash)
	require.Contains(o.t, o.two("anchors:Head", "Org1MSP/bridge-1"), b.entry.Hash)
	require.Contains(o.t, o.two("anchors:List", object{"stream": "Org1MSP/bridge-1"}), b.entry.Hash)
	require.Contains(o.t, o.two("anchors:ListByDay", object{"day": "2023-11-14"}), b.entry.Hash)
	proof := b.receipt(o.t, b.stream, b.claims(o.t), 1)
	answer := decode[call.Inclusion](o.t, o.two("anchors:VerifyInclusion", "Org1MSP/bridge-1", "1", b64(b.readings[1]), b64(proof)))
	require.True(o.t, answer.Included && answer.Signed && answer.Receipt.Verified, answer.Reason)

	attested := o.two("anchors:Attest", object{
		"stream": "Org1MSP/bridge-1", "from": 1, "to": 1, "devices": []string{"Org1MSP/pump-1"}, "nonce": strings.Repeat("ab", 32),
	})
	a, err := record.ParseAttestation([]byte(attested))
	require.NoError(o.t, err)
	require.Equal(o.t, []record.AnchorEntry{b.entry}, a.Anchors)

	lie := b.claims(o.t)
	lie.Anchor[0] ^= 1
	o.two("anchors:ReportEquivocation", object{"receipt": b64(b.receipt(o.t, b.stream, lie, 0)), "root": b.tree.Root().String()})
	require.Contains(o.t, o.one("anchors:ListEquivocations", object{}), `"Org1MSP/bridge-1"`)
	next := newSigner(o.t, "EdDSA")
	o.one("anchors:StopStream", object{"id": "bridge-1", "reason": "stolen"})
	o.one("anchors:RotateStreamKey", object{
		"id": "bridge-1", "key": next.Key().Text(), "reason": "lost", "proof": streamPossession(o.t, next, "bridge-1", "Org1MSP", o.channel),
	})
	var me self
	require.NoError(o.t, json.Unmarshal([]byte(o.one("roles:WhoAmI")), &me))
	o.one("anchors:SetBridge", object{"id": "bridge-1", "bridge": "00" + me.Identity[2:]})
	require.Contains(o.t, o.two("anchors:GetStream", "Org1MSP/bridge-1"), next.Key().ID().String())
	require.Contains(o.t, o.two("anchors:ListStreams", object{}), `"bridge-1"`)
}

// policies shares a device, decides, and puts a decision on record.
func (o *tour) policies() {
	require.Contains(o.t, o.two("policies:Schema"), "entity Device")
	require.Contains(o.t, o.two("policies:Check", permitOrg2), "permit")
	o.one("policies:Put", object{"id": "share", "text": permitOrg2})
	require.Contains(o.t, o.two("policies:Get", "Org1MSP/share"), `"revision":1`)
	require.Contains(o.t, o.two("policies:GetRevision", "Org1MSP/share", "1"), `"revision":1`)
	require.Contains(o.t, o.two("policies:List", object{}), `"share"`)
	require.True(o.t, decode[record.Decision](o.t, o.two("access:Decide", readOf("Org1MSP/pump-1"))).Allowed)
	o.two("access:Request", readOf("Org1MSP/pump-1"))
	var list struct {
		Decisions []record.Access `json:"decisions"`
	}
	require.NoError(o.t, json.Unmarshal([]byte(o.one("access:List", object{})), &list))
	require.Len(o.t, list.Decisions, 1)
	require.True(o.t, decode[record.Access](o.t, o.one("access:Get", list.Decisions[0].ID)).Decision.Allowed)
	o.one("policies:Revoke", object{"id": "share", "reason": "over"})
}

// farewell approves other terms, which are not in force as long as one organisation does.
func (o *tour) farewell() {
	o.one("consortium:Approve", object{"organisations": []string{"Org1MSP", "Org2MSP"}, "others": 0})
}

// complete requires that the tour called every function that the metadata describes.
func (o *tour) complete(metadata string) {
	o.t.Helper()
	var described struct {
		Contracts map[string]struct {
			Transactions []struct {
				Name string `json:"name"`
			} `json:"transactions"`
		} `json:"contracts"`
	}
	require.NoError(o.t, json.Unmarshal([]byte(metadata), &described))
	functions := 0
	for name, c := range described.Contracts {
		for _, tx := range c.Transactions {
			functions++
			require.Positive(o.t, o.called[name+":"+tx.Name], "the tour leaves out %s:%s", name, tx.Name)
		}
	}
	require.Len(o.t, contract.Functions(), functions)
}

// reads tells which functions are queries.
func reads() map[string]bool {
	queries := map[string]bool{}
	for _, f := range contract.Functions() {
		queries[f.Name()] = f.Reads
	}
	return queries
}

func TestTheTourCallsEveryFunctionThatTheMetadataDescribes(t *testing.T) {
	w := newWorld(t)
	o := tour{t: t, channel: w.ledger.Channel, chaincode: w.ledger.Chaincode, guide: w.guide}
	o.run()
	o.complete(w.query(w.admin1, "org.hyperledger.fabric:GetMetadata"))
}

// guide makes the calls of a tour on the ledger itself.
func (w *world) guide(msp, function string, args ...string) string {
	w.t.Helper()
	as := w.admin1
	if msp == "Org2MSP" {
		as = w.admin2
	}
	p := w.ledger.Propose(w.cc, as, append([]string{function}, args...)...)
	require.Empty(w.t, p.Response.GetMessage(), function)
	if reads()[function] {
		require.Empty(w.t, p.Stub.Writes, function)
		return string(p.Response.GetPayload())
	}
	require.NotEmpty(w.t, p.Stub.Writes, function)
	require.Equal(w.t, peer.TxValidationCode_VALID, w.ledger.Commit(p, w.ledger.Organisations...), function)
	return string(p.Response.GetPayload())
}
