// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/anchorline/anchorline/network/devnet"
)

// scenario is a list of steps on a network; run returns what a client saw of each.
type scenario struct {
	name    string
	run     func(t *testing.T, n target) []seen
	differs bool // accepted: DIFFERENCES.md says why
}

// actor is a client of a network, with what it saw so far.
type actor struct {
	t        *testing.T
	profile  devnet.Profile
	gateway  *client.Gateway
	contract *client.Contract
	seen     []seen
}

func newActor(t *testing.T, p devnet.Profile) *actor {
	t.Helper()
	g := connect(t, p)
	return &actor{t: t, profile: p, gateway: g, contract: g.GetNetwork(p.Channel).GetContract(p.Chaincode)}
}

func (a *actor) saw(s seen) { a.seen = append(a.seen, s) }

func (a *actor) evaluate(name string, args ...string) {
	a.t.Helper()
	out, err := a.contract.EvaluateTransaction(name, args...)
	s := failure(err)
	s.Result = mask(string(out))
	a.saw(s)
}

// endorse returns the endorsed transaction, nil when there is none.
func (a *actor) endorse(name string, options ...client.ProposalOption) *client.Transaction {
	a.t.Helper()
	proposal, err := a.contract.NewProposal(name, options...)
	require.NoError(a.t, err)
	return a.endorseProposal(proposal)
}

func (a *actor) endorseProposal(proposal *client.Proposal) *client.Transaction {
	a.t.Helper()
	tx, err := proposal.Endorse()
	if err != nil {
		a.saw(failure(err))
		return nil
	}
	a.saw(describe(a.t, tx))
	return tx
}

// commit submits a transaction and waits for its flag.
func (a *actor) commit(tx *client.Transaction) {
	a.t.Helper()
	if tx == nil {
		return
	}
	commit, err := tx.Submit()
	if err != nil {
		a.saw(failure(err))
		return
	}
	result, err := commit.Status()
	s := failure(err)
	if err == nil {
		s.Flag = result.Code.String()
	}
	a.saw(s)
}

func (a *actor) submit(name string, args ...string) {
	a.t.Helper()
	a.commit(a.endorse(name, client.WithArguments(args...)))
}

// as is a scenario of User1 of Org1 with keys that start with its own letter and name.
func as(name string, steps func(a *actor)) scenario {
	return scenario{name: name, run: func(t *testing.T, n target) []seen {
		t.Helper()
		a := newActor(t, n.profile("Org1MSP", "User1"))
		steps(a)
		return a.seen
	}}
}

