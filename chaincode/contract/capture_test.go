// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/contract"
	"github.com/anchorline/anchorline/chaincode/internal/ledgertest"
	"github.com/anchorline/anchorline/chaincode/internal/rogue"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/network/devnet"
)

// rogueOf runs the rogue on the peers of these organisations, and ours on the others'.
func rogueOf(rogues ...string) func(msp string) (shim.Chaincode, error) {
	return func(msp string) (shim.Chaincode, error) {
		honest, err := contract.New(contract.LocalMSP(msp))
		if err != nil || !slices.Contains(rogues, msp) {
			return honest, err
		}
		return rogue.New(honest), nil
	}
}

// trio is a channel of three organisations on which two peers must endorse, each with a chaincode of
// its own.
type trio struct {
	t      *testing.T
	ledger *ledgertest.Ledger
	code   map[string]shim.Chaincode
	admins map[string]ledgertest.Identity
}

// members are the organisations of a trio.
func members() []string { return []string{"Org1MSP", "Org2MSP", "Org3MSP"} }

func newTrio(t *testing.T, rogues ...string) *trio {
	inMemory(t, "what it does on a network is in TestNobodyCapturesAChannelOfThree")
	c := &trio{t: t, ledger: ledgertest.New(members()...), code: map[string]shim.Chaincode{}, admins: map[string]ledgertest.Identity{}}
	for _, msp := range members() {
		code, err := rogueOf(rogues...)(msp)
		require.NoError(t, err)
		c.code[msp], c.admins[msp] = code, ledgertest.NewOrganisation(t, msp).Admin(t)
	}
	return c
}

// invoke proposes to the peers of these organisations and commits what those that accept it endorse.
// It returns how the transaction was validated and what the others say.
func (c *trio) invoke(as, function, request string, peers ...string) (peer.TxValidationCode, []string) {
	c.t.Helper()
	var accepted ledgertest.Proposal
	var endorsers, refusals []string
	first := c.ledger.Propose(c.code[peers[0]], c.admins[as], append([]string{function}, strings.Split(request, "\n")...)...)
	for _, msp := range peers {
		p := c.ledger.Again(c.code[msp], first)
		if p.Response.GetStatus() != shim.OK {
			refusals = append(refusals, msp+": "+p.Response.GetMessage())
			continue
		}
		if len(endorsers) > 0 {
			require.Equal(c.t, accepted.Stub.Writes, p.Stub.Writes)
			require.Equal(c.t, accepted.Stub.Policies, p.Stub.Policies)
		}
		accepted, endorsers = p, append(endorsers, msp)
	}
	if len(endorsers) == 0 {
		return peer.TxValidationCode_INVALID_ENDORSER_TRANSACTION, refusals
	}
	return c.ledger.Commit(accepted, endorsers...), refusals
}

// terms is a request of consortium:Approve.
func (c *trio) terms(others int, organisations ...string) string {
	return text(c.t, object{"organisations": organisations, "others": others})
}

// inForce are the terms in force.
func (c *trio) inForce() *record.Terms {
	p := c.ledger.Propose(c.code["Org1MSP"], c.admins["Org1MSP"], "consortium:Get")
	require.Empty(c.t, p.Response.GetMessage())
	return decode[consortium](c.t, string(p.Response.GetPayload())).Terms
}

func TestOneOrganisationCannotMakeTermsOfItsOwn(t *testing.T) {
	c := newTrio(t)
	code, refusals := c.invoke("Org1MSP", "consortium:Approve", c.terms(0, "Org1MSP"), members()...)
	require.Equal(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, code)
	require.Len(t, refusals, 2)
	require.Contains(t, refusals[0], "FORBIDDEN field=organisations: leaves out Org2MSP")
	require.Nil(t, c.inForce())
}

