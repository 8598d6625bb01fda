// SPDX-License-Identifier: Apache-2.0

package world

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Call is an endorser transaction, or an endorsed question, before it is put into bytes. A copy with
// something changed is what an attacker would make.
type Call struct {
	Channel, Chaincode string
	Function           string
	Args               []string
	Nonce              []byte
	Creator            *Member
	Time               int64 // milliseconds
	Response           *peer.Response
	Reads              []*kvrwset.KVRead
	Writes             []*kvrwset.KVWrite
	Event              *peer.ChaincodeEvent // transaction and chaincode are filled in
	Endorsers          []*Member
	// Unsigned leaves the creator's signature out, as in a question.
	Unsigned bool

	// Hooks, each nil or called with the message before it is put into bytes.
	OnHeader      func(*common.ChannelHeader)
	OnProposal    func(*peer.ChaincodeInvocationSpec)
	OnAnswered    func(*peer.ProposalResponsePayload)    // before endorsers sign
	OnAction      func(*peer.ChaincodeAction)            // before endorsers sign
	OnSets        func(*rwset.TxReadWriteSet)            // before endorsers sign
	OnEndorsed    func(*peer.ChaincodeEndorsedAction)    // before the creator signs
	OnPayload     func(*peer.ChaincodeActionPayload)     // before the creator signs
	OnTransaction func(*peer.Transaction)                // before the creator signs
	OnEnvelope    func(*common.Envelope, *common.Header) // after
}

// ID is the transaction's id.
func (c Call) ID(t testing.TB) string {
	t.Helper()
	sum := sha256.Sum256(slices.Concat(c.Nonce, c.Creator.Serialize(t)))
	return hex.EncodeToString(sum[:])
}

// Envelope puts the call into bytes.
func (c Call) Envelope(t testing.TB) []byte {
	t.Helper()
	header, proposal := c.header(t), c.proposal(t)
	hash := sha256.Sum256(slices.Concat(header.GetChannelHeader(), header.GetSignatureHeader(), proposal))
	action := &peer.ChaincodeEndorsedAction{ProposalResponsePayload: c.answer(t, hash[:])}
	for _, m := range c.Endorsers {
		action.Endorsements = append(action.Endorsements, Endorse(t, m, action.GetProposalResponsePayload()))
	}
	hook(c.OnEndorsed, action)
	content := &peer.ChaincodeActionPayload{ChaincodeProposalPayload: proposal, Action: action}
	hook(c.OnPayload, content)
	transaction := &peer.Transaction{Actions: []*peer.TransactionAction{{Header: header.GetSignatureHeader(), Payload: Encode(t, content)}}}
	hook(c.OnTransaction, transaction)
	envelope := &common.Envelope{Payload: Encode(t, &common.Payload{Header: header, Data: Encode(t, transaction)})}
	if !c.Unsigned {
		envelope.Signature = c.Creator.Sign(t, envelope.GetPayload())
	}
	if c.OnEnvelope != nil {
		c.OnEnvelope(envelope, header)
	}
	return Encode(t, envelope)
}

// Endorse makes a member's endorsement of an answer.
func Endorse(t testing.TB, m *Member, answer []byte) *peer.Endorsement {
	t.Helper()
	identity := m.Serialize(t)
	return &peer.Endorsement{Endorser: identity, Signature: m.Sign(t, slices.Concat(answer, identity))}
}

func (c Call) header(t testing.TB) *common.Header {
	t.Helper()
	channel := &common.ChannelHeader{
		Type: int32(common.HeaderType_ENDORSER_TRANSACTION), ChannelId: c.Channel, TxId: c.ID(t),
		Timestamp: &timestamppb.Timestamp{Seconds: c.Time / 1000, Nanos: int32(c.Time % 1000 * 1_000_000)},
		Extension: Encode(t, &peer.ChaincodeHeaderExtension{ChaincodeId: &peer.ChaincodeID{Name: c.Chaincode}}),
	}
	hook(c.OnHeader, channel)
	return &common.Header{
		ChannelHeader:   Encode(t, channel),
		SignatureHeader: Encode(t, &common.SignatureHeader{Creator: c.Creator.Serialize(t), Nonce: c.Nonce}),
	}
}

func (c Call) proposal(t testing.TB) []byte {
	t.Helper()
	args := [][]byte{[]byte(c.Function)}
	for _, a := range c.Args {
		args = append(args, []byte(a))
	}
	call := &peer.ChaincodeInvocationSpec{ChaincodeSpec: &peer.ChaincodeSpec{
		Type: peer.ChaincodeSpec_NODE, ChaincodeId: &peer.ChaincodeID{Name: c.Chaincode}, Input: &peer.ChaincodeInput{Args: args},
	}}
	hook(c.OnProposal, call)
	return Encode(t, &peer.ChaincodeProposalPayload{Input: Encode(t, call)})
}

// answer is what the endorsers sign.
func (c Call) answer(t testing.TB, proposalHash []byte) []byte {
	t.Helper()
	reads, writes := slices.Clone(c.Reads), slices.Clone(c.Writes)
	slices.SortFunc(reads, func(a, b *kvrwset.KVRead) int { return strings.Compare(a.GetKey(), b.GetKey()) })
	slices.SortStableFunc(writes, func(a, b *kvrwset.KVWrite) int { return strings.Compare(a.GetKey(), b.GetKey()) })
	sets := &rwset.TxReadWriteSet{NsRwset: []*rwset.NsReadWriteSet{
		{Namespace: "_lifecycle", Rwset: Encode(t, &kvrwset.KVRWSet{Reads: []*kvrwset.KVRead{
			{Key: "namespaces/fields/" + c.Chaincode + "/Sequence", Version: &kvrwset.Version{BlockNum: 4}},
		}})},
		{Namespace: c.Chaincode, Rwset: Encode(t, &kvrwset.KVRWSet{Reads: reads, Writes: writes})},
	}}
	hook(c.OnSets, sets)
	action := &peer.ChaincodeAction{
		Results: Encode(t, sets), Response: c.Response, ChaincodeId: &peer.ChaincodeID{Name: c.Chaincode, Version: "1.0"},
	}
	if c.Event != nil {
		action.Events = Encode(t, &peer.ChaincodeEvent{
			ChaincodeId: c.Chaincode, TxId: c.ID(t), EventName: c.Event.GetEventName(), Payload: c.Event.GetPayload(),
		})
	}
	hook(c.OnAction, action)
	answered := &peer.ProposalResponsePayload{ProposalHash: proposalHash, Extension: Encode(t, action)}
	hook(c.OnAnswered, answered)
	return Encode(t, answered)
}

func hook[T any](f func(T), m T) {
	if f != nil {
		f(m)
	}
}

// Flip changes one bit of a copy of some bytes, in their middle.
func Flip(content []byte) []byte {
	out := bytes.Clone(content)
	out[len(out)/2] ^= 1
	return out
}