// scenarios are all scenarios; their keys begin with run.
func scenarios(run string) []scenario {
	k := func(key string) string { return run + key }
	list := []scenario{
		as("values", func(a *actor) {
			a.evaluate("get", k("va"))
			a.submit("put", k("va"), "1")
			a.submit("add", k("va"), "1")
			a.evaluate("get", k("va"))
			a.submit("del", k("va"))
			a.submit("del", k("absent"))
			a.evaluate("get", k("va"))
			a.submit("put", k("va"), "")
			a.submit("put", "", "x")
			a.evaluate("get", "")
		}),
		as("ranges", func(a *actor) {
			a.submit("rangeput", k("ra"), k("rb"), k("count"))
			a.submit("batch", k("ra"), "3")
			a.submit("rangeput", k("ra"), k("rb"), k("count"))
			a.submit("batch", k("rc"), "51")
			a.submit("rangeput", k("rc"), k("rd"), k("count"))
			a.submit("batch", k("re"), "230")
			a.submit("rangeput", k("re"), k("rf"), k("count"))
			a.evaluate("range", k("re"), k("rf"))
			a.evaluate("page", k("re"), k("rf"), "7", "")
			a.evaluate("page", k("re"), k("rf"), "7", k("re00007"))
			a.submit("page", k("re"), k("rf"), "7", "")
			a.submit("page", k("re"), k("rf"), "7", "", k("w"))
			a.submit("page", k("ra"), k("rb"), "7", "")
		}),
		as("composite keys", func(a *actor) {
			a.submit("putat", "probe"+run, "a", "1")
			a.submit("putat", "probe"+run, "a", "2")
			a.evaluate("parts", "probe"+run, "a")
			a.submit("parts", "probe"+run)
			a.submit("putat", "")
		}),
		as("history and many keys", func(a *actor) {
			a.submit("put", k("ha"), "1")
			a.submit("put", k("ha"), "2")
			a.submit("del", k("ha"))
			a.evaluate("history", k("ha"))
			a.submit("history", k("ha"))
			a.submit("multi", k("ha"), k("hb"), k("ha"))
		}),
		as("key-level policies", func(a *actor) {
			a.submit("put", k("pa"), "1")
			a.submit("policy", k("pa"), "Org1MSP")
			a.evaluate("getpolicy", k("pa"))
			a.submit("put", k("pa"), "2")
			a.submit("policy", k("absent"), "Org1MSP")
			a.commit(a.endorse("put", client.WithArguments(k("pa"), "3"), client.WithEndorsingOrganizations("Org2MSP")))
			a.commit(a.endorse("put", client.WithArguments(k("pa"), "3"), client.WithEndorsingOrganizations("Org1MSP")))
			a.submit("policy", k("pa"), "Org1MSP", "Org2MSP")
			a.submit("policy", k("pa"), "Org7MSP")
			a.submit("put", k("pa"), "4")
		}),
		as("events", func(a *actor) { a.submit("event", "tick", "1") }),
		as("refusals of chaincode", func(a *actor) {
			for _, code := range []string{"200", "202", "399", "400", "404", "499", "500", "600"} {
				a.submit("status", code)
				a.evaluate("status", code)
			}
			a.submit("fail", "no such thing")
			a.submit("absent")
			a.submit("random", k("a"))
		}),
		as("conflicts", func(a *actor) {
			first, second := a.endorse("add", client.WithArguments(k("ca"), "1")), a.endorse("add", client.WithArguments(k("ca"), "1"))
			a.commit(first)
			a.commit(second)
			a.commit(first) // the status is the original's
			counting := a.endorse("rangeput", client.WithArguments(k("cr"), k("cs"), k("count")))
			a.submit("put", k("cr1"), "1")
			a.commit(counting)
			blind, other := a.endorse("put", client.WithArguments(k("cb"), "1")), a.endorse("put", client.WithArguments(k("cb"), "2"))
			a.commit(blind)
			a.commit(other)
		}),
		as("endorsers", func(a *actor) {
			for _, organisations := range [][]string{{"Org1MSP"}, {"Org2MSP"}, {"Org1MSP", "Org2MSP"}, {"Org1MSP", "Org9MSP"}} {
				a.commit(a.endorse("put", client.WithArguments(k("ea"), "1"), client.WithEndorsingOrganizations(organisations...)))
			}
		}),
		as("unknown names", func(a *actor) {
			network := a.gateway.GetNetwork(a.profile.Channel)
			a.contract = network.GetContract("absent")
			a.evaluate("get", "a")
			a.contract = a.gateway.GetNetwork("absent").GetContract(a.profile.Chaincode)
			a.evaluate("get", "a")
		}),
		as("system chaincodes", func(a *actor) {
			network := a.gateway.GetNetwork(a.profile.Channel)
			a.contract = network.GetContract("qscc")
			a.evaluate("GetChainInfo")
			a.evaluate("GetChainInfo", "absent")
			a.evaluate("GetBlockByNumber", a.profile.Channel)
			a.evaluate("GetBlockByNumber", a.profile.Channel, "x")
			a.evaluate("Absent", a.profile.Channel, "x")
			a.contract = network.GetContract("cscc")
			a.evaluate("GetChannels")
			a.evaluate("GetConfigBlock", "absent")
			a.evaluate("GetChannelConfig", "absent")
			a.evaluate("Absent", "x")
		}),
		as("sizes", func(a *actor) {
			a.submit("put", k("big"), strings.Repeat("x", 100_000))
			a.evaluate("get", k("big"))
			tx := a.endorseQuietly("put", k("huge"), strings.Repeat("x", 1_200_000))
			a.commit(tx)
			_, err := a.contract.SubmitTransaction("put", k("huge"), strings.Repeat("x", 3_000_000))
			a.saw(failure(err))
		}),
		as("times and ids", func(a *actor) {
			for _, shift := range []time.Duration{-16 * time.Minute, 16 * time.Minute, -14 * time.Minute} {
				a.commit(a.endorseProposal(a.changed(func(h *common.ChannelHeader, _ *common.SignatureHeader) {
					h.Timestamp = timestamppb.New(time.Now().Add(shift))
				})))
			}
			a.endorseProposal(a.changed(func(h *common.ChannelHeader, _ *common.SignatureHeader) { h.TxId = "abcd" }))
			a.endorseProposal(a.changed(func(h *common.ChannelHeader, _ *common.SignatureHeader) { h.Epoch = 1 }))
			a.endorseProposal(a.changed(func(h *common.ChannelHeader, _ *common.SignatureHeader) { h.Type = int32(common.HeaderType_MESSAGE) }))
			a.endorseProposal(a.changed(func(_ *common.ChannelHeader, s *common.SignatureHeader) { s.Nonce = nil }))
			a.endorseProposal(a.changed(func(_ *common.ChannelHeader, s *common.SignatureHeader) { s.Creator = nil }))
		}),
		as("tampered transactions", func(a *actor) {
			a.commit(a.tampered("put", func(p *common.Payload, action *peer.ChaincodeActionPayload) {
				action.Action.Endorsements = action.Action.Endorsements[:1]
			}))
			a.commit(a.tampered("put", func(p *common.Payload, action *peer.ChaincodeActionPayload) {
				action.Action.Endorsements[0].Signature[8] ^= 1
			}))
			a.commit(a.tampered("put", func(p *common.Payload, action *peer.ChaincodeActionPayload) {
				action.ChaincodeProposalPayload = append(action.ChaincodeProposalPayload, 0x12, 0x00)
			}))
			a.commit(a.tampered("put", func(p *common.Payload, action *peer.ChaincodeActionPayload) {
				action.Action.Endorsements = append(action.Action.Endorsements[:1], action.Action.Endorsements[0])
			}))
		}),
		as("unknown chaincode", func(a *actor) {
			a.contract = a.gateway.GetNetwork(a.profile.Channel).GetContract("absent")
			a.endorse("get", client.WithArguments("a"))
			a.contract = a.gateway.GetNetwork("absent").GetContract(a.profile.Chaincode)
			a.endorse("get", client.WithArguments("a"))
		}),
		as("private data", func(a *actor) {
			for _, operation := range []string{"put", "get", "multi", "hash", "del", "purge", "policy", "getpolicy", "range", "rich"} {
				a.evaluate("private", operation, "a")
			}
			a.submit("private", "put", "a")
		}),
		as("chaincode calls chaincode", func(a *actor) {
			a.submit("call", a.profile.Chaincode, "get", "a")
			a.evaluate("call", a.profile.Chaincode+"/"+a.profile.Channel, "get", "a")
			a.submit("call", "absent", "get", "a")
			a.submit("call", "absent/absent", "get", "a")
			a.submit("call", a.profile.Chaincode+"/absent", "get", "a")
			for _, system := range []string{"qscc", "cscc", "_lifecycle"} {
				a.evaluate("call", system)
				a.evaluate("call", system, "GetChainInfo", a.profile.Channel)
				a.evaluate("call", system, "GetChannels", a.profile.Channel)
			}
			a.submit("call", "qscc", "GetChainInfo", a.profile.Channel)
		}),
		as("rich queries", func(a *actor) { a.submit("rich", "{}") }),
		as("absent blocks", func(a *actor) {
			a.contract = a.gateway.GetNetwork(a.profile.Channel).GetContract("qscc")
			a.evaluate("GetBlockByNumber", a.profile.Channel, "999999")
			a.evaluate("GetTransactionByID", a.profile.Channel, "absent")
			a.evaluate("GetBlockByTxID", a.profile.Channel, "absent")
			a.evaluate("GetBlockByHash", a.profile.Channel, "absent")
		}),
		as("streams", streams),
		{name: "strangers", run: strangers},
		{name: "a proposal that is on the ledger", run: replayed},
		{name: "policies of the chaincode", run: policies},
		{name: "blocks through the gateway", run: blocks},
		{name: "endorsed and never submitted", run: attested},
		lifecycleQueries(),
	}
	list = append(list, shimScenarios(k)...)
	list = append(list, directScenarios()...)
	for _, s := range []scenario{
		as("implicit collections", func(a *actor) {
			for _, operation := range []string{"get", "hash", "put"} {
				a.evaluate("private", operation, k("im"), "_implicit_org_Org1MSP")
			}
		}),
		as("a policy that asks for one peer twice", func(a *actor) {
			a.submit("put", k("same"), "1")
			a.submit("rule", k("same"), "2", "Org1MSP.peer", "Org1MSP.member")
			a.submit("put", k("same"), "2")
		}),
		as("keys longer than 32,000 bytes", func(a *actor) { a.endorseQuietKey(k(strings.Repeat("x", 32_001))) }),
	} {
		s.differs = true
		list = append(list, s)
	}
	return list
}

