// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/network/devnet"
	"github.com/anchorline/anchorline/network/devnet/internal/probe"
)

func TestEveryFaultOfAConfigurationIsReported(t *testing.T) {
	require.NoError(t, devnet.Default(t.TempDir()).Validate())
	for text, spoil := range map[string]func(*devnet.Config){
		"folder":               func(c *devnet.Config) { c.Dir = "" },
		`channel "My"`:         func(c *devnet.Config) { c.Channel = "My" },
		"chaincode name":       func(c *devnet.Config) { c.ChaincodeName = "a b" },
		"0 organisations":      func(c *devnet.Config) { c.Organisations = 0 },
		"there may be 1 to 8":  func(c *devnet.Config) { c.Organisations = 9 },
		"no such organisation": func(c *devnet.Config) { c.Services = map[string]devnet.Service{"Org3MSP": {Address: "127.0.0.1:1"}} },
		"but no CA": func(c *devnet.Config) {
			c.Services = servedBy(devnet.Service{Address: "127.0.0.1:1", Certificate: []byte("x"), Key: []byte("x")})
		},
		"holds no certificate": func(c *devnet.Config) { c.Services = servedBy(devnet.Service{Address: "127.0.0.1:1", CA: []byte("x")}) },
		"batch timeout":        func(c *devnet.Config) { c.BatchTimeout = 0 },
		"0 transactions":       func(c *devnet.Config) { c.MaxMessages = 0 },
		"block size":           func(c *devnet.Config) { c.AbsoluteMaxBytes = 1 },
		"execute timeout":      func(c *devnet.Config) { c.ExecuteTimeout = -time.Second },
		"broadcast timeout":    func(c *devnet.Config) { c.BroadcastTimeout = 0 },
		"policy":               func(c *devnet.Config) { c.EndorsementPolicy = "AND(" },
		"loopback":             func(c *devnet.Config) { c.Listen = "0.0.0.0:7051" },
		`listen address "x"`:   func(c *devnet.Config) { c.Listen = "x" },
		"bad port":             func(c *devnet.Config) { c.Listen = "127.0.0.1:port" },
		"needs the one":        func(c *devnet.Config) { c.Listen = "127.0.0.1:1" },
		"up to 65536":          func(c *devnet.Config) { c.Listen = "127.0.0.1:63536" },
	} {
		cfg := devnet.Default(t.TempDir())
		spoil(&cfg)
		require.ErrorContains(t, cfg.Validate(), text)
		_, err := devnet.Start(t.Context(), cfg)
		require.ErrorContains(t, err, text)
	}
	both := devnet.Default("")
	both.Channel = "!"
	require.ErrorContains(t, both.Validate(), "folder")
	require.ErrorContains(t, both.Validate(), "channel")
}

func TestAStartThatFailsLeavesNothingRunning(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	cfg := devnet.Default(t.TempDir())
	cfg.Chaincode, cfg.Listen = devnet.Everywhere(&probe.Chaincode{}), l.Addr().String()
	_, err = devnet.Start(t.Context(), cfg)
	require.ErrorContains(t, err, "listen for peer0.org1.example.com")

	n := start(t)
	cfg = devnet.Default(n.Profile("Org1MSP", "User1").TLSCA)
	cfg.Chaincode = devnet.Everywhere(&probe.Chaincode{})
	_, err = devnet.Start(t.Context(), cfg)
	require.Error(t, err, "the folder is a file")
}

func TestAFolderServesOneNetworkAtATime(t *testing.T) {
	dir := t.TempDir()
	start(t, func(cfg *devnet.Config) { cfg.Dir = dir })
	cfg := devnet.Default(dir)
	cfg.Chaincode = devnet.Everywhere(&probe.Chaincode{})
	_, err := devnet.Start(t.Context(), cfg)
	require.ErrorContains(t, err, "is another network using it?")
}

func TestThePortsAreThoseOfFabricsTestNetwork(t *testing.T) {
	port := freePorts(t) // stands for 7051
	n := start(t, func(cfg *devnet.Config) { cfg.Listen = fmt.Sprintf("127.0.0.1:%d", port) })
	require.Equal(t, fmt.Sprintf("127.0.0.1:%d", port), n.Profile("Org1MSP", "Admin").Endpoint)
	require.Equal(t, fmt.Sprintf("127.0.0.1:%d", port+2000), n.Profile("Org2MSP", "Admin").Endpoint)
	require.Zero(t, n.Profile("Org3MSP", "Admin"))
	orderer, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port-1))
	require.NoError(t, err)
	require.NoError(t, orderer.Close())
}

func TestUsersCertificatesHaveTheNamesOfCryptogenAndOfFabricCA(t *testing.T) {
	n := start(t)
	for _, user := range []string{"Admin", "User1"} {
		for _, mspID := range []string{"Org1MSP", "Org2MSP"} {
			p := n.Profile(mspID, user)
			p.Certificate = filepath.Join(filepath.Dir(p.Certificate), "cert.pem")
			c := connect(t, p).GetNetwork(p.Channel).GetContract(p.Chaincode)
			require.Empty(t, evaluate(t, c, "get", "nothing"))
		}
	}
}

func TestAFolderKeepsItsChannelChaincodeAndOrganisations(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, start(t, func(cfg *devnet.Config) { cfg.Dir = dir }).Close())
	for _, change := range []func(*devnet.Config){
		func(cfg *devnet.Config) { cfg.Channel = "other" },
		func(cfg *devnet.Config) { cfg.ChaincodeName = "other" },
		func(cfg *devnet.Config) { cfg.Organisations = 3 },
	} {
		cfg := devnet.Default(dir)
		cfg.Chaincode = devnet.Everywhere(&probe.Chaincode{})
		change(&cfg)
		_, err := devnet.Start(t.Context(), cfg)
		require.ErrorIs(t, err, devnet.ErrOtherNetwork)
	}
	require.NoError(t, start(t, func(cfg *devnet.Config) { cfg.Dir = dir }).Close())
}
