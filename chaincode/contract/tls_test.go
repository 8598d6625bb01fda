// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/status"

	"github.com/anchorline/anchorline/chaincode/internal/networktest"
)

// A TLS setting of the chaincode's service and of the peers that reach it.
type tlsSetting struct {
	idVariable     string
	mutual, client bool // the service asks for a certificate; the peers have one
	works          bool
}

func TestRealPeersReachTheServiceOverTLSAndMutualTLS(t *testing.T) {
	if !*onFabric {
		t.Skip("SKIPPED, NOT TESTED WITH REAL PEERS: runs with -fabric; without, TestTheServerSpeaksTLS… plays the peer")
	}
	inParallel(t)
	binary := filepath.Join(t.TempDir(), "chaincode")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "..").CombinedOutput()
	require.NoError(t, err, string(out))
	for name, s := range map[string]tlsSetting{
		"TLS":                        {idVariable: "CHAINCODE_ID", works: true},
		"mutual TLS":                 {idVariable: "CORE_CHAINCODE_ID_NAME", mutual: true, client: true, works: true},
		"mutual TLS, no certificate": {idVariable: "CHAINCODE_ID", mutual: true},
	} {
		t.Run(name, func(t *testing.T) {
			site := realNet.site(t, nil, s.serve(t, binary))
			ledger, admin := site.ledger(t), site.org1.Admin(t)
			if s.works {
				p, code := ledger.Submit(nil, admin, "roles:Grant", `{"role":"bridge","unit":"bridges"}`)
				require.Equal(t, int32(200), p.Response.GetStatus(), p.Response.GetMessage())
				require.Zero(t, code)
				return
			}
			_, err := contractFor(t, site.profile("Org1MSP", "Admin")).EvaluateTransaction("roles:WhoAmI")
			require.Contains(t, fmt.Sprint(status.Convert(err).Details()), "could not launch chaincode", "the service must insist on a certificate")
		})
	}
}

// serve runs the chaincode with the certificate of a peer, configured by the environment alone, and
// installs its package on both peers.
func (s tlsSetting) serve(t *testing.T, binary string) func(*networktest.Admin) {
	crypto := filepath.Join(realNet.network.Dir(), "crypto", "peerOrganizations", "org1.example.com")
	server := filepath.Join(crypto, "peers", "peer0.org1.example.com", "tls")
	client := filepath.Join(crypto, "users", "Admin@org1.example.com", "tls")
	ca := filepath.Join(server, "ca.crt")
	address := freeAddress(t)
	connection := networktest.Connection{Address: address, DialTimeout: "3s", TLS: true, RootCert: string(readFile(t, ca))}
	if s.client {
		connection.ClientAuth = true
		connection.ClientCert = string(readFile(t, filepath.Join(client, "client.crt")))
		connection.ClientKey = string(readFile(t, filepath.Join(client, "client.key")))
	}
	label, started := fmt.Sprint("tls-", realNet.names.Add(1)), false
	return func(admin *networktest.Admin) {
		var err error
		admin.Package, err = realNet.channel.Install(admin.Identity, label, connection)
		require.NoError(t, err)
		if started {
			return // the package is the same on both peers, and so is the service
		}
		started = true
		process := exec.CommandContext(t.Context(), binary)
		process.Env = []string{
			"CHAINCODE_SERVER_ADDRESS=" + address, s.idVariable + "=" + admin.Package, "CHAINCODE_TLS_DISABLED=false",
			"CHAINCODE_TLS_CERT=" + filepath.Join(server, "server.crt"), "CHAINCODE_TLS_KEY=" + filepath.Join(server, "server.key"),
		}
		if s.mutual {
			process.Env = append(process.Env, "CHAINCODE_CLIENT_CA_CERT="+ca)
		}
		process.Stderr = os.Stderr
		require.NoError(t, process.Start())
		t.Cleanup(func() { _ = process.Wait() }) // it is killed by the end of the test's context
		require.Eventually(t, func() bool {
			conn, err := net.Dial("tcp", address)
			return err == nil && conn.Close() == nil
		}, 30*time.Second, 20*time.Millisecond)
	}
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}
