// SPDX-License-Identifier: Apache-2.0

package ledgertest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Peer is the peer's end of the shim protocol, over an empty state: enough to send a chaincode
// server anything and see that it answers.
type Peer struct {
	stream peer.Chaincode_ConnectClient
	// Name is the chaincode id with which the server registered.
	Name string
	sent int
}

// DialPeer connects to a chaincode server and does the handshake. The stream ends with ctx.
func DialPeer(ctx context.Context, conn *grpc.ClientConn) (*Peer, error) {
	stream, err := peer.NewChaincodeClient(conn).Connect(ctx)
	if err != nil {
		return nil, err
	}
	p := &Peer{stream: stream}
	register, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	var id peer.ChaincodeID
	if err := proto.Unmarshal(register.GetPayload(), &id); err != nil || register.GetType() != peer.ChaincodeMessage_REGISTER {
		return nil, fmt.Errorf("the server began with %s: %w", register.GetType(), err)
	}
	p.Name = id.GetName()
	for _, step := range []peer.ChaincodeMessage_Type{peer.ChaincodeMessage_REGISTERED, peer.ChaincodeMessage_READY} {
		if err := stream.Send(&peer.ChaincodeMessage{Type: step}); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Invoke sends a transaction and returns the response. Whatever the chaincode asks of the state
// is not there.
func (p *Peer) Invoke(as Identity, args ...[]byte) (*peer.Response, error) {
	p.sent++
	digest := sha256.Sum256(fmt.Append(nil, p.sent))
	txID := hex.EncodeToString(digest[:])
	input, err := proto.Marshal(&peer.ChaincodeInput{Args: args})
	if err != nil {
		return nil, err
	}
	proposal, err := signedProposal(as, "channel", txID)
	if err != nil {
		return nil, err
	}
	err = p.stream.Send(&peer.ChaincodeMessage{
		Type: peer.ChaincodeMessage_TRANSACTION, Txid: txID, ChannelId: "channel", Payload: input, Proposal: proposal,
	})
	if err != nil {
		return nil, err
	}
	for {
		message, err := p.stream.Recv()
		if err != nil {
			return nil, err
		}
		switch message.GetType() {
		case peer.ChaincodeMessage_COMPLETED:
			response := &peer.Response{}
			return response, proto.Unmarshal(message.GetPayload(), response)
		case peer.ChaincodeMessage_ERROR:
			return nil, fmt.Errorf("the shim failed: %s", message.GetPayload())
		default:
			if err := p.answer(message); err != nil {
				return nil, err
			}
		}
	}
}

// answer tells the chaincode that there is nothing.
func (p *Peer) answer(question *peer.ChaincodeMessage) error {
	var content proto.Message
	switch question.GetType() {
	case peer.ChaincodeMessage_GET_STATE_BY_RANGE, peer.ChaincodeMessage_GET_HISTORY_FOR_KEY,
		peer.ChaincodeMessage_QUERY_STATE_NEXT, peer.ChaincodeMessage_QUERY_STATE_CLOSE:
		metadata, err := proto.Marshal(&peer.QueryResponseMetadata{})
		if err != nil {
			return err
		}
		content = &peer.QueryResponse{Metadata: metadata}
	case peer.ChaincodeMessage_GET_STATE_METADATA:
		content = &peer.StateMetadataResult{}
	}
	response := &peer.ChaincodeMessage{Type: peer.ChaincodeMessage_RESPONSE, Txid: question.GetTxid(), ChannelId: question.GetChannelId()}
	if content != nil {
		payload, err := proto.Marshal(content)
		if err != nil {
			return err
		}
		response.Payload = payload
	}
	return p.stream.Send(response)
}

// signedProposal is what a peer hands over of the client's proposal.
func signedProposal(as Identity, channel, txID string) (*peer.SignedProposal, error) {
	extension, err := proto.Marshal(&peer.ChaincodeHeaderExtension{ChaincodeId: &peer.ChaincodeID{Name: Chaincode}})
	if err != nil {
		return nil, err
	}
	channelHeader, err := proto.Marshal(&common.ChannelHeader{
		Type: int32(common.HeaderType_ENDORSER_TRANSACTION), ChannelId: channel, TxId: txID,
		Timestamp: &timestamppb.Timestamp{Seconds: 1_700_000_000}, Extension: extension,
	})
	if err != nil {
		return nil, err
	}
	signatureHeader, err := proto.Marshal(&common.SignatureHeader{Creator: as.Creator()})
	if err != nil {
		return nil, err
	}
	header, err := proto.Marshal(&common.Header{ChannelHeader: channelHeader, SignatureHeader: signatureHeader})
	if err != nil {
		return nil, err
	}
	data, err := proto.Marshal(&peer.Proposal{Header: header})
	if err != nil {
		return nil, err
	}
	return &peer.SignedProposal{ProposalBytes: data}, nil
}
