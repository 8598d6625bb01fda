// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

// Transaction is an endorser transaction taken out of its envelopes.
type Transaction struct {
	Envelope  *common.Envelope
	Payload   *common.Payload
	Channel   *common.ChannelHeader
	Signature *common.SignatureHeader

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
	payload, err := Decode(envelope.GetPayload(), &common.Payload{})
	if err != nil {
		return nil, err
	}
	channel, err := Decode(payload.GetHeader().GetChannelHeader(), &common.ChannelHeader{})
	if err != nil {
		return nil, err
	}
	signature, err := Decode(payload.GetHeader().GetSignatureHeader(), &common.SignatureHeader{})
	if err != nil {
		return nil, err
	}
	return &Headers{Payload: payload, Channel: channel, Signature: signature}, nil
}

// ParseTransaction takes an endorser transaction of one action apart.
func ParseTransaction(envelope *common.Envelope) (*Transaction, error) {
	h, err := ParseHeaders(envelope)
	if err != nil {
		return nil, err
	}
	tx := &Transaction{Envelope: envelope, Payload: h.Payload, Channel: h.Channel, Signature: h.Signature}
	body, err := Decode(h.Payload.GetData(), &peer.Transaction{})
	if err != nil {
		return nil, err
	}
	if len(body.GetActions()) != 1 {
		return nil, errActions(len(body.GetActions()))
	}
	tx.ActionHeader = body.GetActions()[0].GetHeader()
	action, err := Decode(body.GetActions()[0].GetPayload(), &peer.ChaincodeActionPayload{})
	if err != nil {
		return nil, err
	}
	tx.ProposalPayload = action.GetChaincodeProposalPayload()
	tx.ResponsePayload = action.GetAction().GetProposalResponsePayload()
	tx.Endorsements = action.GetAction().GetEndorsements()
	return tx, tx.parseResponse()
}

func (tx *Transaction) parseResponse() (err error) {
	if tx.Response, err = Decode(tx.ResponsePayload, &peer.ProposalResponsePayload{}); err != nil {
		return err
	}
	if tx.Action, err = Decode(tx.Response.GetExtension(), &peer.ChaincodeAction{}); err != nil {
		return err
	}
	tx.Results, err = Decode(tx.Action.GetResults(), &rwset.TxReadWriteSet{})
	return err
}

// Event is the chaincode event of the transaction, nil when it has none.
func (tx *Transaction) Event() (*peer.ChaincodeEvent, error) {
	if len(tx.Action.GetEvents()) == 0 {
		return nil, nil
	}
	return Decode(tx.Action.GetEvents(), &peer.ChaincodeEvent{})
}
