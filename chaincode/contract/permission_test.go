// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/contract"
	"github.com/anchorline/anchorline/chaincode/internal/ledgertest"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/cose"
)

// Everybody who may call, in the order of the columns: without a role, with a granted role, and
// the NodeOU admin.
const everybody = "none auditor bridge registrar admin node"

// permission is one row of the matrix: who in the record's own organisation, and who in
// another, may call a function, and what they get for a device that is active, suspended or
// revoked. Whoever is not named gets FORBIDDEN.
type permission struct {
	function   string
	own, other string
	// active, suspended and revoked are the results for those who may; "" is success.
	active, suspended, revoked record.Code
	// otherResult is what those who may in the other organisation get instead, when it differs.
	otherResult map[record.Status]record.Code
}

// nobodys is what a registrar or admin of another organisation gets where a request names an id only:
// it is that of a record of their own, which is not there.
func nobodys() map[record.Status]record.Code {
	return map[record.Status]record.Code{
		record.Active: record.NotFound, record.Suspended: record.NotFound, record.Revoked: record.NotFound,
	}
}

// permissions is the matrix. Every function that writes has a row.
func permissions() []permission {
	const registrars, carriers = "registrar admin node", "bridge registrar admin node"
	final := record.Conflict
	return []permission{
		{function: "consortium:Approve", own: "admin node", other: "admin node"},
		{function: "roles:Grant", own: "admin node", other: "admin node"},
		{function: "roles:Revoke", own: "admin node", other: "admin node"},
		{function: "devices:Register", own: registrars, other: registrars},
		{function: "devices:RegisterMany", own: registrars, other: registrars},
		{function: "devices:AddManufacturer", own: registrars, other: registrars},
		{function: "devices:RemoveManufacturer", own: registrars, other: registrars},
		{function: "devices:Enrol", own: carriers, other: carriers},
		{function: "devices:SetAttributes", own: registrars, other: registrars, revoked: final, otherResult: nobodys()},
		{function: "devices:RotateKey", own: carriers, other: carriers, suspended: record.Conflict, revoked: final},
		{function: "devices:RotateKey for a reason", own: registrars, other: registrars, revoked: final, otherResult: nobodys()},
		{function: "devices:Suspend", own: registrars, other: registrars, revoked: final, otherResult: nobodys()},
		{function: "devices:Resume", own: registrars, other: registrars, revoked: final, otherResult: nobodys()},
		{function: "devices:Revoke", own: registrars, other: registrars, revoked: final, otherResult: nobodys()},
		{function: "devices:Offer", own: registrars, other: registrars, revoked: final, otherResult: nobodys()},
		{function: "devices:WithdrawOffer", own: registrars, other: registrars, otherResult: nobodys()},
		{
			function: "devices:Accept", own: registrars, other: registrars, active: record.Forbidden, suspended: record.Forbidden, revoked: record.Forbidden,
			otherResult: map[record.Status]record.Code{record.Active: "", record.Suspended: "", record.Revoked: record.Forbidden},
		},
		{function: "anchors:OpenStream", own: "bridge", other: "bridge"},
		{function: "anchors:Anchor", own: "bridge"},
		{function: "anchors:RotateStreamKey", own: "bridge", other: "bridge", otherResult: nobodys()},
		{function: "anchors:RotateStreamKey for a reason", own: "admin node", other: "admin node", otherResult: nobodys()},
		{function: "anchors:StopStream", own: "admin node", other: "admin node", otherResult: nobodys()},
		{function: "anchors:SetBridge", own: "admin node", other: "admin node", otherResult: nobodys()},
		{function: "anchors:ReportEquivocation", own: "auditor bridge admin node", other: "auditor bridge admin node"},
		{function: "policies:Put", own: "admin node", other: "admin node"},
		{function: "policies:Revoke", own: "admin node", other: "admin node"},
		{function: "access:Request", own: everybody, other: everybody},
	}
}

// stage is a world with a device in every status, a stream with an anchor, and everybody of
// everybody in both organisations.
type stage struct {
	*world
	people  map[string]map[string]ledgertest.Identity // by organisation and role
	signers map[record.Status]cose.Signer
	batch   batch
	maker   *maker
}

