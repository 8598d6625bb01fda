// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/internal/ledgertest"
	"github.com/anchorline/anchorline/chaincode/record"
)

// consortium is what consortium:Get answers.
type consortium struct {
	Terms     *record.Terms     `json:"terms"`
	Approvals []record.Approval `json:"approvals"`
}

func TestTermsAreInForceWhenEveryOrganisationApprovesTheSame(t *testing.T) {
	w := newWorld(t)
	require.Nil(t, decode[consortium](t, w.query(w.admin1, "consortium:Get")).Terms)
	terms := object{"organisations": []string{"Org2MSP", "Org1MSP"}, "others": 1}
	pending := decode[consortium](t, w.submit(w.admin1, "consortium:Approve", terms))
	require.Nil(t, pending.Terms)
	w.submit(w.admin2, "consortium:Approve", object{"organisations": []string{"Org1MSP", "Org2MSP"}, "others": 0})
	require.Nil(t, decode[consortium](t, w.query(w.admin1, "consortium:Get")).Terms)

	inForce := decode[consortium](t, w.submit(w.admin2, "consortium:Approve", terms))
	require.Equal(t, &record.Terms{Organisations: []string{"Org1MSP", "Org2MSP"}, Others: 1}, inForce.Terms)
	require.Equal(t, inForce, decode[consortium](t, w.query(w.admin1, "consortium:Get")))
}

func TestApprovingTheSameAgainChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.agree()
	for _, admin := range []ledgertest.Identity{w.admin1, w.admin2} {
		p := w.ledger.Propose(w.cc, admin, "consortium:Approve", text(t, object{"organisations": []string{"Org1MSP", "Org2MSP"}, "others": 1}))
		require.Empty(t, p.Response.GetMessage())
		require.Empty(t, p.Stub.Writes)
		require.Empty(t, p.Stub.EventName)
	}
}

func TestTermsChangeOnlyWhenOldAndNewMembersApprove(t *testing.T) {
	inMemory(t, "it needs a channel of three organisations and more")
	w := newWorld(t)
	w.agree()
	org3 := ledgertest.NewOrganisation(t, "Org3MSP")
	w.ledger.Organisations = append(w.ledger.Organisations, "Org3MSP")
	terms := object{"organisations": []string{"Org1MSP", "Org3MSP"}, "others": 1}
	w.submit(w.admin1, "consortium:Approve", terms)
	w.submit(org3.Admin(t), "consortium:Approve", terms)
	// Organisation 2 is to leave, and has not agreed.
	require.Equal(t, []string{"Org1MSP", "Org2MSP"}, decode[consortium](t, w.query(w.admin1, "consortium:Get")).Terms.Organisations)
	w.submit(w.admin2, "consortium:Approve", terms)
	require.Equal(t, []string{"Org1MSP", "Org3MSP"}, decode[consortium](t, w.query(w.admin1, "consortium:Get")).Terms.Organisations)
}

func TestTermsThatCannotBeMetAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, bad := range []object{
		{"organisations": []string{}, "others": 0},
		{"organisations": []string{"Org1MSP"}, "others": 1},
		{"organisations": []string{"Org1MSP", "Org1MSP"}, "others": 0},
		{"organisations": []string{"Org1MSP", "no good"}, "others": 0},
		{"organisations": []string{"Org2MSP"}, "others": 0},
		{"others": 0},
	} {
		w.refused(record.InvalidArgument, w.admin1, "consortium:Approve", bad)
	}
	w.refused(record.Forbidden, w.org1.Client(t, "client"), "consortium:Approve", object{"organisations": []string{"Org1MSP"}, "others": 0})
}

func TestWithoutTermsTheChaincodesOwnPolicyGoverns(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	require.Empty(t, w.ledger.Policy(record.DeviceKey(our("pump-1"))))
	for _, c := range []struct {
		endorsers []string
		code      peer.TxValidationCode
	}{
		{[]string{"Org1MSP"}, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE},
		{[]string{"Org1MSP", "Org2MSP"}, peer.TxValidationCode_VALID},
	} {
		p := w.ledger.Propose(w.cc, w.admin1, "devices:Suspend", text(t, object{"id": "pump-1"}))
		require.Equal(t, c.code, w.ledger.Commit(p, c.endorsers...))
	}
}

