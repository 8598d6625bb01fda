// SPDX-License-Identifier: Apache-2.0

package fabric_test

import (
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/audit/fabric/fabrictest"
)

// parts is a transaction taken apart, as an attacker would, to be put together differently.
type parts struct {
	payload   common.Payload
	channel   common.ChannelHeader
	extension peer.ChaincodeHeaderExtension
	signature common.SignatureHeader
	actions   peer.Transaction
	action    peer.ChaincodeActionPayload
	proposal  peer.ChaincodeProposalPayload
	call      peer.ChaincodeInvocationSpec
	response  peer.ProposalResponsePayload
	answer    peer.ChaincodeAction
	set       rwset.TxReadWriteSet
	own       kvrwset.KVRWSet // of the second namespace, our chaincode's
}

func takeApart(t testing.TB, envelope []byte) *parts {
	t.Helper()
	p := &parts{}
	e := &common.Envelope{}
	read := func(content []byte, m proto.Message) { require.NoError(t, proto.Unmarshal(content, m)) }
	read(envelope, e)
	read(e.GetPayload(), &p.payload)
	read(p.payload.GetHeader().GetChannelHeader(), &p.channel)
	read(p.channel.GetExtension(), &p.extension)
	read(p.payload.GetHeader().GetSignatureHeader(), &p.signature)
	read(p.payload.GetData(), &p.actions)
	read(p.actions.GetActions()[0].GetPayload(), &p.action)
	read(p.action.GetChaincodeProposalPayload(), &p.proposal)
	read(p.proposal.GetInput(), &p.call)
	read(p.action.GetAction().GetProposalResponsePayload(), &p.response)
	read(p.response.GetExtension(), &p.answer)
	read(p.answer.GetResults(), &p.set)
	read(p.set.GetNsRwset()[1].GetRwset(), &p.own)
	return p
}

// together puts the parts together, signed by a creator.
func (p *parts) together(t testing.TB, creator *fabrictest.Member) []byte {
	t.Helper()
	write := func(m proto.Message) []byte { return fabrictest.Encode(t, m) }
	p.set.NsRwset[1].Rwset = write(&p.own)
	p.answer.Results = write(&p.set)
	p.response.Extension = write(&p.answer)
	p.action.Action.ProposalResponsePayload = write(&p.response)
	p.proposal.Input = write(&p.call)
	p.action.ChaincodeProposalPayload = write(&p.proposal)
	p.actions.Actions[0].Payload = write(&p.action)
	p.payload.Data = write(&p.actions)
	p.channel.Extension = write(&p.extension)
	p.payload.Header.ChannelHeader = write(&p.channel)
	signed := write(&p.payload)
	return write(&common.Envelope{Payload: signed, Signature: creator.Sign(t, signed)})
}

func unmarshal(content []byte, m proto.Message) error { return proto.Unmarshal(content, m) }