func TestAnInstanceThatDoesNotKnowItsOrganisationEndorsesNoFirstTerms(t *testing.T) {
	inMemory(t, "each peer of a network has a chaincode that knows its organisation")
	w := newWorld(t)
	stranger, err := contract.New()
	require.NoError(t, err)
	request := text(t, object{"organisations": []string{"Org1MSP", "Org2MSP"}, "others": 1})
	p := w.ledger.Propose(stranger, w.admin1, "consortium:Approve", request)
	require.Contains(t, p.Response.GetMessage(), "CORE_PEER_LOCALMSPID")
	w.agree()
	p = w.ledger.Propose(stranger, w.admin1, "consortium:Approve", request)
	require.Empty(t, p.Response.GetMessage(), "terms in force guard themselves")
	_, err = contract.New(contract.LocalMSP("no good"))
	require.ErrorContains(t, err, "CORE_PEER_LOCALMSPID")
}

func TestAChannelOfOneOrganisationMakesTermsOfItsOwn(t *testing.T) {
	c := newTrio(t)
	c.ledger.Organisations = []string{"Org1MSP"}
	code, _ := c.invoke("Org1MSP", "consortium:Approve", c.terms(0, "Org1MSP"), "Org1MSP")
	require.Equal(t, peer.TxValidationCode_VALID, code)
	require.Equal(t, []string{"Org1MSP"}, c.inForce().Organisations)
}

func TestTermsAreInForceWithTheLastApprovalInWhateverOrder(t *testing.T) {
	for _, order := range []string{"1 2 3", "1 3 2", "2 1 3", "2 3 1", "3 1 2", "3 2 1"} {
		c := newTrio(t)
		for i, n := range strings.Fields(order) {
			require.Nil(t, c.inForce(), "%s after %d", order, i)
			code, refusals := c.invoke("Org"+n+"MSP", "consortium:Approve", c.terms(1, members()...), members()...)
			require.Equal(t, peer.TxValidationCode_VALID, code, order)
			require.Empty(t, refusals)
		}
		require.Equal(t, members(), c.inForce().Organisations, order)
		policy := c.ledger.Policy(record.ConsortiumKey())
		require.False(t, ledgertest.Satisfied(policy, []string{"Org1MSP", "Org2MSP"}))
		require.True(t, ledgertest.Satisfied(policy, members()))
	}
}

func TestThePeersOfAllWhoApprovedSignThatTermsComeIntoForce(t *testing.T) {
	c := newTrio(t)
	for _, msp := range []string{"Org1MSP", "Org2MSP"} {
		code, _ := c.invoke(msp, "consortium:Approve", c.terms(1, members()...), "Org1MSP", "Org2MSP", "Org3MSP")
		require.Equal(t, peer.TxValidationCode_VALID, code)
	}
	code, _ := c.invoke("Org3MSP", "consortium:Approve", c.terms(1, members()...), "Org2MSP", "Org3MSP")
	require.Equal(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, code)
	require.Nil(t, c.inForce())
	code, _ = c.invoke("Org3MSP", "consortium:Approve", c.terms(1, members()...), members()...)
	require.Equal(t, peer.TxValidationCode_VALID, code)
	require.NotNil(t, c.inForce())
}

func TestARogueOrganisationPutsNoTermsIntoForce(t *testing.T) {
	forged := record.Consortium{Type: record.ConsortiumType, Version: record.Version, Terms: record.Terms{Organisations: []string{"Org1MSP"}}, Updated: 1}
	for _, peers := range [][]string{{"Org1MSP"}, members()} {
		c := newTrio(t, "Org1MSP")
		code, _ := c.invoke("Org1MSP", "rogue:Write", record.ConsortiumKey()+"\n"+text(t, forged), peers...)
		require.Equal(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, code)
		require.Nil(t, c.inForce())
	}
}