func newStage(t *testing.T) *stage {
	s := &stage{world: newWorld(t), people: map[string]map[string]ledgertest.Identity{}, signers: map[record.Status]cose.Signer{}}
	s.maker = newMaker(t, "Maker", nil)
	for _, org := range []ledgertest.Organisation{s.org1, s.org2} {
		admin := map[string]ledgertest.Identity{"Org1MSP": s.admin1, "Org2MSP": s.admin2}[org.MSP]
		people := map[string]ledgertest.Identity{"node": admin, "none": org.Client(t, "none")}
		for _, role := range []string{"auditor", "bridge", "registrar", "admin"} {
			people[role] = org.Member(t, role, []string{"client", role + "s"}, nil)
			s.submit(admin, "roles:Grant", object{"role": role, "unit": role + "s"})
		}
		s.people[org.MSP] = people
		s.submit(admin, "devices:AddManufacturer", object{"name": "maker", "certificate": s.maker.text()})
		s.submit(admin, "policies:Put", object{"id": "p", "text": `permit(principal, action, resource);`})
	}
	s.bridge1 = s.people["Org1MSP"]["bridge"]
	for _, status := range []record.Status{record.Active, record.Suspended, record.Revoked} {
		s.signers[status] = s.device(string(status))
		s.submit(s.admin1, "devices:Offer", object{"id": string(status), "to": "Org2MSP"})
	}
	s.submit(s.admin1, "devices:Suspend", object{"id": string(record.Suspended)})
	s.submit(s.admin1, "devices:Revoke", object{"id": string(record.Revoked), "reason": "stolen"})
	s.batch = s.anchoredBatch(2)
	return s
}

// request is a valid request for a function, for the device of a status, by an organisation.
func (s *stage) request(function string, status record.Status, msp string) string {
	id, channel := string(status), s.ledger.Channel
	next := newSigner(s.t, "EdDSA")
	replacement := func(id, proof string) object {
		return object{"id": id, "key": next.Key().Text(), "proof": proof, "reason": "lost"}
	}
	switch function {
	case "consortium:Approve":
		return text(s.t, object{"organisations": []string{"Org1MSP", "Org2MSP"}, "others": 1})
	case "roles:Grant", "roles:Revoke":
		return text(s.t, object{"role": "auditor", "unit": "auditors"})
	case "devices:Register":
		return text(s.t, s.registration("new", msp, next))
	case "devices:RegisterMany":
		return text(s.t, object{"devices": []object{s.registration("new", msp, next)}})
	case "devices:AddManufacturer":
		return text(s.t, object{"name": "another", "certificate": s.maker.text()})
	case "devices:RemoveManufacturer":
		return text(s.t, object{"name": "maker"})
	case "devices:Enrol":
		return s.enrolment()
	case "devices:RotateKey":
		return text(s.t, s.rotation(id, "Org1MSP", s.signers[status], next).with("owner", "Org1MSP"))
	case "devices:RotateKey for a reason":
		return text(s.t, replacement(id, possession(s.t, next, id, "Org1MSP", channel)))
	case "devices:Revoke":
		return text(s.t, object{"id": id, "reason": "broken"})
	case "devices:Offer":
		return text(s.t, object{"id": id, "to": "Org2MSP"})
	case "devices:SetAttributes", "devices:Suspend", "devices:Resume", "devices:WithdrawOffer":
		return text(s.t, object{"id": id})
	case "devices:Accept":
		return text(s.t, s.acceptance(our(id), msp, next))
	case "anchors:OpenStream":
		return text(s.t, object{"id": "new", "key": next.Key().Text(), "proof": streamPossession(s.t, next, "new", msp, channel)})
	case "anchors:Anchor":
		return canonical(s.t, anchor("bridge-1", 2, s.batch.entry.Hash))
	case "anchors:RotateStreamKey":
		return text(s.t, s.streamRotation("bridge-1", "Org1MSP", s.batch.stream, next))
	case "anchors:RotateStreamKey for a reason":
		return text(s.t, replacement("bridge-1", streamPossession(s.t, next, "bridge-1", "Org1MSP", channel)))
	case "anchors:StopStream":
		return text(s.t, object{"id": "bridge-1", "reason": "stolen"})
	case "anchors:SetBridge":
		return text(s.t, object{"id": "bridge-1", "bridge": strings.Repeat("0", 64)})
	case "anchors:ReportEquivocation":
		lie := s.batch.claims(s.t)
		lie.Anchor[0] ^= 1
		return text(s.t, object{"receipt": b64(s.batch.receipt(s.t, s.batch.stream, lie, 0)), "root": s.batch.tree.Root().String()})
	case "policies:Put":
		return text(s.t, object{"id": "p", "text": `forbid(principal, action, resource);`})
	case "policies:Revoke":
		return text(s.t, object{"id": "p", "reason": "over"})
	case "access:Request":
		return text(s.t, readOf("Org1MSP/"+id))
	}
	s.t.Fatalf("%s has no request in this test", function)
	return ""
}

