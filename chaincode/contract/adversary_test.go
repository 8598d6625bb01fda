// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/internal/rogue"
	"github.com/anchorline/anchorline/chaincode/record"
)

// alone commits a write by a rogue chaincode that only one organisation endorses.
func (w *world) alone(msp, key, value string) peer.TxValidationCode {
	w.t.Helper()
	p := w.ledger.Propose(rogue.New(w.cc), w.admin1, "rogue:Write", key, value)
	return w.ledger.Commit(p, msp)
}

func TestAnOrganisationApprovesForItselfOnly(t *testing.T) {
	inMemory(t, "a rogue on a network is in TestARogueOnOneOrganisationsPeerChangesNothing")
	w := newWorld(t)
	w.agree()
	weaker := object{"organisations": []string{"Org1MSP", "Org2MSP"}, "others": 0}
	forged := text(t, record.Approval{
		Type: record.ApprovalType, Version: record.Version, MSP: "Org2MSP",
		Terms: record.Terms{Organisations: []string{"Org1MSP", "Org2MSP"}}, Updated: 1,
	})
	require.Equal(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, w.alone("Org1MSP", record.ApprovalKey("Org2MSP"), forged))
	require.Equal(t, peer.TxValidationCode_VALID, w.alone("Org1MSP", record.ApprovalKey("Org1MSP"), forged), "the rogue works")
	require.Equal(t, []record.Approval{{
		Type: record.ApprovalType, Version: record.Version, MSP: "Org2MSP",
		Terms:   record.Terms{Organisations: []string{"Org1MSP", "Org2MSP"}, Others: 1},
		Updated: decode[consortium](t, w.query(w.admin2, "consortium:Get")).Approvals[0].Updated,
	}}, decode[consortium](t, w.query(w.admin2, "consortium:Get")).Approvals, "a forged approval is nobody's")

	state := decode[consortium](t, w.submit(w.admin1, "consortium:Approve", weaker))
	require.Equal(t, 1, state.Terms.Others)
	state = decode[consortium](t, w.submit(w.admin2, "consortium:Approve", weaker))
	require.Equal(t, 0, state.Terms.Others, "what both approve comes into force")
}

func TestAnOrganisationCanLeaveWhenEverybodyApproves(t *testing.T) {
	w := newWorld(t)
	w.agree()
	without := object{"organisations": []string{"Org1MSP"}, "others": 0}
	require.NotNil(t, decode[consortium](t, w.submit(w.admin1, "consortium:Approve", without)).Terms)
	require.Len(t, decode[consortium](t, w.query(w.admin1, "consortium:Get")).Terms.Organisations, 2, "the one that leaves has a say")
	w.submit(w.admin2, "consortium:Approve", without)
	require.Equal(t, []string{"Org1MSP"}, decode[consortium](t, w.query(w.admin1, "consortium:Get")).Terms.Organisations)
	require.Contains(t, w.refused(record.InvalidArgument, w.admin2, "consortium:Approve", without), "Org2MSP", "it is a stranger now")
}

func TestAKeyUnderSuspicionAuthorisesNoOther(t *testing.T) {
	w := newWorld(t)
	old, next := w.device("pump-1"), newSigner(t, "ES256")
	w.submit(w.admin1, "devices:Suspend", object{"id": "pump-1", "reason": "stolen?"})
	require.Contains(t, w.refused(record.Conflict, w.bridge1, "devices:RotateKey", w.rotation("pump-1", "Org1MSP", old, next)), "registrar")
	d := decode[record.Device](t, w.submit(w.admin1, "devices:RotateKey", object{
		"id": "pump-1", "key": next.Key().Text(), "reason": "stolen", "proof": possession(t, next, "pump-1", "Org1MSP", w.ledger.Channel),
	}))
	require.Len(t, d.Keys, 2)
	require.Equal(t, record.Suspended, d.Status)
}

func TestAProposalWithoutATimeIsRefused(t *testing.T) {
	inMemory(t, "a peer refuses such a proposal before the chaincode sees it")
	w := newWorld(t)
	w.ledger.Advance(time.Duration(-w.ledger.Now()) * time.Millisecond)
	signer := newSigner(t, "EdDSA")
	require.Contains(t, w.refused(record.InvalidArgument, w.admin1, "devices:Register", w.registration("pump-1", "Org1MSP", signer)), "timestamp")
}

