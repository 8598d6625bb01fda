// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"

	"github.com/anchorline/anchorline/network/devnet"
	"github.com/anchorline/anchorline/network/devnet/internal/probe"
)

// serveProbe runs the probe as somebody else's chaincode server.
func serveProbe(t *testing.T, address string, secure shim.TLSProperties) (string, func()) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	require.NoError(t, err)
	var options []grpc.ServerOption
	if !secure.Disabled {
		certificate, err := tls.X509KeyPair(secure.Cert, secure.Key)
		require.NoError(t, err)
		config := &tls.Config{Certificates: []tls.Certificate{certificate}}
		if secure.ClientCACerts != nil {
			config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
			require.True(t, config.ClientCAs.AppendCertsFromPEM(secure.ClientCACerts))
		}
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	s := grpc.NewServer(options...)
	peer.RegisterChaincodeServer(s, &shim.ChaincodeServer{CCID: "anything:0", CC: &probe.Chaincode{}})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	return l.Addr().String(), func() {
		s.Stop()
		<-done
	}
}

// servedBy is one service for both organisations.
func servedBy(s devnet.Service) map[string]devnet.Service {
	return map[string]devnet.Service{"Org1MSP": s, "Org2MSP": s}
}

func TestAChaincodeThatRunsElsewhereIsDialledAndDialledAgain(t *testing.T) {
	address, stop := serveProbe(t, "127.0.0.1:0", shim.TLSProperties{Disabled: true})
	n := start(t, func(cfg *devnet.Config) { cfg.Services = servedBy(devnet.Service{Address: address}) })
	c := contractOf(t, n)
	submit(t, c, "put", "a", "1")
	stop()
	requireNotLaunched(t, c)
	_, stop = serveProbe(t, address, shim.TLSProperties{Disabled: true})
	defer stop()
	submit(t, c, "put", "a", "3")
	require.ErrorIs(t, n.Faults().StopChaincode(), devnet.ErrNotOurs)
	require.ErrorIs(t, n.Faults().StartChaincode(t.Context()), devnet.ErrNotOurs)
	require.NoError(t, n.Close(), "the peers hang up before the chaincode ends")
}

func TestWithoutAChaincodeOurOwnContractsRun(t *testing.T) {
	n := start(t, func(cfg *devnet.Config) { cfg.Chaincode = nil })
	require.Contains(t, evaluate(t, contractOf(t, n), "org.hyperledger.fabric:GetMetadata"), "anchors")
}

func TestAChaincodeThatTakesAConnectionAndSaysNothingIsGivenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	n := start(t, func(cfg *devnet.Config) {
		cfg.Services = map[string]devnet.Service{"Org1MSP": {Address: l.Addr().String()}}
		cfg.EndorsementPolicy = "OR('Org1MSP.peer', 'Org2MSP.peer')"
	})
	_, err = contractOf(t, n).SubmitTransaction("put", "a", "1")
	requireEndorseError(t, err, codes.Aborted, "Org1MSP", "chaincode registration failed: connection to ")
	submit(t, at(t, n, "Org2MSP"), "put", "a", "1")
}
