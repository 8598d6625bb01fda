// SPDX-License-Identifier: Apache-2.0

package ledgertest

import (
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// Chaincode is the name under which the chaincode is said to be installed.
const Chaincode = "anchorline"

// proposal returns what a peer hands over of the client's proposal, as far as it is looked at:
// its header, without a signature.
func (l *Ledger) proposal() (*peer.SignedProposal, error) {
	extension, err := proto.Marshal(&peer.ChaincodeHeaderExtension{ChaincodeId: &peer.ChaincodeID{Name: Chaincode}})
	if err != nil {
		return nil, err
	}
	channel, err := proto.Marshal(&common.ChannelHeader{ChannelId: l.Channel, Extension: extension})
	if err != nil {
		return nil, err
	}
	header, err := proto.Marshal(&common.Header{ChannelHeader: channel})
	if err != nil {
		return nil, err
	}
	data, err := proto.Marshal(&peer.Proposal{Header: header})
	if err != nil {
		return nil, err
	}
	return &peer.SignedProposal{ProposalBytes: data}, nil
}
