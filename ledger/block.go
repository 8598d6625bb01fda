// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"
)

// Block returns a block of the channel as the peer keeps it, a common.Block, or ErrNotFound.
func (c *Client) Block(ctx context.Context, number uint64) ([]byte, error) {
	return c.system(ctx, "qscc", "GetBlockByNumber", strconv.FormatUint(number, 10))
}

// BlockOf returns the block with a transaction as the peer keeps it, a common.Block, or ErrNotFound.
func (c *Client) BlockOf(ctx context.Context, txID string) ([]byte, error) {
	return c.system(ctx, "qscc", "GetBlockByTxID", txID)
}

// ConfigBlock returns the block with the channel's configuration in force, a common.Block.
func (c *Client) ConfigBlock(ctx context.Context) ([]byte, error) {
	return c.system(ctx, "cscc", "GetConfigBlock")
}

// Locate returns the place of a transaction in the ledger's order: its block and its index in the
// block, from 0. It returns ErrNotFound for one that is in no block. The peer's word is taken for it.
func (c *Client) Locate(ctx context.Context, txID string) (block uint64, index int, err error) {
	content, err := c.BlockOf(ctx, txID)
	if err != nil {
		return 0, 0, err
	}
	b := &common.Block{}
	if err := proto.Unmarshal(content, b); err != nil {
		return 0, 0, &Error{Step: "read block", TxID: txID, Kind: ErrChaincode, Err: err}
	}
	for i, data := range b.GetData().GetData() {
		if transactionOf(data) == txID {
			return b.GetHeader().GetNumber(), i, nil
		}
	}
	return 0, 0, &Error{
		Step: "read block", TxID: txID, Kind: ErrChaincode,
		Err: fmt.Errorf("the peer's answer, block %d, does not hold it", b.GetHeader().GetNumber()),
	}
}

// transactionOf is the id that an envelope names, "" when it names none.
func transactionOf(envelope []byte) string {
	e, payload, header := &common.Envelope{}, &common.Payload{}, &common.ChannelHeader{}
	if proto.Unmarshal(envelope, e) != nil || proto.Unmarshal(e.GetPayload(), payload) != nil ||
		proto.Unmarshal(payload.GetHeader().GetChannelHeader(), header) != nil {
		return ""
	}
	return header.GetTxId()
}

// system asks one of the peer's own chaincodes about our channel.
func (c *Client) system(ctx context.Context, chaincode, function string, args ...string) ([]byte, error) {
	step := "evaluate " + chaincode + " " + function
	result, err := c.network.GetContract(chaincode).EvaluateWithContext(ctx, function,
		client.WithArguments(append([]string{c.profile.Channel}, args...)...))
	if err == nil {
		return result, nil
	}
	// Fabric's words (common/ledger/blkstorage/blockindex.go) for what the ledger does not have.
	for _, said := range describe(err) {
		if strings.Contains(said, "no such transaction ID") || strings.Contains(said, "no such block number") {
			return nil, &Error{Step: step, Kind: ErrNotFound, Err: fmt.Errorf("%s", said)}
		}
	}
	return nil, classify(step, "", err)
}
