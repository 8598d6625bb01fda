// SPDX-License-Identifier: Apache-2.0

package system

import (
	"fmt"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// configure is cscc.
func (c *Chaincodes) configure(function string, args [][]byte, p *wire.Proposal) *peer.Response {
	if function == "GetChannels" {
		return answer(&peer.ChannelQueryResponse{Channels: []*peer.ChannelInfo{{ChannelId: c.Name}}}, nil, "", nil)
	}
	if len(args) == 0 {
		return shim.Error("Incorrect number of arguments, 1")
	}
	denied := c.access(args[0], p)
	switch function {
	case "GetConfigBlock":
		if denied != nil {
			return shim.Error(fmt.Sprintf("access denied for [%s][%s]: %s", function, args[0], denied))
		}
		block, err := c.Ledger.Block(0)
		return answer(block, err, "configuration block of %s: %s", c.Name)
	case "GetChannelConfig":
		if denied != nil {
			return shim.Error(fmt.Sprintf("access denied for [%s][%s]: %s", function, args[0], denied))
		}
		config, err := c.channelConfig()
		return answer(config, err, "configuration of %s: %s", c.Name)
	case "JoinChain", "JoinChainBySnapshot", "JoinBySnapshotStatus":
		return shim.Error("cannot join: this network has one channel, " + c.Name)
	default:
		return shim.Error(fmt.Sprintf("Requested function %s not found.", function))
	}
}

func (c *Chaincodes) channelConfig() (*common.Config, error) {
	block, err := c.Ledger.Block(0)
	if err != nil {
		return nil, err
	}
	envelope, err := wire.Decode(block.GetData().GetData()[0], &common.Envelope{})
	if err != nil {
		return nil, err
	}
	headers, err := wire.ParseHeaders(envelope)
	if err != nil {
		return nil, err
	}
	config, err := wire.Decode(headers.Payload.GetData(), &common.ConfigEnvelope{})
	return config.GetConfig(), err
}
