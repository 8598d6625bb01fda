// SPDX-License-Identifier: Apache-2.0

package deliver

import (
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"google.golang.org/grpc"
)

// Orderer is an orderer's AtomicBroadcast service.
type Orderer struct {
	orderer.AtomicBroadcastServer // takes transactions
	Config
}

// Deliver streams blocks as they were ordered: without what peers add.
func (o *Orderer) Deliver(stream grpc.BidiStreamingServer[common.Envelope, orderer.DeliverResponse]) error {
	return o.serve(stream.Context(), client{
		receive: stream.Recv,
		block: func(block *common.Block) error {
			metadata := block.GetMetadata().GetMetadata()
			for i := range metadata {
				if common.BlockMetadataIndex(i) != common.BlockMetadataIndex_SIGNATURES {
					metadata[i] = nil
				}
			}
			return stream.Send(&orderer.DeliverResponse{Type: &orderer.DeliverResponse_Block{Block: block}})
		},
		status: func(status common.Status) error {
			return stream.Send(&orderer.DeliverResponse{Type: &orderer.DeliverResponse_Status{Status: status}})
		},
	})
}
