// SPDX-License-Identifier: Apache-2.0

// Package testnet is the embedded network as tests above the ledger want it: two organisations that
// have agreed on terms, and whose first lets its clients register devices and run bridges. It ends
// with the test.
package testnet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/network/devnet"
)

// Network is a running network of Org1MSP and Org2MSP.
type Network struct {
	*devnet.Network
	t testing.TB
}

// Start starts a network.
func Start(t testing.TB) *Network {
	t.Helper()
	cfg := devnet.Default(t.TempDir())
	cfg.BatchTimeout = 20 * time.Millisecond
	running, err := devnet.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, running.Close()) })
	n := &Network{Network: running, t: t}
	const terms = `{"organisations":["Org1MSP","Org2MSP"],"others":1}`
	n.Transact("Org1MSP", "consortium:Approve", terms)
	n.Transact("Org2MSP", "consortium:Approve", terms)
	n.Transact("Org1MSP", "roles:Grant", `{"role":"registrar","unit":"client"}`)
	n.Transact("Org1MSP", "roles:Grant", `{"role":"bridge","unit":"client"}`)
	return n
}

// Transact makes a call, which must succeed, as an organisation's administrator.
func (n *Network) Transact(msp, function string, args ...string) {
	n.t.Helper()
	_, _, err := n.Connect(msp, "Admin").Transact(n.t.Context(), function, args...)
	require.NoError(n.t, err, function)
}

// Connect returns a client of an organisation's user, "Admin" or "User1".
func (n *Network) Connect(msp, user string) *ledger.Client {
	n.t.Helper()
	c, err := ledger.Connect(ledger.Profile(n.Profile(msp, user)))
	require.NoError(n.t, err)
	n.t.Cleanup(func() { require.NoError(n.t, c.Close()) })
	return c
}