// endorseQuietKey endorses a write of a key that is too long to show.
func (a *actor) endorseQuietKey(key string) {
	_, err := a.contract.SubmitTransaction("put", key, "1")
	a.saw(failure(err))
}

// endorseQuietly endorses without telling what is in the transaction.
func (a *actor) endorseQuietly(name string, args ...string) *client.Transaction {
	proposal, err := a.contract.NewProposal(name, client.WithArguments(args...))
	require.NoError(a.t, err)
	tx, err := proposal.Endorse()
	require.NoError(a.t, err)
	return tx
}

// changed is a proposal with other headers than the SDK makes; it is signed when it is endorsed.
func (a *actor) changed(change func(*common.ChannelHeader, *common.SignatureHeader)) *client.Proposal {
	a.t.Helper()
	proposal, err := a.contract.NewProposal("put", client.WithArguments("changed", "1"))
	require.NoError(a.t, err)
	content, err := proposal.Bytes()
	require.NoError(a.t, err)
	proposed := decode(a.t, content, &gateway.ProposedTransaction{})
	inner := decode(a.t, proposed.GetProposal().GetProposalBytes(), &peer.Proposal{})
	header := decode(a.t, inner.GetHeader(), &common.Header{})
	channel := decode(a.t, header.GetChannelHeader(), &common.ChannelHeader{})
	signature := decode(a.t, header.GetSignatureHeader(), &common.SignatureHeader{})
	change(channel, signature)
	header.ChannelHeader, header.SignatureHeader = encode(a.t, channel), encode(a.t, signature)
	inner.Header = encode(a.t, header)
	proposed.Proposal.ProposalBytes = encode(a.t, inner)
	proposed.TransactionId = channel.GetTxId()
	proposal, err = a.gateway.NewProposal(encode(a.t, proposed))
	require.NoError(a.t, err)
	return proposal
}