func TestTwoRogueOrganisationsDoNotApproveForTheThird(t *testing.T) {
	c := newTrio(t, "Org1MSP", "Org2MSP")
	forged := text(t, record.Approval{
		Type: record.ApprovalType, Version: record.Version, MSP: "Org3MSP", Terms: record.Terms{Organisations: members()}, Updated: 1,
	})
	code, _ := c.invoke("Org1MSP", "rogue:Write", record.ApprovalKey("Org3MSP")+"\n"+forged, "Org1MSP", "Org2MSP")
	require.Equal(t, peer.TxValidationCode_VALID, code, "nothing guards a key before it is there")
	for _, msp := range []string{"Org1MSP", "Org2MSP"} {
		code, _ = c.invoke(msp, "consortium:Approve", c.terms(0, members()...), members()...)
		require.Equal(t, peer.TxValidationCode_VALID, code)
	}
	require.Nil(t, c.inForce(), "an approval that the third's peers do not guard approves nothing")
	code, _ = c.invoke("Org3MSP", "consortium:Approve", c.terms(0, members()...), members()...)
	require.Equal(t, peer.TxValidationCode_VALID, code)
	require.NotNil(t, c.inForce())
}

func TestAMemberLeavesOnlyWithItsOwnApproval(t *testing.T) {
	c := newTrio(t, "Org1MSP", "Org2MSP")
	for _, msp := range members() {
		c.invoke(msp, "consortium:Approve", c.terms(1, members()...), members()...)
	}
	for _, msp := range []string{"Org1MSP", "Org2MSP"} {
		code, _ := c.invoke(msp, "consortium:Approve", c.terms(1, "Org1MSP", "Org2MSP"), members()...)
		require.Equal(t, peer.TxValidationCode_VALID, code)
	}
	require.Equal(t, members(), c.inForce().Organisations)
	forged := record.Consortium{Type: record.ConsortiumType, Version: record.Version, Terms: record.Terms{Organisations: []string{"Org1MSP", "Org2MSP"}}}
	code, _ := c.invoke("Org1MSP", "rogue:Write", record.ConsortiumKey()+"\n"+text(t, forged), "Org1MSP", "Org2MSP")
	require.Equal(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, code)
}

func TestNobodyCapturesAChannelOfThree(t *testing.T) {
	if !*onDevnet {
		t.Skip("SKIPPED HERE: it runs on the embedded network, see TestTheSuiteOnTheEmbeddedNetwork")
	}
	inParallel(t)
	s := newDevnet(t, func(cfg *devnet.Config) {
		cfg.Organisations, cfg.Chaincode = 3, rogueOf("Org1MSP")
		cfg.EndorsementPolicy = "OutOf(2,'Org1MSP.peer','Org2MSP.peer','Org3MSP.peer')"
	})
	admins := map[string]*client.Contract{}
	for _, msp := range members() {
		admins[msp] = contractFor(t, s.profile(msp, "Admin"))
	}
	approve := func(as string, organisations ...string) error {
		_, err := admins[as].Submit("consortium:Approve", client.WithArguments(text(t, object{"organisations": organisations, "others": 0})))
		return err
	}
	require.Error(t, approve("Org1MSP", "Org1MSP"), "the others' peers do not endorse their own exclusion")
	_, err := admins["Org1MSP"].Submit("rogue:Write", client.WithArguments(record.ConsortiumKey(), `{}`), client.WithEndorsingOrganizations("Org1MSP"))
	require.Error(t, err)
	for i, msp := range []string{"Org3MSP", "Org1MSP", "Org2MSP"} {
		answer, err := admins[msp].EvaluateTransaction("consortium:Get")
		require.NoError(t, err)
		require.Nil(t, decode[consortium](t, string(answer)).Terms, "after %d approvals", i)
		require.NoError(t, approve(msp, members()...))
	}
	answer, err := admins["Org2MSP"].EvaluateTransaction("consortium:Get")
	require.NoError(t, err)
	require.Equal(t, members(), decode[consortium](t, string(answer)).Terms.Organisations)
}
