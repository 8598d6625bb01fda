// SPDX-License-Identifier: Apache-2.0

// Package ledger is the one way to reach Fabric: identity, TLS, connection, and typed calls of
// our chaincode through a peer's Gateway service. No other package sees gRPC.
//
// A write takes four steps, each with its own deadline: propose and endorse, submit, status. A
// success of submit is not durable; only a status is. Whoever must not lose a transaction keeps
// its bytes before submitting and submits the same bytes until a status is known (Prepare,
// Submit); whoever writes something idempotent calls Transact.
package ledger

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

// Deadlines of the four steps. Endorsement waits for chaincode, which a peer gives 30 s; status
// waits for a block, and asking again is cheap.
const (
	evaluateTimeout = 15 * time.Second
	endorseTimeout  = 35 * time.Second
	submitTimeout   = 15 * time.Second
	statusTimeout   = 20 * time.Second
)

// A Client is a connection to one ledger under one identity. It is safe for concurrent use and
// connects when first used, and again when the connection is lost.
type Client struct {
	profile  Profile
	conn     *grpc.ClientConn
	gateway  *client.Gateway
	network  *client.Network
	contract *client.Contract
}

// Connect reads the profile's files and prepares the connection. It does not wait for the peer.
func Connect(p Profile) (*Client, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	creds, err := transportCredentials(p)
	if err != nil {
		return nil, err
	}
	id, sign, err := signingIdentity(p)
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(p.Endpoint, grpc.WithTransportCredentials(creds), reconnecting(),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 2 * time.Minute, Timeout: 20 * time.Second}))
	if err != nil {
		return nil, fmt.Errorf("%w: endpoint %s: %w", ErrConfig, p.Endpoint, err)
	}
	gw, err := client.Connect(id, client.WithSign(sign), client.WithHash(hash.SHA256), client.WithClientConnection(conn),
		client.WithEvaluateTimeout(evaluateTimeout), client.WithEndorseTimeout(endorseTimeout),
		client.WithSubmitTimeout(submitTimeout), client.WithCommitStatusTimeout(statusTimeout))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	network := gw.GetNetwork(p.Channel)
	return &Client{
		profile: p, conn: conn, gateway: gw, network: network, contract: network.GetContract(p.Chaincode),
	}, nil
}

// reconnecting tries a peer that is away again every few seconds. By itself gRPC waits up to two
// minutes, in which a peer that is back would count as away.
func reconnecting() grpc.DialOption {
	delays := backoff.DefaultConfig
	delays.MaxDelay = 5 * time.Second
	return grpc.WithConnectParams(grpc.ConnectParams{Backoff: delays, MinConnectTimeout: 20 * time.Second})
}

// Profile returns what the client was connected with.
func (c *Client) Profile() Profile { return c.profile }

// Close gives the connection back.
func (c *Client) Close() error {
	if err := c.gateway.Close(); err != nil {
		return err
	}
	return c.conn.Close()
}

// Evaluate asks the peer and returns the chaincode's answer; nothing is written.
func (c *Client) Evaluate(ctx context.Context, function string, args ...string) ([]byte, error) {
	result, err := c.contract.EvaluateWithContext(ctx, function, client.WithArguments(args...))
	if err != nil {
		return nil, classify("evaluate "+function, "", err)
	}
	return result, nil
}

func transportCredentials(p Profile) (credentials.TransportCredentials, error) {
	pem, err := os.ReadFile(p.TLSCA)
	if err != nil {
		return nil, fmt.Errorf("%w: TLS CA: %w", ErrConfig, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%w: TLS CA %s holds no PEM certificate", ErrConfig, p.TLSCA)
	}
	return credentials.NewClientTLSFromCert(pool, p.ServerName), nil
}

func signingIdentity(p Profile) (*identity.X509Identity, identity.Sign, error) {
	certPEM, err := os.ReadFile(p.Certificate)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: certificate: %w", ErrConfig, err)
	}
	cert, err := identity.CertificateFromPEM(certPEM)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: certificate %s: %w", ErrConfig, p.Certificate, err)
	}
	id, err := identity.NewX509Identity(p.MSPID, cert)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	keyPEM, err := os.ReadFile(p.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: private key: %w", ErrConfig, err)
	}
	key, err := identity.PrivateKeyFromPEM(keyPEM)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: private key %s: %w", ErrConfig, p.Key, err)
	}
	sign, err := identity.NewPrivateKeySign(key)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: private key %s: %w", ErrConfig, p.Key, err)
	}
	return id, sign, nil
}
