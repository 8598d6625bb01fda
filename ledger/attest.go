// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/protobuf/proto"
)

// EndorseOnly has peers of the named organisations sign the answer to a call, and submits nothing:
// the ledger stays as it is. It returns the common.Envelope with their signatures, and the answer.
// The envelope has no signature of ours, so that no orderer takes it.
//
// An organisation whose peers are away, or which are not of one mind with the others, makes it fail
// with ErrUnavailable: peers lag behind each other for a moment after a commit.
func (c *Client) EndorseOnly(ctx context.Context, organisations []string, function string, args ...string) (envelope, result []byte, err error) {
	step := "endorse " + function
	if len(organisations) == 0 {
		return nil, nil, &Error{Step: step, Kind: ErrConfig, Err: errors.New("name the organisations that shall sign")}
	}
	proposal, err := c.contract.NewProposal(function, client.WithArguments(args...), client.WithEndorsingOrganizations(organisations...))
	if err != nil {
		return nil, nil, classify("propose "+function, "", err)
	}
	tx, err := proposal.EndorseWithContext(ctx)
	if err != nil {
		return nil, nil, classify(step, proposal.TransactionID(), err)
	}
	content, err := tx.Bytes()
	if err != nil {
		return nil, nil, classify(step, tx.TransactionID(), err)
	}
	envelope, err = envelopeOf(content)
	if err != nil {
		return nil, nil, &Error{Step: step, TxID: tx.TransactionID(), Kind: ErrChaincode, Err: err}
	}
	return envelope, tx.Result(), nil
}

// envelopeOf takes the envelope out of what the gateway made, without a signature.
func envelopeOf(prepared []byte) ([]byte, error) {
	p := &gateway.PreparedTransaction{}
	if err := proto.Unmarshal(prepared, p); err != nil {
		return nil, err
	}
	return proto.Marshal(&common.Envelope{Payload: p.GetEnvelope().GetPayload()})
}
