// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	fabricidentity "github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/anchorline/anchorline/network/devnet"
	"github.com/anchorline/anchorline/network/devnet/internal/probe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a network of the probe chaincode; change adapts its configuration.
func start(t testing.TB, change ...func(*devnet.Config)) *devnet.Network {
	t.Helper()
	cfg := devnet.Default(t.TempDir())
	cfg.Chaincode = devnet.Everywhere(&probe.Chaincode{})
	cfg.BatchTimeout = 20 * time.Millisecond
	for _, c := range change {
		c(&cfg)
	}
	n, err := devnet.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return n
}

// dial connects to the peer of a profile.
func dial(t testing.TB, p devnet.Profile) *grpc.ClientConn {
	t.Helper()
	pemBytes, err := os.ReadFile(p.TLSCA)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(pemBytes))
	conn, err := grpc.NewClient(p.Endpoint, grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(roots, p.ServerName)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

// credentialsOf are the identity of a profile and its way to sign, as the SDK takes them.
func credentialsOf(t testing.TB, p devnet.Profile) (*fabricidentity.X509Identity, fabricidentity.Sign) {
	t.Helper()
	certPEM, err := os.ReadFile(p.Certificate)
	require.NoError(t, err)
	block, _ := pem.Decode(certPEM)
	cert, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	id, err := fabricidentity.NewX509Identity(p.MSPID, cert)
	require.NoError(t, err)
	keyPEM, err := os.ReadFile(p.Key)
	require.NoError(t, err)
	key, err := fabricidentity.PrivateKeyFromPEM(keyPEM)
	require.NoError(t, err)
	sign, err := fabricidentity.NewPrivateKeySign(key)
	require.NoError(t, err)
	return id, sign
}

// connect returns the real SDK's gateway for a profile.
func connect(t testing.TB, p devnet.Profile, options ...client.ConnectOption) *client.Gateway {
	t.Helper()
	id, sign := credentialsOf(t, p)
	options = append([]client.ConnectOption{
		client.WithSign(sign), client.WithClientConnection(dial(t, p)),
		client.WithEvaluateTimeout(20 * time.Second), client.WithEndorseTimeout(20 * time.Second),
		client.WithSubmitTimeout(20 * time.Second), client.WithCommitStatusTimeout(20 * time.Second),
	}, options...)
	g, err := client.Connect(id, options...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	return g
}

// contractOf is the network's chaincode as User1 of Org1 sees it.
func contractOf(t testing.TB, n *devnet.Network) *client.Contract {
	t.Helper()
	p := n.Profile("Org1MSP", "User1")
	return connect(t, p).GetNetwork(p.Channel).GetContract(p.Chaincode)
}

func submit(t *testing.T, c *client.Contract, name string, args ...string) []byte {
	t.Helper()
	out, err := c.SubmitTransaction(name, args...)
	require.NoError(t, err, "%s %v", name, args)
	return out
}

func evaluate(t *testing.T, c *client.Contract, name string, args ...string) string {
	t.Helper()
	out, err := c.EvaluateTransaction(name, args...)
	require.NoError(t, err, "%s %v", name, args)
	return string(out)
}

func TestASubmittedTransactionIsReadBack(t *testing.T) {
	n := start(t)
	c := contractOf(t, n)
	require.Equal(t, "1", string(submit(t, c, "put", "a", "1")))
	require.Equal(t, "1", evaluate(t, c, "get", "a"))
	require.EqualValues(t, 2, n.Height())
}

func TestTheLedgerContinuesAfterAStop(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		func() {
			cfg := devnet.Default(dir)
			cfg.Chaincode = devnet.Everywhere(&probe.Chaincode{})
			n, err := devnet.Start(context.Background(), cfg)
			require.NoError(t, err)
			defer func() { require.NoError(t, n.Close()) }()
			require.EqualValues(t, 1+i, n.Height())
			c := contractOf(t, n)
			submit(t, c, "add", "sum", "2")
		}()
	}
}

// envelopeOf is the transaction in the bytes that the SDK keeps.
func envelopeOf(t *testing.T, content []byte) *common.Envelope {
	t.Helper()
	return decode(t, content, &gateway.PreparedTransaction{}).GetEnvelope()
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	content, err := hex.DecodeString(text)
	require.NoError(t, err)
	return content
}
