// SPDX-License-Identifier: Apache-2.0

// Package channel is what the services of a channel share, and the channel's configuration as
// configtxgen writes it, for the tools that read it.
package channel

import (
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"github.com/anchorline/anchorline/network/devnet/internal/fault"
	"github.com/anchorline/anchorline/network/devnet/internal/member"
	"github.com/anchorline/anchorline/network/devnet/internal/store"
)

// Channel is one channel with its one chaincode, as every service of it sees them.
type Channel struct {
	Name       string
	Chaincode  string                          // name of the chaincode, and its namespace
	Version    string                          // the chaincode's
	Policy     *common.SignaturePolicyEnvelope // the chaincode's endorsement policy
	Members    *member.Registry
	Ledger     *store.View // the ledger as the service's node has it
	Faults     *fault.Switches
	TimeWindow time.Duration // how far a request's time may be off
	Now        func() time.Time
}