// enrolment is a valid request of a device that its manufacturer certified.
func (s *stage) enrolment() string {
	public, signer := ed25519Signer(s.t)
	return text(s.t, object{
		"id": "enrolled", "owner": "Org1MSP", "manufacturer": "maker",
		"chain": []string{s.maker.certify(s.t, pkixName("enrolled"), public, farFuture)},
		"proof": possession(s.t, signer, "enrolled", "Org1MSP", s.ledger.Channel),
	})
}

// expected is what the matrix says.
func (p permission) expected(role, msp string, status record.Status) record.Code {
	allowed := p.own
	if msp != "Org1MSP" {
		allowed = p.other
	}
	if !slices.Contains(strings.Fields(allowed), role) {
		return record.Forbidden
	}
	if code, differs := p.otherResult[status]; differs && msp != "Org1MSP" {
		return code
	}
	return map[record.Status]record.Code{
		record.Active: p.active, record.Suspended: p.suspended, record.Revoked: p.revoked,
	}[status]
}

func TestEveryoneMayDoWhatTheMatrixSaysAndNothingElse(t *testing.T) {
	s := newStage(t)
	for _, p := range permissions() {
		function, _, _ := strings.Cut(p.function, " ")
		for _, msp := range []string{"Org1MSP", "Org2MSP"} {
			for _, status := range []record.Status{record.Active, record.Suspended, record.Revoked} {
				request := s.request(p.function, status, msp)
				for _, role := range strings.Fields(everybody) {
					what := fmt.Sprintf("%s by %s of %s, device %s", p.function, role, msp, status)
					proposal := s.ledger.Propose(s.cc, s.people[msp][role], function, request)
					got := record.Code("")
					if message := proposal.Response.GetMessage(); message != "" {
						e, coded := record.ParseError(message)
						require.True(t, coded, "%s: %s", what, message)
						got = e.Code
					}
					require.Equal(t, p.expected(role, msp, status), got, "%s: %s", what, proposal.Response.GetMessage())
				}
			}
		}
	}
}

func TestTheMatrixHasARowForEveryFunctionThatWrites(t *testing.T) {
	rows := map[string]bool{}
	for _, p := range permissions() {
		function, _, _ := strings.Cut(p.function, " ")
		rows[function] = true
	}
	for _, f := range contract.Functions() {
		require.Equal(t, !f.Reads, rows[f.Name()], f.Name())
	}
}

// queries are a valid call of every function that reads, for the device of a status.
func (s *stage) queries(status record.Status, recorded string) [][]any {
	device, reading, proof := "Org1MSP/"+string(status), b64(s.batch.readings[0]), b64(s.batch.path(s.t, 2, 0))
	return [][]any{
		{"consortium:Get"}, {"roles:WhoAmI"}, {"roles:List", object{}},
		{"devices:Get", device}, {"devices:List", object{}}, {"devices:History", object{"device": device}},
		{"devices:KeyAt", device, fmt.Sprint(s.ledger.Now())}, {"devices:ListManufacturers", object{}},
		{"anchors:GetStream", "Org1MSP/bridge-1"}, {"anchors:ListStreams", object{}}, {"anchors:Get", "Org1MSP/bridge-1", "1"},
		{"anchors:Head", "Org1MSP/bridge-1"}, {"anchors:List", object{"stream": "Org1MSP/bridge-1"}},
		{"anchors:Attest", object{"stream": "Org1MSP/bridge-1", "from": 1, "to": 1, "devices": []string{device}, "nonce": record.ZeroHash}},
		{"anchors:ListByDay", object{"day": "2023-11-14"}}, {"anchors:ListEquivocations", object{}},
		{"anchors:VerifyInclusion", "Org1MSP/bridge-1", "1", reading, proof},
		{"policies:Get", "Org1MSP/p"}, {"policies:GetRevision", "Org1MSP/p", "1"}, {"policies:List", object{}},
		{"policies:Schema"}, {"policies:Check", permitOrg2},
		{"access:Decide", readOf(device)}, {"access:Get", recorded}, {"access:List", object{}},
	}
}

func TestQueriesAreOpenToEveryMemberOfTheChannel(t *testing.T) {
	s := newStage(t)
	recorded := decode[record.Access](t, s.submit(s.admin1, "access:Request", readOf("Org1MSP/active"))).ID
	called := map[string]bool{}
	for _, status := range []record.Status{record.Active, record.Suspended, record.Revoked} {
		for _, call := range s.queries(status, recorded) {
			called[call[0].(string)] = true
			for _, people := range s.people {
				for _, role := range strings.Fields(everybody) {
					s.query(people[role], call[0].(string), call[1:]...)
				}
			}
		}
	}
	for _, f := range contract.Functions() {
		require.Equal(t, f.Reads, called[f.Name()], f.Name())
	}
}
