// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/internal/rogue"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
)

// by commits a call that only these organisations' peers endorse.
func (w *world) by(function string, request object, endorsers ...string) peer.TxValidationCode {
	w.t.Helper()
	p := w.ledger.Propose(w.cc, w.admin1, function, text(w.t, request))
	require.Empty(w.t, p.Response.GetMessage())
	return w.ledger.Commit(p, endorsers...)
}

// get is a device of organisation 1 as everybody reads it.
func (w *world) get(id string) record.Device {
	return decode[record.Device](w.t, w.query(w.admin2, "devices:Get", "Org1MSP/"+id))
}

func TestAnOwnerStopsItsDeviceAlone(t *testing.T) {
	w := newWorld(t)
	w.agree()
	w.device("pump-1")
	require.Equal(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, w.by("devices:Suspend", object{"id": "pump-1"}, "Org2MSP"))
	require.Equal(t, peer.TxValidationCode_VALID, w.by("devices:Suspend", object{"id": "pump-1", "reason": "smells"}, "Org1MSP"))
	d := w.get("pump-1")
	require.Equal(t, record.Suspended, d.Status)
	require.Equal(t, "smells", d.StatusReason)
	require.Equal(t, []string{"pump-1"}, w.list(object{"status": "suspended"}))
	require.Empty(t, w.list(object{"status": "active"}))

	for function, request := range map[string]object{
		"devices:Resume":        {"id": "pump-1"},
		"devices:SetAttributes": {"id": "pump-1", "type": "valve"},
		"devices:Offer":         {"id": "pump-1", "to": "Org2MSP"},
	} {
		require.Equal(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, w.by(function, request, "Org1MSP"), function)
	}
	require.Equal(t, peer.TxValidationCode_VALID, w.by("devices:Revoke", object{"id": "pump-1", "reason": "stolen", "compromisedSince": d.Registered.Time}, "Org1MSP"))
	d = w.get("pump-1")
	require.Equal(t, record.Revoked, d.Status)
	require.Len(t, d.Suspensions, 1, "the suspension before is told still")
	require.Equal(t, d.Registered.Time, d.CompromisedSince)
	_, open := d.CurrentKey()
	require.False(t, open)
	w.refused(record.Conflict, w.admin1, "devices:Resume", object{"id": "pump-1"})
}

func TestOnlyTheDevicesRecordLiftsAStop(t *testing.T) {
	w := newWorld(t)
	w.agree()
	w.device("pump-1")
	w.submit(w.admin1, "devices:Suspend", object{"id": "pump-1"})
	stopped := w.get("pump-1").Suspensions[0].From
	w.ledger.Advance(time.Minute)
	w.submit(w.admin1, "devices:Resume", object{"id": "pump-1"})
	d := w.get("pump-1")
	require.Equal(t, record.Active, d.Status)
	require.Equal(t, stopped, d.Suspensions[0].From, "the record names the stop that it ends by its transaction")
	require.NotNil(t, d.Suspensions[0].Until)

	w.ledger.Advance(time.Minute)
	w.submit(w.admin1, "devices:Suspend", object{"id": "pump-1"})
	require.Len(t, w.get("pump-1").Suspensions, 2, "it can be stopped again")
	w.submit(w.admin1, "devices:SetAttributes", object{"id": "pump-1", "type": "valve"})
	require.Equal(t, record.Suspended, w.get("pump-1").Status, "another change of the record keeps it")
	require.Len(t, decode[record.Device](t, string(w.ledger.Value(record.DeviceKey(our("pump-1"))))).Suspensions, 2)
}

func TestAStopAndAChangeOfTheDeviceDoNotPassEachOther(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	pending := w.ledger.Propose(w.cc, w.admin1, "devices:Offer", text(t, object{"id": "pump-1", "to": "Org2MSP"}))
	w.submit(w.admin1, "devices:Suspend", object{"id": "pump-1"})
	require.Equal(t, peer.TxValidationCode_MVCC_READ_CONFLICT, w.ledger.Commit(pending, w.ledger.Organisations...))
}

