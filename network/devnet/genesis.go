// SPDX-License-Identifier: Apache-2.0

package devnet

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/anchorline/anchorline/network/devnet/internal/channel"
	"github.com/anchorline/anchorline/network/devnet/internal/endorse"
	"github.com/anchorline/anchorline/network/devnet/internal/order"
	"github.com/anchorline/anchorline/network/devnet/internal/store"
	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// The ports that the channel's configuration names; where the servers listen is up to Config.
const (
	configuredPeerPort    = 7051
	configuredOrdererPort = 7050
)

// writeGenesis writes block 0: the channel's configuration. The chaincode's definition is
// part of the state from then on, as if it had been committed there.
func writeGenesis(cfg Config, t *topology, ledger *store.Store) error {
	envelope, err := configEnvelope(cfg, t)
	if err != nil {
		return err
	}
	block, err := order.FirstBlock(envelope)
	if err != nil {
		return err
	}
	block.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = []byte{byte(peer.TxValidationCode_VALID)}
	return ledger.Commit(block, store.Change{State: map[store.Name]*store.Value{
		// StateData{int64 1}, as the lifecycle chaincode encodes a field.
		sequenceOf(cfg.ChaincodeName): {Content: protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)},
	}})
}

// ErrOtherNetwork says that a folder's ledger is of another channel, chaincode or number of
// organisations.
var ErrOtherNetwork = errors.New("the folder holds the ledger of another network; give its channel, chaincode and number of organisations, or another folder")

// checkGenesis checks that a ledger that is there is of this channel and chaincode.
func checkGenesis(cfg Config, ledger *store.Store) error {
	block, err := ledger.Block(0)
	if err != nil {
		return err
	}
	envelope, err := wire.Decode(block.GetData().GetData()[0], &common.Envelope{})
	if err != nil {
		return err
	}
	headers, err := wire.ParseHeaders(envelope)
	if err != nil {
		return err
	}
	if there := headers.Channel.GetChannelId(); there != cfg.Channel {
		return fmt.Errorf("channel %q is there, not %q: %w", there, cfg.Channel, ErrOtherNetwork)
	}
	config, err := wire.Decode(headers.Payload.GetData(), &common.ConfigEnvelope{})
	if err != nil {
		return err
	}
	if there := len(config.GetConfig().GetChannelGroup().GetGroups()["Application"].GetGroups()); there != cfg.Organisations {
		return fmt.Errorf("%d organisations are there, not %d: %w", there, cfg.Organisations, ErrOtherNetwork)
	}
	snapshot, err := ledger.Snapshot()
	if err != nil {
		return err
	}
	defer snapshot.Release()
	defined, err := snapshot.Get(sequenceOf(cfg.ChaincodeName))
	if err == nil && defined == nil {
		err = fmt.Errorf("no chaincode %q is there: %w", cfg.ChaincodeName, ErrOtherNetwork)
	}
	return err
}

// sequenceOf names the state that says that a chaincode is defined.
func sequenceOf(chaincode string) store.Name {
	return store.Name{Namespace: endorse.Lifecycle, Key: endorse.SequenceKey(chaincode)}
}

func configEnvelope(cfg Config, t *topology) ([]byte, error) {
	config, err := channelConfig(cfg, t)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, order.NonceSize)
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("draw nonce: %w", err)
	}
	var e wire.Encoder
	return e.Bytes(&common.Envelope{Payload: e.Bytes(&common.Payload{
		Header: &common.Header{
			ChannelHeader: e.Bytes(&common.ChannelHeader{
				Type: int32(common.HeaderType_CONFIG), Version: 1, ChannelId: cfg.Channel,
				TxId: wire.TransactionID(nonce, nil), Timestamp: timestamppb.Now(),
			}),
			SignatureHeader: e.Bytes(&common.SignatureHeader{Nonce: nonce}),
		},
		Data: e.Bytes(&common.ConfigEnvelope{Config: config}),
	})}), e.Err
}

func channelConfig(cfg Config, t *topology) (*common.Config, error) {
	params := channel.Params{
		BatchTimeout: cfg.BatchTimeout, MaxMessages: cfg.MaxMessages,
		PreferredSize: cfg.PreferredMaxBytes, AbsoluteSize: cfg.AbsoluteMaxBytes,
	}
	var err error
	if params.Orderer, err = t.describe(t.orderer, configuredOrdererPort); err != nil {
		return nil, err
	}
	if params.OrdererTLS, err = os.ReadFile(filepath.Join(t.orderer.org.NodeTLS(t.root, t.orderer.name), "server.crt")); err != nil {
		return nil, fmt.Errorf("read the orderer's TLS certificate: %w", err)
	}
	for i, n := range t.peers {
		org, err := t.describe(n, configuredPeerPort+uint32(portStep*i))
		if err != nil {
			return nil, err
		}
		params.Peers = append(params.Peers, org)
	}
	return channel.Config(params)
}

func (t *topology) describe(n *node, port uint32) (channel.Organisation, error) {
	ca, err := os.ReadFile(n.org.CACert(t.root))
	if err != nil {
		return channel.Organisation{}, fmt.Errorf("read CA certificate: %w", err)
	}
	tlsCA, err := os.ReadFile(n.org.TLSCACert(t.root))
	if err != nil {
		return channel.Organisation{}, fmt.Errorf("read TLS CA certificate: %w", err)
	}
	return channel.Organisation{MSPID: n.org.MSPID, CA: ca, TLSCA: tlsCA, Host: n.org.NodeName(n.name), Port: port}, nil
}
