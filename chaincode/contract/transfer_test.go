// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/internal/ledgertest"
	"github.com/anchorline/anchorline/chaincode/record"
)

func TestADeviceIsTransferredInTwoSteps(t *testing.T) {
	w := newWorld(t)
	w.agree()
	old, next := w.device("pump-1"), newSigner(t, "EdDSA")
	accept := w.acceptance(our("pump-1"), "Org2MSP", next)
	w.refused(record.Forbidden, w.admin2, "devices:Accept", accept)
	w.refused(record.NotFound, w.admin2, "devices:Offer", object{"id": "pump-1", "to": "Org2MSP"})
	w.refused(record.InvalidArgument, w.admin1, "devices:Offer", object{"id": "pump-1", "to": "Org1MSP"})
	w.submit(w.admin1, "devices:Offer", object{"id": "pump-1", "to": "Org2MSP"})
	w.submit(w.admin1, "devices:WithdrawOffer", object{"id": "pump-1"})
	w.refused(record.Forbidden, w.admin2, "devices:Accept", accept)
	w.submit(w.admin1, "devices:Offer", object{"id": "pump-1", "to": "Org2MSP"})
	w.refused(record.InvalidArgument, w.admin2, "devices:Accept", accept.with("id", "other")) // the proof is for another name

	d := decode[record.Device](t, w.submit(w.admin2, "devices:Accept", accept))
	require.Equal(t, their("pump-1"), d.Name())
	require.Equal(t, our("pump-1"), d.TransferredFrom)
	require.Equal(t, record.Active, d.Status)
	require.Equal(t, "thermometer", d.DeviceType)
	require.NotEmpty(t, d.Profile)
	require.Empty(t, d.Attributes, "policies decide by attributes: what the former owner said of it does not come along")
	require.Len(t, d.Keys, 1)
	require.Equal(t, next.Key().ID().String(), d.Keys[0].ID)

	former := decode[record.Device](t, w.query(w.admin1, "devices:Get", "Org1MSP/pump-1"))
	require.Equal(t, record.Transferred, former.Status)
	require.Equal(t, their("pump-1"), former.TransferredTo)
	require.Equal(t, d.Registered, *former.Transferred, "one transaction ends the one and begins the other")
	require.Empty(t, former.Offered)
	require.Nil(t, former.Keys[0].Until)
	last := w.ledger.Events()[len(w.ledger.Events())-1]
	event := decode[call.Event](t, string(last.Payload))
	require.Equal(t, &d, event.Device)
	require.Equal(t, &former, event.Former)

	for _, function := range []string{"devices:Suspend", "devices:Resume", "devices:SetAttributes"} {
		w.refused(record.Conflict, w.admin1, function, object{"id": "pump-1"})
	}
	w.refused(record.Conflict, w.admin1, "devices:RotateKey", w.rotation("pump-1", "Org1MSP", old, newSigner(t, "EdDSA")))
	w.refused(record.AlreadyExists, w.admin1, "devices:Register", w.registration("pump-1", "Org1MSP", old))
	w.submit(w.admin2, "devices:Suspend", object{"id": "pump-1"})
}

func TestAcceptingAgainSucceedsWithoutAChange(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	next := newSigner(t, "ES256")
	w.submit(w.admin1, "devices:Offer", object{"id": "pump-1", "to": "Org2MSP"})
	first := w.submit(w.admin2, "devices:Accept", w.acceptance(our("pump-1"), "Org2MSP", next))
	p := w.ledger.Propose(w.cc, w.admin2, "devices:Accept", text(t, w.acceptance(our("pump-1"), "Org2MSP", next)))
	require.Equal(t, first, string(p.Response.GetPayload()))
	require.Empty(t, p.Stub.Writes)
	w.refused(record.AlreadyExists, w.admin2, "devices:Accept", w.acceptance(our("pump-1"), "Org2MSP", newSigner(t, "ES256")))
}

