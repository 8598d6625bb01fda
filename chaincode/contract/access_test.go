// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/policy"
	"github.com/anchorline/anchorline/chaincode/record"
)

const permitOrg2 = `permit(principal in Organisation::"Org2MSP", action == Action::"read", resource) when { resource.status == "active" };`

// readOf asks to read one device.
func readOf(id string) object {
	return object{"action": "read", "resource": object{"device": id}}
}

func TestAPolicyIsKeptInEveryRevision(t *testing.T) {
	w := newWorld(t)
	put := object{"id": "share", "text": permitOrg2}
	first := decode[record.Policy](t, w.submit(w.admin1, "policies:Put", put))
	require.Equal(t, uint64(1), first.Revision)
	p := w.ledger.Propose(w.cc, w.admin1, "policies:Put", text(t, put))
	require.Empty(t, p.Stub.Writes)

	second := `forbid(principal, action, resource);`
	w.submit(w.admin1, "policies:Put", put.with("text", second))
	revoked := decode[record.Policy](t, w.submit(w.admin1, "policies:Revoke", object{"id": "share", "reason": "over"}))
	require.Equal(t, uint64(3), revoked.Revision)
	require.False(t, revoked.Active)
	p = w.ledger.Propose(w.cc, w.admin1, "policies:Revoke", text(t, object{"id": "share", "reason": "over"}))
	require.Empty(t, p.Stub.Writes)
	again := decode[record.Policy](t, w.submit(w.admin1, "policies:Put", put))
	require.Equal(t, uint64(4), again.Revision)
	require.Empty(t, again.Reason)

	for revision, want := range map[string]string{"1": permitOrg2, "2": second, "3": "", "4": permitOrg2} {
		require.Equal(t, want, decode[record.Policy](t, w.query(w.admin2, "policies:GetRevision", "Org1MSP/share", revision)).Text)
	}
	require.Equal(t, again, decode[record.Policy](t, w.query(w.admin2, "policies:Get", "Org1MSP/share")))
	w.refused(record.NotFound, w.admin1, "policies:GetRevision", "Org1MSP/share", "5")
	w.refused(record.NotFound, w.admin1, "policies:Get", "Org2MSP/share")
	w.refused(record.NotFound, w.admin1, "policies:Revoke", object{"id": "other", "reason": "x"})
	type list struct {
		Policies []record.Policy `json:"policies"`
		Bookmark string          `json:"bookmark"`
	}
	require.Equal(t, []record.Policy{again}, decode[list](t, w.query(w.admin2, "policies:List", object{"owner": "Org1MSP"})).Policies)
}

func TestAPolicyThatDoesNotFitTheSchemaIsNotStored(t *testing.T) {
	w := newWorld(t)
	bad := `permit(principal, action, resource) when { resource.colour == "red" };`
	require.Contains(t, w.refused(record.InvalidArgument, w.admin1, "policies:Put", object{"id": "p", "text": bad}), "line 1, column 53")
	w.refused(record.InvalidArgument, w.admin1, "policies:Check", bad)
	checked := decode[call.CheckedPolicy](t, w.query(w.admin1, "policies:Check", permitOrg2))
	require.Contains(t, checked.Text, "permit")
	require.Positive(t, checked.Cost)
	require.Empty(t, checked.Warnings)
	roles := `permit(principal in Organisation::"Org2MSP", action, resource) when { principal has roles && principal.roles.contains("admin") };`
	require.Len(t, decode[call.CheckedPolicy](t, w.query(w.admin1, "policies:Check", roles)).Warnings, 1, "only its own organisation sees roles")
	require.Empty(t, decode[call.CheckedPolicy](t, w.query(w.admin2, "policies:Check", roles)).Warnings)
	require.Contains(t, w.query(w.admin2, "policies:Schema"), "entity Device")
	w.refused(record.Forbidden, w.org1.Client(t, "client"), "policies:Put", object{"id": "p", "text": permitOrg2})
}

