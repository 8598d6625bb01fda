// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"
)

// Height returns the number of blocks of the channel, as the peer's own system chaincode says.
func (c *Client) Height(ctx context.Context) (uint64, error) {
	const function = "GetChainInfo"
	result, err := c.network.GetContract("qscc").EvaluateWithContext(ctx, function, client.WithArguments(c.profile.Channel))
	if err != nil {
		return 0, classify("evaluate qscc "+function, "", err)
	}
	var info common.BlockchainInfo
	if err := proto.Unmarshal(result, &info); err != nil {
		return 0, &Error{Step: "read answer of qscc " + function, Kind: ErrChaincode, Err: err}
	}
	return info.GetHeight(), nil
}
