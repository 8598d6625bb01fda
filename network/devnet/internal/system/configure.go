// SPDX-License-Identifier: Apache-2.0

package system

import (
	"fmt"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"
	"google.golang.org/protobuf/proto"

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

// lifecycle is what _lifecycle tells about the one chaincode; it changes nothing.
func (c *Chaincodes) lifecycle(function string, args [][]byte, p *wire.Proposal) *peer.Response {
	if len(args) != 1 {
		return shim.Error(fmt.Sprintf("lifecycle scc operations require exactly two arguments but received %d", len(args)+1))
	}
	if channel := p.Channel.GetChannelId(); channel != "" {
		if denied := c.access([]byte(channel), p); denied != nil {
			return shim.Error(fmt.Sprintf("Failed to authorize invocation due to failed ACL check: %s", denied))
		}
	}
	policy, err := proto.Marshal(&peer.ApplicationPolicy{Type: &peer.ApplicationPolicy_SignaturePolicy{SignaturePolicy: c.Policy}})
	if err != nil {
		return shim.Error(err.Error())
	}
	switch function {
	case "QueryChaincodeDefinition":
		query := &lifecycle.QueryChaincodeDefinitionArgs{}
		if err = proto.Unmarshal(args[0], query); err == nil {
			return c.definition(query.GetName(), policy)
		}
	case "QueryChaincodeDefinitions":
		if err = proto.Unmarshal(args[0], &lifecycle.QueryChaincodeDefinitionsArgs{}); err == nil {
			return answer(&lifecycle.QueryChaincodeDefinitionsResult{
				ChaincodeDefinitions: []*lifecycle.QueryChaincodeDefinitionsResult_ChaincodeDefinition{{
					Name: c.Chaincode, Sequence: 1, Version: c.Version, EndorsementPlugin: "escc",
					ValidationPlugin: "vscc", ValidationParameter: policy, Collections: &peer.CollectionConfigPackage{},
				}},
			}, nil, "", nil)
		}
	default:
		return shim.Error(fmt.Sprintf("failed to invoke backing implementation of '%s': this network has no lifecycle transactions", function))
	}
	return shim.Error(fmt.Sprintf("failed to invoke backing implementation of '%[1]s': could not decode input arg for *lifecycle.Invocation.%[1]s: %[2]s", function, err))
}

// definition is the one chaincode's, approved by all.
func (c *Chaincodes) definition(name string, policy []byte) *peer.Response {
	if name != c.Chaincode {
		return &peer.Response{Status: 404, Message: fmt.Sprintf("namespace %s is not defined", name)}
	}
	approvals := make(map[string]bool, len(c.Organisations))
	for _, mspID := range c.Organisations {
		approvals[mspID] = true
	}
	return answer(&lifecycle.QueryChaincodeDefinitionResult{
		Sequence: 1, Version: c.Version, EndorsementPlugin: "escc", ValidationPlugin: "vscc",
		ValidationParameter: policy, Collections: &peer.CollectionConfigPackage{}, Approvals: approvals,
	}, nil, "", nil)
}