func TestOnlyTheDevicesOwnersPoliciesDecide(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	answer := decode[record.Decision](t, w.query(w.admin2, "access:Decide", readOf("Org1MSP/pump-1")))
	require.False(t, answer.Allowed)
	require.Empty(t, answer.Devices[0].Policies)

	w.submit(w.admin2, "policies:Put", object{"id": "mine", "text": `permit(principal, action, resource);`})
	require.False(t, decode[record.Decision](t, w.query(w.admin2, "access:Decide", readOf("Org1MSP/pump-1"))).Allowed)

	w.submit(w.admin1, "policies:Put", object{"id": "share", "text": permitOrg2})
	answer = decode[record.Decision](t, w.query(w.admin2, "access:Decide", readOf("Org1MSP/pump-1")))
	require.True(t, answer.Allowed)
	require.Equal(t, "Org2MSP/"+w.whoAmI(w.admin2).Identity, answer.Subject)
	require.Equal(t, []record.DeviceDecision{{
		Device: our("pump-1"), Allowed: true, Policies: []record.PolicyReference{{ID: "share", Revision: 1}},
	}}, answer.Devices)
	require.False(t, decode[record.Decision](t, w.query(w.bridge1, "access:Decide", readOf("Org1MSP/pump-1"))).Allowed)

	w.submit(w.admin1, "devices:Suspend", object{"id": "pump-1"})
	require.False(t, decode[record.Decision](t, w.query(w.admin2, "access:Decide", readOf("Org1MSP/pump-1"))).Allowed)
	w.submit(w.admin1, "devices:Resume", object{"id": "pump-1"})
	w.submit(w.admin1, "policies:Revoke", object{"id": "share", "reason": "over"})
	require.False(t, decode[record.Decision](t, w.query(w.admin2, "access:Decide", readOf("Org1MSP/pump-1"))).Allowed)
}

func TestASetOfDevicesIsAllowedOnlyAsAWhole(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"b", "a", "c"} {
		w.device(id)
	}
	w.submit(w.admin2, "devices:Register", w.registration("d", "Org2MSP", newSigner(t, "EdDSA")))
	w.submit(w.admin1, "policies:Put", object{"id": "share", "text": permitOrg2})
	set := object{"action": "read", "resource": object{"owner": "Org1MSP", "attributes": object{"site": "east"}}}
	answer := decode[record.Decision](t, w.query(w.admin2, "access:Decide", set))
	require.True(t, answer.Allowed)
	var ids []string
	for _, d := range answer.Devices {
		ids = append(ids, d.Device.ID)
	}
	require.Equal(t, "a b c", strings.Join(ids, " "))

	w.submit(w.admin1, "devices:Suspend", object{"id": "b"})
	answer = decode[record.Decision](t, w.query(w.admin2, "access:Decide", set))
	require.False(t, answer.Allowed)
	require.True(t, answer.Devices[0].Allowed)
	require.False(t, answer.Devices[1].Allowed)

	both := w.registration("e", "Org1MSP", newSigner(t, "EdDSA"))
	w.submit(w.admin1, "devices:Register", both.with("attributes", object{"site": "east", "zone": "2"}))
	narrow := object{"action": "read", "resource": object{"owner": "Org1MSP", "attributes": object{"site": "east", "zone": "2"}}}
	answer = decode[record.Decision](t, w.query(w.admin2, "access:Decide", narrow))
	require.Len(t, answer.Devices, 1)
	require.Equal(t, our("e"), answer.Devices[0].Device)

	none := object{"action": "read", "resource": object{"owner": "Org1MSP", "attributes": object{"site": "nowhere"}}}
	require.False(t, decode[record.Decision](t, w.query(w.admin2, "access:Decide", none)).Allowed)
	whole := object{"action": "read", "resource": object{"owner": "Org1MSP"}}
	require.Len(t, decode[record.Decision](t, w.query(w.admin2, "access:Decide", whole)).Devices, 4)
}

