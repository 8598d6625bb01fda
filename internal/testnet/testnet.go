// SPDX-License-Identifier: Apache-2.0

// Package testnet is a network as tests above the ledger want it: two organisations that have
// agreed on terms, and whose first lets its clients register devices and run bridges. Each test has
// an empty ledger.
//
// By default it is an embedded network of the test's own. With -fabric it is a chaincode name of
// the test's own on a real network, which the test binary starts once.
package testnet

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/network/devnet"
)

var onFabric = flag.Bool("fabric", false, "run on a real Fabric network instead of the embedded one")

// Network is a running network of Org1MSP and Org2MSP.
type Network struct {
	t       testing.TB
	profile func(msp, user string) devnet.Profile
	// embedded is nil on a real network.
	embedded *devnet.Network
}

// Main is TestMain of a package that uses a network: it runs the tests, ends the real network if
// there is one, and fails when a test left a goroutine behind.
func Main(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if !shared.stopped() {
			code = 1
		}
		os.Exit(code) //nolint:forbidigo // it is the end of TestMain
	}))
}

// Start starts a network, which ends with the test.
func Start(t testing.TB) *Network {
	t.Helper()
	n := &Network{t: t}
	if *onFabric {
		n.profile = shared.name(t)
	} else {
		n.embedded = embedded(t)
		n.profile = n.embedded.Profile
	}
	const terms = `{"organisations":["Org1MSP","Org2MSP"],"others":1}`
	n.Transact("Org1MSP", "consortium:Approve", terms)
	n.Transact("Org2MSP", "consortium:Approve", terms)
	n.Transact("Org1MSP", "roles:Grant", `{"role":"registrar","unit":"client"}`)
	n.Transact("Org1MSP", "roles:Grant", `{"role":"bridge","unit":"client"}`)
	return n
}

// embedded starts an embedded network.
func embedded(t testing.TB) *devnet.Network {
	t.Helper()
	cfg := devnet.Default(t.TempDir())
	cfg.BatchTimeout = 20 * time.Millisecond
	running, err := devnet.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, running.Close()) })
	return running
}

// Faults are the faults that a test may cause. A test that does is skipped on a real network.
func (n *Network) Faults(t testing.TB) devnet.Faults {
	t.Helper()
	if n.embedded == nil {
		t.Skip("SKIPPED, NOT TESTED ON REAL FABRIC: it causes a fault inside the network")
	}
	return n.embedded.Faults()
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
