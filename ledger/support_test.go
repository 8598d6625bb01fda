// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/internal/testnet"
	"github.com/anchorline/anchorline/ledger"
)

func TestMain(m *testing.M) { testnet.Main(m) }

// identity writes a self-signed certificate for 127.0.0.1 and its key.
func identity(t *testing.T, dir, name string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	certificate, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	require.NoError(t, os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	return certificate, key
}

// peerless is Fabric's Gateway service without a peer behind it: each call answers with the error
// that a test sets, or well.
type peerless struct {
	gateway.UnimplementedGatewayServer
	mu    sync.Mutex
	calls []string
	fail  map[string][]error // by call, one after the other; the last stays
	code  peer.TxValidationCode
}

func (p *peerless) next(call string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, call)
	errs := p.fail[call]
	if len(errs) == 0 {
		return nil
	}
	if len(errs) > 1 {
		p.fail[call] = errs[1:]
	}
	return errs[0]
}

func (p *peerless) made() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.calls...)
}

// Evaluate answers "evaluated".
func (p *peerless) Evaluate(context.Context, *gateway.EvaluateRequest) (*gateway.EvaluateResponse, error) {
	return &gateway.EvaluateResponse{Result: &peer.Response{Payload: []byte("evaluated")}}, p.next("evaluate")
}

// Endorse returns a transaction with the result "endorsed".
func (p *peerless) Endorse(_ context.Context, r *gateway.EndorseRequest) (*gateway.EndorseResponse, error) {
	return &gateway.EndorseResponse{PreparedTransaction: envelope(r.GetTransactionId())}, p.next("endorse")
}

// Submit takes everything.
func (p *peerless) Submit(context.Context, *gateway.SubmitRequest) (*gateway.SubmitResponse, error) {
	return &gateway.SubmitResponse{}, p.next("submit")
}

// CommitStatus says block 7.
func (p *peerless) CommitStatus(context.Context, *gateway.SignedCommitStatusRequest) (*gateway.CommitStatusResponse, error) {
	return &gateway.CommitStatusResponse{Result: p.code, BlockNumber: 7}, p.next("status")
}

func encoded(m proto.Message) []byte {
	data, _ := proto.Marshal(m)
	return data
}

func envelope(txID string) *common.Envelope {
	action := &peer.ChaincodeActionPayload{Action: &peer.ChaincodeEndorsedAction{
		ProposalResponsePayload: encoded(&peer.ProposalResponsePayload{
			Extension: encoded(&peer.ChaincodeAction{Response: &peer.Response{Status: 200, Payload: []byte("endorsed")}}),
		}),
	}}
	return &common.Envelope{Payload: encoded(&common.Payload{
		Header: &common.Header{ChannelHeader: encoded(&common.ChannelHeader{ChannelId: "ch", TxId: txID})},
		Data:   encoded(&peer.Transaction{Actions: []*peer.TransactionAction{{Payload: encoded(action)}}}),
	})}
}

// serve runs the service over TLS and returns a profile for it.
func serve(t *testing.T, p *peerless) ledger.Profile {
	t.Helper()
	dir := t.TempDir()
	serverCert, serverKey := identity(t, dir, "server")
	cert, key := identity(t, dir, "client")
	creds, err := credentials.NewServerTLSFromFile(serverCert, serverKey)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := grpc.NewServer(grpc.Creds(creds))
	gateway.RegisterGatewayServer(s, p)
	var served sync.WaitGroup
	served.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() { s.Stop(); served.Wait() })
	return ledger.Profile{
		Endpoint: l.Addr().String(), TLSCA: serverCert, MSPID: "Org1MSP", Certificate: cert, Key: key, Channel: "ch", Chaincode: "cc",
	}
}

func connect(t *testing.T, p ledger.Profile) *ledger.Client {
	t.Helper()
	c, err := ledger.Connect(p)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// refusal is a status with the details that the gateway attaches, one for each endorser.
func refusal(code codes.Code, message string, details ...string) error {
	st := status.New(code, message)
	for _, d := range details {
		with, err := st.WithDetails(&gateway.ErrorDetail{Address: "peer0:7051", MspId: "Org1MSP", Message: d})
		if err != nil {
			return err
		}
		st = with
	}
	return st.Err()
}
