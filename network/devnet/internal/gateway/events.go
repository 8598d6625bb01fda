// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// ChaincodeEvents streams the events of one chaincode, a message for each block that has any.
func (g *Gateway) ChaincodeEvents(signed *gateway.SignedChaincodeEventsRequest, stream grpc.ServerStreamingServer[gateway.ChaincodeEventsResponse]) error {
	if len(signed.GetRequest()) == 0 {
		return status.Error(codes.InvalidArgument, "a chaincode events request is required")
	}
	request := &gateway.ChaincodeEventsRequest{}
	if err := proto.Unmarshal(signed.GetRequest(), request); err != nil {
		return status.Errorf(codes.InvalidArgument, "invalid chaincode events request: %v", err)
	}
	if err := g.authorise(request.GetChannelId(), signed.GetRequest(), request.GetIdentity(), signed.GetSignature()); err != nil {
		return err
	}
	number, err := g.firstBlock(request)
	if err != nil {
		return err
	}
	ctx, cancel := g.config.Faults.Stream(stream.Context())
	defer cancel()
	passed := request.GetAfterTransactionId() == ""
	for ; ; number++ {
		block, err := g.config.Ledger.WaitBlock(ctx, number)
		if err != nil {
			return status.Error(codes.Aborted, err.Error())
		}
		var events []*peer.ChaincodeEvent
		for _, event := range blockEvents(block) {
			if passed && event.GetChaincodeId() == request.GetChaincodeId() {
				events = append(events, event)
			}
			passed = passed || event.GetTxId() == request.GetAfterTransactionId()
		}
		if len(events) == 0 {
			continue
		}
		if err := stream.Send(&gateway.ChaincodeEventsResponse{BlockNumber: number, Events: events}); err != nil {
			return err
		}
	}
}

// firstBlock is where the stream starts: with the transaction it follows, at the position
// asked for, or with the next block.
func (g *Gateway) firstBlock(request *gateway.ChaincodeEventsRequest) (uint64, error) {
	if after := request.GetAfterTransactionId(); after != "" {
		if place, err := g.config.Ledger.Transaction(after); err == nil {
			return place.Block, nil
		}
	}
	switch position := request.GetStartPosition().GetType().(type) {
	case nil, *orderer.SeekPosition_NextCommit:
		return g.config.Ledger.Height(), nil
	case *orderer.SeekPosition_Specified:
		return position.Specified.GetNumber(), nil
	default:
		return 0, status.Errorf(codes.InvalidArgument, "invalid start position type: %T", position)
	}
}

// blockEvents are the chaincode events of a block's valid transactions, in their order.
func blockEvents(block *common.Block) []*peer.ChaincodeEvent {
	flags := block.GetMetadata().GetMetadata()[common.BlockMetadataIndex_TRANSACTIONS_FILTER]
	var events []*peer.ChaincodeEvent
	for i, content := range block.GetData().GetData() {
		if i >= len(flags) || peer.TxValidationCode(flags[i]) != peer.TxValidationCode_VALID {
			continue
		}
		event, err := envelopeEvent(content)
		if err == nil && event != nil {
			events = append(events, event)
		}
	}
	return events
}

var errNoTransaction = errors.New("not an endorser transaction")

func envelopeEvent(content []byte) (*peer.ChaincodeEvent, error) {
	envelope, err := wire.Decode(content, &common.Envelope{})
	if err != nil {
		return nil, err
	}
	headers, err := wire.ParseHeaders(envelope)
	if err != nil {
		return nil, err
	}
	if common.HeaderType(headers.Channel.GetType()) != common.HeaderType_ENDORSER_TRANSACTION {
		return nil, errNoTransaction
	}
	tx, err := wire.ParseTransaction(envelope)
	if err != nil {
		return nil, err
	}
	return tx.Event()
}