// tampered is an endorsed transaction that was changed before it is signed.
func (a *actor) tampered(name string, change func(*common.Payload, *peer.ChaincodeActionPayload)) *client.Transaction {
	a.t.Helper()
	content, err := a.endorseQuietly(name, "tampered", "1").Bytes()
	require.NoError(a.t, err)
	prepared := decode(a.t, content, &gateway.PreparedTransaction{})
	payload := decode(a.t, prepared.GetEnvelope().GetPayload(), &common.Payload{})
	tx := decode(a.t, payload.GetData(), &peer.Transaction{})
	action := decode(a.t, tx.GetActions()[0].GetPayload(), &peer.ChaincodeActionPayload{})
	change(payload, action)
	tx.Actions[0].Payload = encode(a.t, action)
	payload.Data = encode(a.t, tx)
	prepared.Envelope.Payload, prepared.Envelope.Signature = encode(a.t, payload), nil
	transaction, err := a.gateway.NewTransaction(encode(a.t, prepared))
	require.NoError(a.t, err)
	return transaction
}

func encode(t *testing.T, message proto.Message) []byte {
	t.Helper()
	content, err := proto.Marshal(message)
	require.NoError(t, err)
	return content
}

// streams tells what event and block streams say about one transaction.
func streams(a *actor) {
	tx := a.endorse("event", client.WithArguments("tick", "payload"))
	commit, err := tx.Submit()
	require.NoError(a.t, err)
	result, err := commit.Status()
	require.NoError(a.t, err)
	network, from := a.gateway.GetNetwork(a.profile.Channel), client.WithStartBlock(result.BlockNumber)
	events, err := network.ChaincodeEvents(a.t.Context(), a.profile.Chaincode, from)
	require.NoError(a.t, err)
	event := next(a.t, events)
	require.Equal(a.t, tx.TransactionID(), event.TransactionID)
	a.saw(seen{Result: event.ChaincodeName + " " + event.EventName + " " + string(event.Payload)})

	filtered, err := network.FilteredBlockEvents(a.t.Context(), from)
	require.NoError(a.t, err)
	told := next(a.t, filtered)
	told.Number = 0
	for _, t := range told.GetFilteredTransactions() {
		t.Txid = ""
		t.GetTransactionActions().GetChaincodeActions()[0].GetChaincodeEvent().TxId = ""
	}
	a.saw(seen{Result: string(encode(a.t, told))})

	blocks, err := network.BlockEvents(a.t.Context(), from)
	require.NoError(a.t, err)
	block := next(a.t, blocks)
	metadata := block.GetMetadata().GetMetadata()
	signatures := decode(a.t, metadata[common.BlockMetadataIndex_SIGNATURES], &common.Metadata{}).GetSignatures()
	a.saw(seen{
		Result: fmt.Sprintf("previous hash of %d bytes, data hash of %d, %d metadata, %d signatures",
			len(block.GetHeader().GetPreviousHash()), len(block.GetHeader().GetDataHash()), len(metadata), len(signatures)),
		Flag: fmt.Sprint(flags(block)),
	})
	whole, err := network.BlockEvents(a.t.Context(), client.WithStartBlock(result.BlockNumber+1000))
	require.NoError(a.t, err)
	select {
	case <-whole:
		a.saw(seen{Result: "ended"})
	case <-time.After(100 * time.Millisecond):
		a.saw(seen{Result: "waits for a block of the future"})
	}
}

