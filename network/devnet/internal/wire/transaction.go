// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

// Transaction is an endorser transaction taken out of its envelopes.
type Transaction struct {
	*Headers
	Envelope *common.Envelope

	ActionHeader    []byte // the action's signature header
	ProposalPayload []byte // the proposal's payload without transient data
	ResponsePayload []byte // what the endorsers signed
	Endorsements    []*peer.Endorsement

	Response *peer.ProposalResponsePayload
	Action   *peer.ChaincodeAction
	Results  *rwset.TxReadWriteSet
}

// Headers are the headers of an envelope's payload.
type Headers struct {
	Payload   *common.Payload
	Channel   *common.ChannelHeader
	Signature *common.SignatureHeader
}

// ParseHeaders takes the headers out of an envelope.
func ParseHeaders(envelope *common.Envelope) (*Headers, error) {
	var d Decoder
	h := &Headers{Payload: Read(&d, envelope.GetPayload(), &common.Payload{})}
	h.Channel = Read(&d, h.Payload.GetHeader().GetChannelHeader(), &common.ChannelHeader{})
	h.Signature = Read(&d, h.Payload.GetHeader().GetSignatureHeader(), &common.SignatureHeader{})
	return h, d.Err
}

// ParseTransaction takes an endorser transaction of one action apart.
func ParseTransaction(envelope *common.Envelope) (*Transaction, error) {
	h, err := ParseHeaders(envelope)
	if err != nil {
		return nil, err
	}
	body, err := Decode(h.Payload.GetData(), &peer.Transaction{})
	if err != nil {
		return nil, err
	}
	if len(body.GetActions()) != 1 {
		return nil, fmt.Errorf("only one action per transaction is supported, tx contains %d", len(body.GetActions()))
	}
	var d Decoder
	action := Read(&d, body.GetActions()[0].GetPayload(), &peer.ChaincodeActionPayload{})
	tx := &Transaction{
		Headers: h, Envelope: envelope, ActionHeader: body.GetActions()[0].GetHeader(),
		ProposalPayload: action.GetChaincodeProposalPayload(),
		ResponsePayload: action.GetAction().GetProposalResponsePayload(),
		Endorsements:    action.GetAction().GetEndorsements(),
	}
	tx.Response = Read(&d, tx.ResponsePayload, &peer.ProposalResponsePayload{})
	tx.Action = Read(&d, tx.Response.GetExtension(), &peer.ChaincodeAction{})
	tx.Results = Read(&d, tx.Action.GetResults(), &rwset.TxReadWriteSet{})
	return tx, d.Err
}

// Event is the chaincode event of the transaction, nil when it has none.
func (tx *Transaction) Event() (*peer.ChaincodeEvent, error) {
	if len(tx.Action.GetEvents()) == 0 {
		return nil, nil
	}
	return Decode(tx.Action.GetEvents(), &peer.ChaincodeEvent{})
}
