// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/anchorline/anchorline/chaincode/contract"
	"github.com/anchorline/anchorline/chaincode/internal/ledgertest"
	"github.com/anchorline/anchorline/chaincode/record"
)

// asChaincode makes the test's own binary run main instead of the tests.
const asChaincode = "CHAINCODE_TEST_RUNS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asChaincode) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// serve runs the real main in a process of its own, until the test ends, and returns its
// address.
func serve(t *testing.T, env ...string) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	binary, err := os.Executable()
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), binary)
	command.Env = append(append(os.Environ(), asChaincode+"=1", "CHAINCODE_SERVER_ADDRESS="+address, "CHAINCODE_ID=cc:1"), env...)
	log := &bytes.Buffer{}
	command.Stdout, command.Stderr = log, log
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log.String())
		}
	})
	// The context of the test has ended by the time of its cleanup: the process is killed.
	t.Cleanup(func() { _ = command.Wait() })
	return address
}

// dial connects as a peer would, and waits for the server to listen.
func dial(t *testing.T, address string, with credentials.TransportCredentials) (*ledgertest.Peer, error) {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(with))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	require.Eventually(t, func() bool {
		probe, err := net.Dial("tcp", address)
		if err == nil {
			err = probe.Close()
		}
		return err == nil
	}, 30*time.Second, 20*time.Millisecond)
	return ledgertest.DialPeer(ctx, conn)
}

// arguments are what nobody should send.
func arguments() [][]byte {
	random := mathrand.New(mathrand.NewPCG(1, 2))
	noise := make([]byte, 300)
	for i := range noise {
		noise[i] = byte(random.IntN(256))
	}
	return [][]byte{
		nil, []byte("null"), []byte("{}"), []byte("[]"), []byte(`""`), []byte("0"), []byte(`{"id":null}`),
		[]byte(`{"id":{"id":{}}}`), []byte("{"), noise, []byte("\xff\xfe"), []byte("\x00"),
		bytes.Repeat([]byte("["), 100_000), bytes.Repeat([]byte("x"), record.MaxDocument+1),
		[]byte(`{"id":"a","key":"AA","proof":"AA","devices":[null]}`),
		[]byte(`permit(principal, action, resource) when { ` + string(bytes.Repeat([]byte("("), 8000))),
	}
}

func TestNothingThatIsSentEndsTheServer(t *testing.T) {
	peer, err := dial(t, serve(t), insecure.NewCredentials())
	require.NoError(t, err)
	require.Equal(t, "cc:1", peer.Name)
	admin := ledgertest.NewOrganisation(t, "Org1MSP").Admin(t)
	names := []string{"", ":", "devices", "devices:", ":Get", "nobody:Get", "devices:get", "org.hyperledger.fabric:Other", "\xff"}
	for _, f := range contract.Functions() {
		names = append(names, f.Name())
	}
	for _, name := range names {
		for _, argument := range arguments() {
			most := 6
			if len(argument) > 10_000 {
				most = 2 // large ones take their time, and one shows it
			}
			for count := range most {
				args := [][]byte{[]byte(name)}
				for range count {
					args = append(args, argument)
				}
				response, err := peer.Invoke(admin, args...)
				require.NoError(t, err, "%s with %d × %.40q", name, count, argument)
				if response.GetStatus() == 200 {
					continue
				}
				_, coded := record.ParseError(response.GetMessage())
				require.True(t, coded, "%s with %d × %.40q: %.200s", name, count, argument, response.GetMessage())
				require.Less(t, len(response.GetMessage()), 2000)
			}
		}
	}
	for _, stranger := range []ledgertest.Identity{ledgertest.RawIdentity(nil), ledgertest.RawIdentity([]byte("\x0a\xff"))} {
		_, err := peer.Invoke(stranger, []byte("roles:WhoAmI"))
		require.NoError(t, err)
	}
	_, err = peer.Invoke(admin)
	require.NoError(t, err)
	response, err := peer.Invoke(admin, []byte("org.hyperledger.fabric:GetMetadata"))
	require.NoError(t, err)
	require.Equal(t, int32(200), response.GetStatus())
}