// replayed endorses a proposal again after its transaction was committed.
func replayed(t *testing.T, n target) []seen {
	t.Helper()
	a := newActor(t, n.profile("Org1MSP", "User1"))
	proposal, err := a.contract.NewProposal("put", client.WithArguments("replayed", "1"))
	require.NoError(t, err)
	a.commit(a.endorseProposal(proposal))
	a.endorseProposal(proposal)
	return a.seen
}

// policies submits under policies of the chaincode: as the gateway plans it, and endorsed by one
// organisation. The last is what the network had before.
func policies(t *testing.T, n target) []seen {
	t.Helper()
	var all []seen
	for _, policy := range []string{
		"OutOf(1, 'Org1MSP.peer', 'Org2MSP.member')", "OR('Org2MSP.peer')", "OR('Org1MSP.admin', 'Org2MSP.client')",
		devnet.Default("").EndorsementPolicy,
	} {
		a := newActor(t, n.withPolicy(t, policy).profile("Org1MSP", "User1"))
		a.submit("put", "policy", "1")
		for _, mspID := range []string{"Org1MSP", "Org2MSP"} {
			a.commit(a.endorse("put", client.WithArguments("policy", "2"), client.WithEndorsingOrganizations(mspID)))
		}
		all = append(all, a.seen...)
	}
	return all
}