func TestADecisionThatIsTooLargeIsRefused(t *testing.T) {
	bulky(t)
	w := newWorld(t)
	const devices, policies = 150, 90
	var all []object
	for i := range devices {
		all = append(all, w.registration(fmt.Sprintf("%064d", i), "Org1MSP", newSigner(t, "EdDSA")))
	}
	w.submit(w.admin1, "devices:RegisterMany", object{"devices": all})
	for i := range policies {
		w.submit(w.admin1, "policies:Put", object{"id": fmt.Sprintf("%064d", i), "text": `permit(principal, action, resource);`})
	}
	ask := object{"action": "read", "resource": object{"owner": "Org1MSP"}}
	require.Equal(t, "resource", w.refusal(record.TooLarge, w.admin2, "access:Request", ask).Field)
	w.refused(record.TooLarge, w.admin2, "access:Decide", ask)
	require.True(t, decode[record.Access](t, w.submit(w.admin2, "access:Request", readOf(fmt.Sprintf("Org1MSP/%064d", 0)))).Decision.Allowed)
}

func TestAnOrganisationHasNoMorePoliciesThanCanDecide(t *testing.T) {
	bulky(t)
	w := newWorld(t)
	w.device("pump-1")
	for i := range record.MaxPolicies {
		w.submit(w.admin1, "policies:Put", object{"id": fmt.Sprint("p", i), "text": permitOrg2})
	}
	one := object{"id": "one-more", "text": permitOrg2}
	require.Contains(t, w.refused(record.Conflict, w.admin1, "policies:Put", one), "revoke one first")
	require.True(t, decode[record.Decision](t, w.query(w.admin2, "access:Decide", readOf("Org1MSP/pump-1"))).Allowed)
	w.submit(w.admin1, "policies:Put", object{"id": "p0", "text": `forbid(principal, action, resource);`})
	w.submit(w.admin1, "policies:Revoke", object{"id": "p0", "reason": "over"})
	w.submit(w.admin1, "policies:Put", one)
}

func TestADecisionReadsNoOtherOrganisationsDevices(t *testing.T) {
	bulky(t)
	w := newWorld(t)
	w.device("pump-1")
	w.submit(w.admin1, "policies:Put", object{"id": "share", "text": permitOrg2})
	ask := object{"action": "read", "resource": object{"owner": "Org1MSP", "attributes": object{"site": "east"}}}
	pending := w.ledger.Propose(w.cc, w.admin2, "access:Request", text(t, ask))
	require.Empty(t, pending.Response.GetMessage())
	for batch := range 3 { // more than a decision may read
		var theirs []object
		for i := range 200 {
			theirs = append(theirs, w.registration(fmt.Sprintf("theirs-%d-%d", batch, i), "Org2MSP", newSigner(t, "EdDSA")))
		}
		w.submit(w.admin2, "devices:RegisterMany", object{"devices": theirs})
	}
	require.Equal(t, peer.TxValidationCode_VALID, w.ledger.Commit(pending, w.ledger.Organisations...), "their devices are no phantoms of ours")
	require.Len(t, decode[record.Access](t, w.submit(w.admin2, "access:Request", ask)).Decision.Devices, 1)

	type list struct {
		Devices  []record.Device `json:"devices"`
		Bookmark string          `json:"bookmark"`
	}
	east := object{"attribute": object{"name": "site", "value": "east"}, "pageSize": 1000}
	require.Len(t, decode[list](t, w.query(w.admin1, "devices:List", east)).Devices, 601)
	require.Len(t, decode[list](t, w.query(w.admin1, "devices:List", east.with("owner", "Org1MSP"))).Devices, 1)
}

func TestAnotherRootUnderTheSameAnchorHashIsEquivocation(t *testing.T) {
	w := newWorld(t)
	b := w.anchoredBatch(3)
	other := b
	other.tree = w.otherTree(b)
	request := object{"receipt": b64(other.receipt(t, b.stream, b.claims(t), 0)), "root": other.tree.Root().String()}
	report := decode[record.EquivocationReport](t, w.submit(w.admin2, "anchors:ReportEquivocation", request))
	require.Equal(t, report.Anchored, report.Claimed)
	require.Equal(t, other.tree.Root().String(), report.Root)
	require.Equal(t, b.stream.Key().ID().String(), report.Key)
	p := w.ledger.Propose(w.cc, w.admin2, "anchors:ReportEquivocation", text(t, request))
	require.Empty(t, p.Stub.Writes, "the same evidence again")
}