func TestWhoForgesItsOwnStopVouchesForNothing(t *testing.T) {
	inMemory(t, "a rogue on a network is in TestARogueOnOneOrganisationsPeerChangesNothing")
	w := newWorld(t)
	w.agree()
	signer := w.device("pump-1")
	before := w.get("pump-1")
	w.submit(w.admin1, "devices:Suspend", object{"id": "pump-1"})
	w.ledger.Advance(time.Minute)
	w.submit(w.admin1, "devices:SetAttributes", object{"id": "pump-1", "type": "valve"})

	moment := record.Moment{Time: before.Registered.Time, Tx: strings.Repeat("a", 64)}
	forgery := record.Stop{Type: record.StopType, Version: record.Version, Owner: "Org1MSP", ID: "pump-1"}
	revoked := forgery
	revoked.Revoked = &moment
	for name, value := range map[string]string{
		"none": text(t, forgery), "garbage": "{", "of another device": strings.Replace(text(t, revoked), "pump-1", "pump-2", 1),
		"of a newer schema": `{"type":"stop","version":9}`,
	} {
		p := w.ledger.Propose(rogue.New(w.cc), w.admin1, "rogue:Write", record.StopKey(our("pump-1")), value)
		require.Equal(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, w.ledger.Commit(p, "Org2MSP"), name)
		p = w.ledger.Propose(rogue.New(w.cc), w.admin1, "rogue:Write", record.StopKey(our("pump-1")), value)
		require.Equal(t, peer.TxValidationCode_VALID, w.ledger.Commit(p, "Org1MSP"), name)
		require.Equal(t, record.Suspended, w.get("pump-1").Status, "%s: what the record tells is not taken back", name)
		require.Equal(t, []string{"pump-1"}, w.list(object{"owner": "Org1MSP"}), name)
	}
	p := w.ledger.Propose(rogue.New(w.cc), w.admin1, "rogue:Write", record.StopKey(our("pump-1")), text(t, revoked))
	require.Equal(t, peer.TxValidationCode_VALID, w.ledger.Commit(p, "Org1MSP"))
	verdict := standing.Device(w.get("pump-1"), signer.Key().ID().String(), before.Registered, nil)
	require.Equal(t, standing.Revoked, verdict.Reason, "it can disown, even backwards")
}

func TestAttestationsAndKeysShowTheStop(t *testing.T) {
	w := newWorld(t)
	w.agree()
	b := w.anchoredBatch(1)
	id := b.claims(t).Stream.ID
	w.device("pump-9")
	require.Equal(t, peer.TxValidationCode_VALID, w.by("devices:Suspend", object{"id": "pump-9"}, "Org1MSP"))
	a := decode[record.Attestation](t, w.query(w.admin2, "anchors:Attest", object{
		"stream": "Org1MSP/" + id, "devices": []string{"Org1MSP/pump-9"}, "nonce": strings.Repeat("0", 64),
	}))
	require.Equal(t, record.Suspended, a.Devices[0].Status)
	at := decode[call.DeviceKey](t, w.query(w.admin2, "devices:KeyAt", "Org1MSP/pump-9", "1800000000000"))
	require.Equal(t, record.Suspended, at.Status)
	require.False(t, at.Trusted)
}

func TestAnOwnerStopsAStreamsKeyAlone(t *testing.T) {
	w := newWorld(t)
	w.agree()
	signer := w.stream(w.bridge1, "bridge-1")
	first := anchor("bridge-1", 1, record.ZeroHash)
	w.submit(w.bridge1, "anchors:Anchor", canonical(t, first))
	stop := object{"id": "bridge-1", "reason": "stolen"}
	require.Equal(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, w.by("anchors:StopStream", stop, "Org2MSP"))
	require.Equal(t, peer.TxValidationCode_VALID, w.by("anchors:StopStream", stop, "Org1MSP"))
	s := decode[record.Stream](t, w.query(w.admin2, "anchors:GetStream", "Org1MSP/bridge-1"))
	require.Equal(t, "stolen", s.Keys[0].Reason)
	require.Equal(t, s, decode[call.Streams](t, w.query(w.admin2, "anchors:ListStreams", object{})).Streams[0])
	require.Equal(t, standing.KeyReplaced, standing.Stream(s, signer.Key().ID().String(), *s.Keys[0].Until, nil).Reason)
	require.Empty(t, w.ledger.Propose(w.cc, w.admin1, "anchors:StopStream", text(t, stop)).Stub.Writes, "the same again")
	w.refused(record.Conflict, w.admin1, "anchors:StopStream", stop.with("reason", "lost"))

	second := anchor("bridge-1", 2, hashOf(t, first))
	require.Contains(t, w.refused(record.Conflict, w.bridge1, "anchors:Anchor", canonical(t, second)), "stopped")
	next := newSigner(t, "EdDSA")
	w.refused(record.Conflict, w.bridge1, "anchors:RotateStreamKey", w.streamRotation("bridge-1", "Org1MSP", signer, next))
	replacement := object{"id": "bridge-1", "key": next.Key().Text(), "reason": "stolen", "proof": streamPossession(t, next, "bridge-1", "Org1MSP", w.ledger.Channel)}
	require.Equal(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, w.by("anchors:RotateStreamKey", replacement, "Org1MSP"))
	s = decode[record.Stream](t, w.submit(w.admin1, "anchors:RotateStreamKey", replacement))
	require.Len(t, s.Keys, 2)
	require.Equal(t, "stolen", s.Keys[0].Reason)
	w.submit(w.bridge1, "anchors:Anchor", canonical(t, second))
	w.submit(w.admin1, "anchors:StopStream", stop)
	require.NotNil(t, decode[record.Stream](t, w.query(w.admin2, "anchors:GetStream", "Org1MSP/bridge-1")).Keys[1].Until, "another key can be stopped too")
}
