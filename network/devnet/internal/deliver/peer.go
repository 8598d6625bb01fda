// SPDX-License-Identifier: Apache-2.0

package deliver

import (
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"

	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

type peerStream = grpc.BidiStreamingServer[common.Envelope, peer.DeliverResponse]

// Peer is a peer's Deliver service.
type Peer struct {
	peer.UnimplementedDeliverServer
	Config
}

// Deliver streams whole blocks.
func (p *Peer) Deliver(stream peerStream) error {
	return p.serve(stream.Context(), p.client(stream, func(block *common.Block) (*peer.DeliverResponse, error) {
		return &peer.DeliverResponse{Type: &peer.DeliverResponse_Block{Block: block}}, nil
	}))
}

// DeliverFiltered streams what clients wait for: transaction ids, codes and event names.
func (p *Peer) DeliverFiltered(stream peerStream) error {
	return p.serve(stream.Context(), p.client(stream, func(block *common.Block) (*peer.DeliverResponse, error) {
		filtered, err := Filter(block)
		return &peer.DeliverResponse{Type: &peer.DeliverResponse_FilteredBlock{FilteredBlock: filtered}}, err
	}))
}

// DeliverWithPrivateData streams whole blocks; there is no private data to go with them.
func (p *Peer) DeliverWithPrivateData(stream peerStream) error {
	return p.serve(stream.Context(), p.client(stream, func(block *common.Block) (*peer.DeliverResponse, error) {
		return &peer.DeliverResponse{Type: &peer.DeliverResponse_BlockAndPrivateData{
			BlockAndPrivateData: &peer.BlockAndPrivateData{Block: block},
		}}, nil
	}))
}

func (p *Peer) client(stream peerStream, convert func(*common.Block) (*peer.DeliverResponse, error)) client {
	return client{
		receive: stream.Recv,
		block: func(block *common.Block) error {
			response, err := convert(block)
			if err != nil {
				return err
			}
			return stream.Send(response)
		},
		status: func(status common.Status) error {
			return stream.Send(&peer.DeliverResponse{Type: &peer.DeliverResponse_Status{Status: status}})
		},
	}
}

// Filter reduces a block to its transactions' ids, codes and event names.
func Filter(block *common.Block) (*peer.FilteredBlock, error) {
	flags := block.GetMetadata().GetMetadata()[common.BlockMetadataIndex_TRANSACTIONS_FILTER]
	filtered := &peer.FilteredBlock{Number: block.GetHeader().GetNumber()}
	for i, content := range block.GetData().GetData() {
		envelope, err := wire.Decode(content, &common.Envelope{})
		if err != nil {
			continue
		}
		headers, err := wire.ParseHeaders(envelope)
		if err != nil {
			return nil, err
		}
		filtered.ChannelId = headers.Channel.GetChannelId()
		tx := &peer.FilteredTransaction{
			Txid: headers.Channel.GetTxId(), Type: common.HeaderType(headers.Channel.GetType()),
			TxValidationCode: peer.TxValidationCode(flags[i]),
		}
		if tx.Type == common.HeaderType_ENDORSER_TRANSACTION {
			tx.Data = actions(envelope)
		}
		filtered.FilteredTransactions = append(filtered.FilteredTransactions, tx)
	}
	return filtered, nil
}

// actions tells the event of a transaction, without its payload.
func actions(envelope *common.Envelope) *peer.FilteredTransaction_TransactionActions {
	filtered := &peer.FilteredTransactionActions{}
	if tx, err := wire.ParseTransaction(envelope); err == nil {
		if event, err := tx.Event(); err == nil && event.GetChaincodeId() != "" {
			filtered.ChaincodeActions = append(filtered.ChaincodeActions, &peer.FilteredChaincodeAction{
				ChaincodeEvent: &peer.ChaincodeEvent{TxId: event.GetTxId(), ChaincodeId: event.GetChaincodeId(), EventName: event.GetEventName()},
			})
		}
	}
	return &peer.FilteredTransaction_TransactionActions{TransactionActions: filtered}
}