func TestABookmarkThatIsNotTextIsRefused(t *testing.T) {
	w := newWorld(t)
	bookmark := base64.RawURLEncoding.EncodeToString([]byte("\x00device\x00\xff"))
	for _, function := range []string{"devices:List", "anchors:ListStreams", "access:List"} {
		require.Contains(t, w.refused(record.InvalidArgument, w.admin1, function, object{"bookmark": bookmark}), "bookmark")
	}
}

func TestALongHistoryComesInPagesThatCanBeSent(t *testing.T) {
	inMemory(t, "a history of 3 MiB takes hundreds of blocks")
	type page struct {
		Changes []struct {
			TxID   string        `json:"txId"`
			Time   int64         `json:"time"`
			Device record.Device `json:"device"`
		} `json:"changes"`
		After string `json:"after"`
	}
	w := newWorld(t)
	w.device("pump-1")
	const changes, most = 400, 3 << 20
	for i := range changes {
		attributes := object{}
		for j := range record.MaxAttributes {
			attributes[fmt.Sprint("a", j)] = fmt.Sprint(i, strings.Repeat("x", record.MaxText-10))
		}
		p := w.ledger.Propose(w.cc, w.admin1, "devices:SetAttributes", text(t, object{"id": "pump-1", "attributes": attributes}))
		require.Equal(t, peer.TxValidationCode_VALID, w.ledger.Commit(p, w.ledger.Organisations...))
	}
	found, pages := 0, 0
	for after := ""; ; pages++ {
		request := object{"device": "Org1MSP/pump-1", "pageSize": 1000}
		if after != "" {
			request["after"] = after
		}
		answer := w.query(w.admin2, "devices:History", request)
		require.Less(t, len(answer), most+most/4)
		var p page // larger than a request may be
		require.NoError(t, json.Unmarshal([]byte(answer), &p))
		found += len(p.Changes)
		if after = p.After; after == "" {
			break
		}
	}
	require.Equal(t, changes+1, found)
	require.Positive(t, pages)
}

func TestAReceiptIsComparedWithWhatTheLedgerKnows(t *testing.T) {
	w := newWorld(t)
	b := w.anchoredBatch(2)
	elsewhere, another, later := b.claims(t), b.claims(t), b.claims(t)
	elsewhere.Ledger = "other/chaincode"
	another.Transaction[0] ^= 1
	later.LedgerTime++
	for name, c := range map[string]struct {
		receipt []byte
		reason  string
	}{
		"of another ledger":      {b.receipt(t, b.stream, elsewhere, 0), "other/chaincode"},
		"of another transaction": {b.receipt(t, b.stream, another, 0), "transaction"},
		"of another time":        {b.receipt(t, b.stream, later, 0), "took the batch at"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := decode[call.Inclusion](t, w.query(w.admin2, "anchors:VerifyInclusion", "Org1MSP/bridge-1", "1", b64(b.readings[0]), b64(c.receipt)))
			require.True(t, answer.Included, "the path stands on its own")
			require.False(t, answer.Receipt.Verified)
			require.Contains(t, answer.Receipt.Reason, c.reason)
		})
	}
}

func TestADevicesProofOpensNoStream(t *testing.T) {
	w := newWorld(t)
	signer := newSigner(t, "EdDSA")
	request := object{"id": "pump-1", "key": signer.Key().Text(), "proof": possession(t, signer, "pump-1", "Org1MSP", w.ledger.Channel)}
	require.Contains(t, w.refused(record.InvalidArgument, w.bridge1, "anchors:OpenStream", request), "proof")
	request["proof"] = streamPossession(t, signer, "pump-1", "Org1MSP", w.ledger.Channel)
	w.refused(record.InvalidArgument, w.admin1, "devices:Register", request)
	w.submit(w.bridge1, "anchors:OpenStream", request)
}