func TestAnAcceptedDeviceTakesNoNameThatIsTaken(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	w.submit(w.admin2, "devices:Register", w.registration("pump-1", "Org2MSP", newSigner(t, "EdDSA")))
	w.submit(w.admin1, "devices:Offer", object{"id": "pump-1", "to": "Org2MSP"})
	next := newSigner(t, "EdDSA")
	w.refused(record.AlreadyExists, w.admin2, "devices:Accept", w.acceptance(our("pump-1"), "Org2MSP", next))
	w.submit(w.admin2, "devices:Accept", object{
		"from": "Org1MSP/pump-1", "id": "pump-2", "key": next.Key().Text(), "proof": possession(t, next, "pump-2", "Org2MSP", w.ledger.Channel),
	})
}

func TestTheFormerOwnerDisownsADeviceForTheTimeThatItWasItsOwn(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	w.ledger.Advance(5 * time.Minute)
	w.submit(w.admin1, "devices:Offer", object{"id": "pump-1", "to": "Org2MSP"})
	w.submit(w.admin2, "devices:Accept", w.acceptance(our("pump-1"), "Org2MSP", newSigner(t, "EdDSA")))
	former := decode[record.Device](t, w.query(w.admin1, "devices:Get", "Org1MSP/pump-1"))
	w.ledger.Advance(5 * time.Minute)

	revoke := object{"id": "pump-1", "reason": "stolen"}
	w.refused(record.InvalidArgument, w.admin1, "devices:Revoke", revoke)
	for _, bad := range []int64{former.Registered.Time - 1, former.Transferred.Time + 1} {
		require.Equal(t, "compromisedSince", w.refusal(record.InvalidArgument, w.admin1, "devices:Revoke", revoke.with("compromisedSince", bad)).Field)
	}
	d := decode[record.Device](t, w.submit(w.admin1, "devices:Revoke", revoke.with("compromisedSince", former.Registered.Time)))
	require.Equal(t, record.Revoked, d.Status)
	require.Equal(t, former.Transferred, d.Transferred)
	require.Equal(t, record.Active, decode[record.Device](t, w.query(w.admin1, "devices:Get", "Org2MSP/pump-1")).Status)
}

func TestATransferNeedsTheOldOwnersPeersToo(t *testing.T) {
	inMemory(t, "it needs a channel of three organisations and more")
	w := newWorld(t)
	w.ledger.Organisations = []string{"Org1MSP", "Org2MSP", "Org3MSP"}
	org3 := ledgertest.NewOrganisation(t, "Org3MSP").Admin(t)
	for _, admin := range []ledgertest.Identity{w.admin1, w.admin2, org3} {
		w.submit(admin, "consortium:Approve", object{"organisations": w.ledger.Organisations, "others": 1})
	}
	w.device("pump-1")
	w.submit(w.admin1, "devices:Offer", object{"id": "pump-1", "to": "Org2MSP"})
	accept := text(t, w.acceptance(our("pump-1"), "Org2MSP", newSigner(t, "EdDSA")))
	p := w.ledger.Propose(w.cc, w.admin2, "devices:Accept", accept)
	require.Equal(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, w.ledger.Commit(p, "Org2MSP", "Org3MSP"))
	p = w.ledger.Propose(w.cc, w.admin2, "devices:Accept", accept)
	require.Equal(t, peer.TxValidationCode_VALID, w.ledger.Commit(p, "Org1MSP", "Org2MSP"))
	// The new record is signed for by the new owner's, the former one by the former owner's.
	d := decode[record.Device](t, w.query(w.admin1, "devices:Get", "Org2MSP/pump-1"))
	for _, key := range append(record.DeviceIndexKeys(d), record.DeviceKey(d.Name())) {
		require.False(t, ledgertest.Satisfied(w.ledger.Policy(key), []string{"Org1MSP", "Org3MSP"}), "%q", key)
		require.True(t, ledgertest.Satisfied(w.ledger.Policy(key), []string{"Org2MSP", "Org3MSP"}), "%q", key)
	}
	require.True(t, ledgertest.Satisfied(w.ledger.Policy(record.DeviceKey(our("pump-1"))), []string{"Org1MSP", "Org3MSP"}))
}