func TestEveryKeyOfARecordNeedsItsOwnerAndTheOthers(t *testing.T) {
	w := newWorld(t)
	w.agree()
	w.submit(w.admin1, "roles:Grant", object{"role": "auditor", "unit": "auditors"})
	w.device("pump-1")
	w.stream(w.bridge1, "bridge-1")
	w.submit(w.bridge1, "anchors:Anchor", canonical(t, anchor("bridge-1", 1, record.ZeroHash)))
	w.submit(w.admin1, "policies:Put", object{"id": "p", "text": "permit(principal, action, resource);"})
	w.submit(w.admin1, "access:Request", object{"action": "read", "resource": object{"device": "Org1MSP/pump-1"}})

	guarded := 0
	for _, key := range w.ledger.Keys() {
		object, attributes := record.SplitKey(key)
		policy := w.ledger.Policy(key)
		switch {
		case object == record.ApprovalObject, object == record.StopObject, object == record.StreamStopObject:
			require.True(t, ledgertest.Satisfied(policy, attributes[:1]), "its owner suffices")
			require.False(t, ledgertest.Satisfied(policy, []string{"Org2MSP"}) && attributes[0] != "Org2MSP", "and is needed")
		case object == record.GrantObject && attributes[1] == "bridge":
			require.Empty(t, policy, "the grant is older than the terms")
		default:
			guarded++
			require.False(t, ledgertest.Satisfied(policy, []string{"Org1MSP"}), "%q", key)
			require.False(t, ledgertest.Satisfied(policy, []string{"Org2MSP"}), "%q", key)
			require.False(t, ledgertest.Satisfied(policy, []string{"Org1MSP", "Org1MSP"}), "%q", key)
			require.True(t, ledgertest.Satisfied(policy, []string{"Org2MSP", "Org1MSP"}), "%q", key)
		}
	}
	require.Greater(t, guarded, 10)
}

func TestTheOwnerIsNeededHoweverManyOthersSign(t *testing.T) {
	inMemory(t, "it needs a channel of three organisations and more")
	w := newWorld(t)
	w.ledger.Organisations = []string{"Org1MSP", "Org2MSP", "Org3MSP", "Org4MSP"}
	admins := []ledgertest.Identity{w.admin1, w.admin2}
	for _, msp := range w.ledger.Organisations[2:] {
		admins = append(admins, ledgertest.NewOrganisation(t, msp).Admin(t))
	}
	for _, admin := range admins {
		w.submit(admin, "consortium:Approve", object{"organisations": w.ledger.Organisations, "others": 2})
	}
	w.device("pump-1")
	policy := w.ledger.Policy(record.DeviceKey(our("pump-1")))
	for endorsers, enough := range map[string]bool{
		"1": false, "1 2": false, "2 3 4": false, "1 2 3": true, "1 3 4": true, "4 2 1": true, "1 2 3 4": true,
	} {
		var msps []string
		for _, n := range strings.Fields(endorsers) {
			msps = append(msps, "Org"+n+"MSP")
		}
		require.Equal(t, enough, ledgertest.Satisfied(policy, msps), endorsers)
	}
}

func TestARecordOlderThanTheTermsIsGuardedFromItsNextChangeOn(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	w.agree()
	w.submit(w.admin1, "devices:Offer", object{"id": "pump-1", "to": "Org2MSP"})
	require.True(t, ledgertest.Satisfied(w.ledger.Policy(record.StopKey(our("pump-1"))), []string{"Org1MSP"}))
	policy := w.ledger.Policy(record.DeviceKey(our("pump-1")))
	require.True(t, ledgertest.Satisfied(policy, []string{"Org1MSP", "Org2MSP"}))
	require.False(t, ledgertest.Satisfied(policy, []string{"Org1MSP"}))
	// Once it is set, a change that keeps owner and terms does not set it again.
	p := w.ledger.Propose(w.cc, w.admin1, "devices:WithdrawOffer", text(t, object{"id": "pump-1"}))
	require.NotContains(t, p.Stub.Policies, record.DeviceKey(our("pump-1")))
}

func TestAnOrganisationOutsideTheTermsCannotOwnARecord(t *testing.T) {
	inMemory(t, "it needs a channel of three organisations and more")
	w := newWorld(t)
	w.agree()
	admin3 := ledgertest.NewOrganisation(t, "Org3MSP").Admin(t)
	w.refused(record.Forbidden, admin3, "devices:Register", w.registration("pump-1", "Org3MSP", newSigner(t, "EdDSA")))
	w.refused(record.Forbidden, admin3, "roles:Grant", object{"role": "bridge", "unit": "x"})
}
