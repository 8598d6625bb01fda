// SPDX-License-Identifier: Apache-2.0

// Package system answers the calls of Fabric's system chaincodes that its tools use: qscc
// for blocks and transactions, cscc for the channel's configuration, and the queries of
// _lifecycle for the chaincode's definition. They read the ledger and write nothing.
package system

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/channel"
	"github.com/anchorline/anchorline/network/devnet/internal/member"
	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// Names are the system chaincodes of a peer.
func Names() []string { return []string{"qscc", "cscc", "_lifecycle", "lscc"} }

// Chaincodes are the system chaincodes of one peer.
type Chaincodes struct {
	*channel.Channel
	// Organisations are the MSP IDs that approved the chaincode's definition: all.
	Organisations []string
	MSPID         string // the peer's organisation
	PackageID     string // of the chaincode that is installed on the peer
}

// Has tells whether a name is a system chaincode's.
func (c *Chaincodes) Has(name string) bool { return slices.Contains(Names(), name) }

// Invoke calls a system chaincode.
func (c *Chaincodes) Invoke(name string, p *wire.Proposal) *peer.Response {
	args := p.Input.GetArgs()
	if name == "_lifecycle" {
		return c.lifecycle(args, p)
	}
	if len(args) == 0 {
		return shim.Error("Incorrect number of arguments, 0")
	}
	function := string(args[0])
	args = args[1:]
	switch name {
	case "qscc":
		return c.query(function, args, p)
	case "cscc":
		return c.configure(function, args, p)
	default:
		return shim.Error("not enough arguments or an unknown function " + function + ": this network has no legacy lifecycle")
	}
}

// Called answers a call that a chaincode makes while it answers by's proposal. Only the life cycle
// listens to chaincode.
func (c *Chaincodes) Called(name string, args [][]byte, by *peer.SignedProposal) (*peer.Response, error) {
	p, err := wire.ParseProposal(by)
	if err != nil {
		return nil, err
	}
	least := map[string]int{"qscc": 2, "cscc": 1}[name]
	switch {
	case name == "lscc":
		return nil, errors.New("execute failed: could not launch chaincode lscc.syscc: this network has no legacy lifecycle")
	case len(args) < least:
		return shim.Error(fmt.Sprintf("Incorrect number of arguments, %d", len(args))), nil
	case name == "qscc":
		return shim.Error(fmt.Sprintf("Rejecting invoke of QSCC from another chaincode because of potential for deadlocks, original invocation for '%s'", p.Chaincode)), nil
	case name == "cscc":
		return shim.Error(fmt.Sprintf("Rejecting invoke of CSCC from another chaincode, original invocation for '%s'", p.Chaincode)), nil
	}
	called := *p
	called.Input = &peer.ChaincodeInput{Args: args}
	return c.Invoke(name, &called), nil
}

// access tells why the caller may not read, nil when it may.
func (c *Chaincodes) access(name []byte, p *wire.Proposal) error {
	return c.Members.Application(string(name), member.Readers, signed(p))
}

// signed is who made a proposal, and how that is known.
func signed(p *wire.Proposal) member.Signed {
	return member.Signed{
		Identity: p.Signature.GetCreator(), Data: p.Signed.GetProposalBytes(), Signature: p.Signed.GetSignature(),
	}
}

// query is qscc: its first argument is the channel.
func (c *Chaincodes) query(function string, args [][]byte, p *wire.Proposal) *peer.Response {
	switch {
	case len(args) == 0:
		return shim.Error("Incorrect number of arguments, 1")
	case function != "GetChainInfo" && len(args) < 2:
		return shim.Error("missing 3rd argument for " + function)
	case string(args[0]) != c.Name:
		return shim.Error("Invalid chain ID, " + string(args[0]))
	}
	denied := c.access(args[0], p)
	known := []string{"GetChainInfo", "GetBlockByNumber", "GetBlockByHash", "GetBlockByTxID", "GetTransactionByID"}
	if !slices.Contains(known, function) {
		denied = fmt.Errorf("Unmapped policy for qscc/%s", function) //nolint:staticcheck // Fabric's words
	}
	if denied != nil {
		return shim.Error(fmt.Sprintf("access denied for [%s][%s]: [%s]", function, args[0], denied))
	}
	switch function {
	case "GetChainInfo":
		return c.chainInfo()
	case "GetBlockByNumber":
		number, err := strconv.ParseUint(string(args[1]), 10, 64)
		if err != nil {
			return shim.Error(fmt.Sprintf("Failed to parse block number with error %s", err))
		}
		block, err := c.Ledger.Block(number)
		return answer(block, err, "Failed to get block number %d, error %s", number)
	case "GetBlockByHash":
		block, err := c.Ledger.BlockByHash(args[1])
		return answer(block, err, "Failed to get block hash %s, error %s", args[1])
	case "GetBlockByTxID":
		block, err := c.blockOf(string(args[1]))
		return answer(block, err, "Failed to get block for txID %s, error %s", args[1])
	default: // GetTransactionByID
		tx, err := c.transaction(string(args[1]))
		return answer(tx, err, "Failed to get transaction with id %s, error %s", args[1])
	}
}

func (c *Chaincodes) chainInfo() *peer.Response {
	height, hash := c.Ledger.Tip()
	block, err := c.Ledger.Block(height - 1)
	return answer(&common.BlockchainInfo{
		Height: height, CurrentBlockHash: hash, PreviousBlockHash: block.GetHeader().GetPreviousHash(),
	}, err, "Failed to get block info of %s with error %s", c.Name)
}

func (c *Chaincodes) blockOf(txID string) (*common.Block, error) {
	place, err := c.Ledger.Transaction(txID)
	if err != nil {
		return nil, err
	}
	return c.Ledger.Block(place.Block)
}

func (c *Chaincodes) transaction(txID string) (*peer.ProcessedTransaction, error) {
	place, err := c.Ledger.Transaction(txID)
	if err != nil {
		return nil, err
	}
	block, err := c.Ledger.Block(place.Block)
	if err != nil {
		return nil, err
	}
	envelope, err := wire.Decode(block.GetData().GetData()[place.Index], &common.Envelope{})
	return &peer.ProcessedTransaction{TransactionEnvelope: envelope, ValidationCode: int32(place.Code)}, err
}

// answer returns a message, or the error in a format that takes subject and error.
func answer(message proto.Message, err error, format string, subject any) *peer.Response {
	if err != nil {
		return shim.Error(fmt.Sprintf(format, subject, err))
	}
	content, err := proto.Marshal(message)
	if err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(content)
}
