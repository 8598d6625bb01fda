// SPDX-License-Identifier: Apache-2.0

package networktest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/anchorline/anchorline/chaincode/internal/ledgertest"
)

// proposal is a signed proposal and who signed it.
type proposal struct {
	as     ledgertest.Identity
	at     time.Time
	txID   string
	header *common.Header
	// payload is the ChaincodeProposalPayload.
	payload []byte
	signed  *peer.SignedProposal
}

// propose signs a proposal to call a chaincode. channel is empty for a call of a peer itself.
func propose(channel, chaincode string, as ledgertest.Identity, at time.Time, args [][]byte) (*proposal, error) {
	p := &proposal{as: as, at: at}
	nonce := make([]byte, 24)
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	id := sha256.Sum256(append(nonce[:len(nonce):len(nonce)], as.Creator()...))
	p.txID = hex.EncodeToString(id[:])
	name := &peer.ChaincodeID{Name: chaincode}
	m := &marshaller{}
	p.header = &common.Header{
		ChannelHeader: m.bytes(&common.ChannelHeader{
			Type: int32(common.HeaderType_ENDORSER_TRANSACTION), ChannelId: channel, TxId: p.txID,
			Timestamp: timestamppb.New(at), Extension: m.bytes(&peer.ChaincodeHeaderExtension{ChaincodeId: name}),
		}),
		SignatureHeader: m.bytes(&common.SignatureHeader{Creator: as.Creator(), Nonce: nonce}),
	}
	p.payload = m.bytes(&peer.ChaincodeProposalPayload{
		Input: m.bytes(&peer.ChaincodeInvocationSpec{ChaincodeSpec: &peer.ChaincodeSpec{
			Type: peer.ChaincodeSpec_GOLANG, ChaincodeId: name, Input: &peer.ChaincodeInput{Args: args},
		}}),
	})
	content := m.bytes(&peer.Proposal{Header: m.bytes(p.header), Payload: p.payload})
	if m.err != nil {
		return nil, m.err
	}
	signature, err := as.Sign(content)
	p.signed = &peer.SignedProposal{ProposalBytes: content, Signature: signature}
	return p, err
}

// envelope makes the transaction of what peers endorsed.
func (p *proposal) envelope(endorsed []*peer.ProposalResponse) (*common.Envelope, error) {
	action := &peer.ChaincodeEndorsedAction{ProposalResponsePayload: endorsed[0].GetPayload()}
	for _, e := range endorsed {
		action.Endorsements = append(action.Endorsements, e.GetEndorsement())
	}
	m := &marshaller{}
	payload := m.bytes(&common.Payload{Header: p.header, Data: m.bytes(&peer.Transaction{
		Actions: []*peer.TransactionAction{{
			Header:  p.header.GetSignatureHeader(),
			Payload: m.bytes(&peer.ChaincodeActionPayload{ChaincodeProposalPayload: p.payload, Action: action}),
		}},
	})})
	if m.err != nil {
		return nil, m.err
	}
	signature, err := p.as.Sign(payload)
	return &common.Envelope{Payload: payload, Signature: signature}, err
}

// marshaller marshals and remembers the first fault.
type marshaller struct{ err error }

func (m *marshaller) bytes(message proto.Message) []byte {
	content, err := proto.Marshal(message)
	if m.err == nil {
		m.err = err
	}
	return content
}
