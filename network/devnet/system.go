// SPDX-License-Identifier: Apache-2.0

package devnet

import (
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// noSystem has no system chaincodes.
type noSystem struct{}

func (noSystem) Has(string) bool { return false }

func (noSystem) Invoke(string, *wire.Proposal) *peer.Response { return nil }
