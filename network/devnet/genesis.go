// SPDX-License-Identifier: Apache-2.0

package devnet

import (
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/anchorline/anchorline/network/devnet/internal/endorse"
	"github.com/anchorline/anchorline/network/devnet/internal/order"
	"github.com/anchorline/anchorline/network/devnet/internal/store"
)

// writeGenesis writes block 0: the channel's configuration. The chaincode's definition is
// part of the state from then on, as if it had been committed there.
func writeGenesis(cfg Config, t *topology, ledger *store.Store) error {
	envelope, err := configEnvelope(cfg)
	if err != nil {
		return err
	}
	block, err := order.NewBlock(t.orderer.identity, 0, nil, [][]byte{envelope})
	if err != nil {
		return err
	}
	block.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = []byte{byte(peer.TxValidationCode_VALID)}
	sequence := store.Name{Namespace: endorse.Lifecycle, Key: endorse.SequenceKey(cfg.ChaincodeName)}
	return ledger.Commit(block, store.Change{State: map[store.Name]*store.Value{
		// StateData{int64 1}, as the lifecycle chaincode encodes a field.
		sequence: {Content: protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)},
	}})
}

func configEnvelope(cfg Config) ([]byte, error) {
	channel, err := proto.Marshal(&common.ChannelHeader{
		Type: int32(common.HeaderType_CONFIG), ChannelId: cfg.Channel, Timestamp: timestamppb.Now(),
	})
	if err != nil {
		return nil, fmt.Errorf("encode channel header: %w", err)
	}
	signature, err := proto.Marshal(&common.SignatureHeader{})
	if err != nil {
		return nil, fmt.Errorf("encode signature header: %w", err)
	}
	config, err := proto.Marshal(&common.ConfigEnvelope{Config: &common.Config{ChannelGroup: &common.ConfigGroup{}}})
	if err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	payload, err := proto.Marshal(&common.Payload{Header: &common.Header{ChannelHeader: channel, SignatureHeader: signature}, Data: config})
	if err != nil {
		return nil, fmt.Errorf("encode payload: %w", err)
	}
	return proto.Marshal(&common.Envelope{Payload: payload})
}
