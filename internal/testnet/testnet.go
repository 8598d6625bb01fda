// SPDX-License-Identifier: Apache-2.0

// Package testnet is a network as tests above the ledger want it: organisations, two unless a test
// asks for three, that have agreed on terms, and whose first lets its clients register devices and
// run bridges. Each test has an empty ledger.
//
// By default it is an embedded network of the test's own. With -fabric it is a chaincode name of
// the test's own on a real network, which the test binary starts once for each number of
// organisations and each ordering. -orderers says how a real network orders.
package testnet

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/network/devnet"
	"github.com/anchorline/anchorline/network/fabric"
)

var (
	onFabric = flag.Bool("fabric", false, "run on a real Fabric network instead of the embedded one")
	orderers = flag.String("orderers", string(fabric.OneRaft), "orderers of the real network: 1 or 3 for Raft, bft for SmartBFT")
)

// Network is a running network.
type Network struct {
	t             testing.TB
	organisations []string
	profile       func(msp, user string) devnet.Profile
	// embedded is nil on a real network.
	embedded *devnet.Network
	// kill ends the chaincode of an organisation, restart starts it again.
	kill, restart func(t testing.TB, msp string)
}

// Main is TestMain of a package that uses a network: it runs the tests, ends the real networks if
// there are any, and fails when a test left a goroutine behind.
func Main(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if !shared.stopped() {
			code = 1
		}
		os.Exit(code) //nolint:forbidigo // it is the end of TestMain
	}))
}

// Start starts a network, which ends with the test.
func Start(t testing.TB, choices ...Option) *Network {
	t.Helper()
	o := options{organisations: 2, ordering: fabric.Ordering(*orderers)}
	for _, choose := range choices {
		choose(&o)
	}
	var n *Network
	if *onFabric {
		n = shared.start(t, o)
	} else {
		n = embedded(t, o)
	}
	terms, err := json.Marshal(struct {
		Organisations []string `json:"organisations"`
		Others        int      `json:"others"`
	}{n.organisations, 1})
	require.NoError(t, err)
	for _, msp := range n.organisations {
		n.Transact(msp, "consortium:Approve", string(terms))
	}
	n.Transact("Org1MSP", "roles:Grant", `{"role":"registrar","unit":"client"}`)
	n.Transact("Org1MSP", "roles:Grant", `{"role":"bridge","unit":"client"}`)
	return n
}

// Organisations are the MSP IDs: Org1MSP, Org2MSP and, when there are three, Org3MSP.
func (n *Network) Organisations() []string { return n.organisations }

// Faults are the faults that a test may cause. A test that does is skipped on a real network.
func (n *Network) Faults(t testing.TB) devnet.Faults {
	t.Helper()
	if n.embedded == nil {
		t.Skip("SKIPPED, NOT TESTED ON REAL FABRIC: it causes a fault inside the network")
	}
	return n.embedded.Faults()
}

// KillChaincode ends the chaincode of an organisation at once, on either network. On a real one the
// test must have started the network with [OwnChaincode].
func (n *Network) KillChaincode(t testing.TB, msp string) {
	t.Helper()
	n.kill(t, msp)
}

// RestartChaincode ends KillChaincode.
func (n *Network) RestartChaincode(t testing.TB, msp string) {
	t.Helper()
	n.restart(t, msp)
}

// Profile is the connection profile of an organisation's user, "Admin" or "User1".
func (n *Network) Profile(msp, user string) devnet.Profile {
	n.t.Helper()
	return n.profile(msp, user)
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