// pki is a certificate authority and what it issues, as PEM files.
type pki struct {
	t    *testing.T
	dir  string
	ca   *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newPKI(t *testing.T, name string) *pki {
	t.Helper()
	p := &pki{t: t, dir: t.TempDir(), pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	var err error
	p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, template, p.key.Public(), p.key)
	require.NoError(t, err)
	p.ca, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	p.pool.AddCert(p.ca)
	p.write("ca.pem", "CERTIFICATE", der)
	return p
}

// issue makes a key and a certificate for 127.0.0.1 and returns their paths.
func (p *pki) issue(name string) (certificate, key string) {
	p.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(p.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, p.ca, private.Public(), p.key)
	require.NoError(p.t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(p.t, err)
	return p.write(name+".pem", "CERTIFICATE", der), p.write(name+".key", "PRIVATE KEY", encoded)
}

func (p *pki) write(name, kind string, der []byte) string {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	require.NoError(p.t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}

// client is a peer's TLS configuration: it trusts this CA and shows a certificate, if any.
func (p *pki) client(certificate, key string) credentials.TransportCredentials {
	p.t.Helper()
	config := &tls.Config{RootCAs: p.pool, MinVersion: tls.VersionTLS12}
	if certificate != "" {
		pair, err := tls.LoadX509KeyPair(certificate, key)
		require.NoError(p.t, err)
		config.Certificates = []tls.Certificate{pair}
	}
	return credentials.NewTLS(config)
}

func TestTheServerSpeaksTLSAndInsistsOnTheClientsCertificateWhenItIsMutual(t *testing.T) {
	authority, stranger := newPKI(t, "ca"), newPKI(t, "other")
	certificate, key := authority.issue("server")
	peerCertificate, peerKey := authority.issue("peer")
	otherCertificate, otherKey := stranger.issue("peer")
	server := []string{"CHAINCODE_TLS_CERT=" + certificate, "CHAINCODE_TLS_KEY=" + key}
	mutual := append(server, "CHAINCODE_CLIENT_CA_CERT="+filepath.Join(authority.dir, "ca.pem"), "CHAINCODE_TLS_DISABLED=false")
	for name, c := range map[string]struct {
		env    []string
		client credentials.TransportCredentials
		works  bool
	}{
		"TLS":                          {server, authority.client("", ""), true},
		"TLS, plain client":            {server, insecure.NewCredentials(), false},
		"TLS, distrusting client":      {server, stranger.client("", ""), false},
		"mutual TLS":                   {mutual, authority.client(peerCertificate, peerKey), true},
		"mutual TLS, no certificate":   {mutual, authority.client("", ""), false},
		"mutual TLS, strange client":   {mutual, authority.client(otherCertificate, otherKey), false},
		"TLS disabled, though named":   {append(server, "CHAINCODE_TLS_DISABLED=true"), insecure.NewCredentials(), true},
		"TLS disabled, but TLS client": {append(server, "CHAINCODE_TLS_DISABLED=true"), authority.client("", ""), false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dial(t, serve(t, c.env...), c.client)
			require.Equal(t, c.works, err == nil, fmt.Sprint(err))
		})
	}
}

func TestAWrongConfigurationEndsTheProcessWithAnError(t *testing.T) {
	binary, err := os.Executable()
	require.NoError(t, err)
	for name, env := range map[string][]string{
		"no id":         {"CHAINCODE_SERVER_ADDRESS=127.0.0.1:0"},
		"no such file":  {"CHAINCODE_SERVER_ADDRESS=127.0.0.1:0", "CHAINCODE_ID=cc:1", "CHAINCODE_TLS_KEY=/gone", "CHAINCODE_TLS_CERT=/gone"},
		"bad address":   {"CHAINCODE_SERVER_ADDRESS=nowhere", "CHAINCODE_ID=cc:1"},
		"launched bare": {},
	} {
		t.Run(name, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), binary)
			command.Env = append([]string{asChaincode + "=1"}, env...)
			out, err := command.CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, string(out))
			require.Equal(t, 1, exit.ExitCode())
			require.Contains(t, string(out), "chaincode ended")
		})
	}
}