func TestARecordedDecisionExpiresAndCanBeReplayed(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	w.submit(w.admin1, "policies:Put", object{"id": "share", "text": permitOrg2})
	p := w.ledger.Propose(w.cc, w.admin2, "access:Request", text(t, readOf("Org1MSP/pump-1").with("ttl", 5000)))
	// The same proposal on the same state gives the same bytes.
	w.sameAgain(w.cc, p)
	require.Equal(t, peer.TxValidationCode_VALID, w.ledger.Commit(p, w.ledger.Organisations...))
	a := decode[record.Access](t, string(p.Response.GetPayload()))
	require.True(t, a.Decision.Allowed)
	require.Equal(t, a.Decision.Time+5000, a.Expires)
	require.Equal(t, p.Stub.GetTxID(), a.ID)
	require.Equal(t, string(p.Response.GetPayload()), w.query(w.admin1, "access:Get", a.ID))
	events := w.ledger.Events()
	require.Equal(t, call.AccessRequested, events[len(events)-1].Name)

	refused := decode[record.Access](t, w.submit(w.bridge1, "access:Request", readOf("Org1MSP/pump-1")))
	require.False(t, refused.Decision.Allowed)
	require.Equal(t, refused.Decision.Time+3_600_000, refused.Expires)
	type list struct {
		Decisions []record.Access `json:"decisions"`
		Bookmark  string          `json:"bookmark"`
	}
	require.Len(t, decode[list](t, w.query(w.admin1, "access:List", object{})).Decisions, 2)
	w.refused(record.NotFound, w.admin1, "access:Get", strings.Repeat("0", 64))
}

func TestARecordedDecisionDoesNotOverlookAPolicyOrADeviceThatCameMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	w.submit(w.admin1, "policies:Put", object{"id": "share", "text": permitOrg2})
	set := object{"action": "read", "resource": object{"owner": "Org1MSP", "attributes": object{"site": "east"}}}
	p := w.ledger.Propose(w.cc, w.admin2, "access:Request", text(t, set))
	w.submit(w.admin1, "policies:Put", object{"id": "stop", "text": `forbid(principal, action, resource);`})
	require.Equal(t, peer.TxValidationCode_PHANTOM_READ_CONFLICT, w.ledger.Commit(p, "Org1MSP", "Org2MSP"))
	w.submit(w.admin1, "policies:Revoke", object{"id": "stop", "reason": "x"})
	p = w.ledger.Propose(w.cc, w.admin2, "access:Request", text(t, set))
	w.device("pump-2")
	require.Equal(t, peer.TxValidationCode_PHANTOM_READ_CONFLICT, w.ledger.Commit(p, "Org1MSP", "Org2MSP"))
}

func TestAQuestionThatIsUnclearIsRefused(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	for _, bad := range []object{
		{"resource": object{"device": "Org1MSP/pump-1"}},
		{"action": "destroy", "resource": object{"device": "Org1MSP/pump-1"}},
		{"action": "read"},
		{"action": "read", "resource": object{"device": "Org1MSP/pump-1", "owner": "Org1MSP"}},
		{"action": "read", "resource": object{"attributes": object{"site": "east"}}},
		{"action": "read", "resource": object{"device": "Org1MSP/pump-1"}, "context": object{"mood": "good"}},
		{"action": "read", "resource": object{"device": "Org1MSP/pump-1"}, "context": object{"from": -1}},
	} {
		w.refused(record.InvalidArgument, w.admin1, "access:Decide", bad)
	}
	w.refused(record.InvalidArgument, w.admin1, "access:Request", readOf("Org1MSP/pump-1").with("ttl", int64(31*24*3_600_000)))
	w.refused(record.NotFound, w.admin1, "access:Decide", readOf("Org1MSP/pump-9"))
	require.NotEmpty(t, policy.Actions())
}
