// SPDX-License-Identifier: Apache-2.0

package fabric_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/anchorline/anchorline/network/fabric"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// needFabric skips a test, and says so, where there is nothing to test against.
func needFabric(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED, NOT TESTED: starts a whole Fabric network, left out by -short")
	}
	if err := fabric.Available(); err != nil {
		t.Skipf("SKIPPED, NOT TESTED AGAINST REAL FABRIC: %v", err)
	}
}

// needFabric3 skips a test, and says so, on programs of Fabric 2.
func needFabric3(t *testing.T) {
	t.Helper()
	peer, err := exec.LookPath(filepath.Join(os.Getenv("FABRIC_BIN"), "peer"))
	require.NoError(t, err)
	said, err := exec.CommandContext(t.Context(), peer, "version").CombinedOutput()
	require.NoError(t, err)
	if regexp.MustCompile(`Version: v?2\.`).Match(said) {
		t.Skip("SKIPPED, NOT TESTED: SmartBFT needs Fabric 3, FABRIC_BIN has an older one")
	}
}

// freePorts finds forty ports in a row that nobody listens on.
func freePorts(t *testing.T) int {
	t.Helper()
	for base := 26000 + os.Getpid()%140*40; base < 32700; base += 40 {
		if allFree(base, 40) {
			return base
		}
	}
	require.FailNow(t, "no forty free ports in a row between 26000 and 32700")
	return 0
}

func allFree(base, count int) bool {
	for port := base; port < base+count; port++ {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		if listener.Close() != nil {
			return false
		}
	}
	return true
}

// started starts a network of two organisations.
func started(t *testing.T, ordering fabric.Ordering) (*fabric.Network, fabric.Config, *bytes.Buffer) {
	t.Helper()
	return startedWith(t, fabric.Config{Ordering: ordering})
}

// startedWith starts a network in a folder of its own that goes away with the test.
func startedWith(t *testing.T, config fabric.Config) (*fabric.Network, fabric.Config, *bytes.Buffer) {
	t.Helper()
	var said bytes.Buffer
	// A blank in the path: operators have such folders.
	config.Dir, config.BasePort, config.Output = filepath.Join(t.TempDir(), "a network"), freePorts(t), &said
	network, err := fabric.Start(t.Context(), config)
	t.Cleanup(func() {
		// The test's context is over by now.
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if network != nil {
			require.NoError(t, network.Purge(ctx))
			require.NoDirExists(t, config.Dir)
		}
	})
	require.NoError(t, err)
	return network, config, &said
}

func TestNetworkStartsDeploysUpgradesStopsAndGoesOn(t *testing.T) {
	needFabric(t)
	ctx := t.Context()
	network, config, said := started(t, fabric.OneRaft)
	require.NoError(t, network.Status(ctx))

	// The second start finds everything running and starts nothing.
	said.Reset()
	_, err := fabric.Start(ctx, config)
	require.NoError(t, err)
	require.NotContains(t, said.String(), "starting ")

	require.NoError(t, network.Deploy(ctx, fabric.Deployment{}))
	require.Contains(t, said.String(), "the terms are in force")
	requireAnswer(t, network, "Org1MSP", "User1")
	requireAnswer(t, network, "Org2MSP", "Admin")
	require.NoError(t, network.Smoke(ctx, ""))

	// The second deployment changes nothing, not even a process.
	said.Reset()
	require.NoError(t, network.Deploy(ctx, fabric.Deployment{}))
	require.NotContains(t, said.String(), "starting ")
	require.NotContains(t, said.String(), "installing ")
	require.NotContains(t, said.String(), "approved")
	require.NotContains(t, said.String(), "committed sequence")
	require.NotContains(t, said.String(), "approved the terms")
	require.NotContains(t, said.String(), " made ")

	// Another version is the next sequence; so is another policy of the same version.
	require.NoError(t, network.Deploy(ctx, fabric.Deployment{Version: "1.1"}))
	require.Contains(t, said.String(), "committed sequence 2")
	require.NoError(t, network.Deploy(ctx, fabric.Deployment{Version: "1.1", Policy: "OR('Org1MSP.peer','Org2MSP.peer')"}))
	require.Contains(t, said.String(), "committed sequence 3")

	require.NoError(t, network.Stop(ctx))
	require.ErrorContains(t, network.Status(ctx), "down")
	require.NoError(t, network.Stop(ctx), "stopping what is stopped")

	// What was committed is there after a restart.
	said.Reset()
	network, err = fabric.Start(ctx, config)
	require.NoError(t, err)
	require.NoError(t, network.Status(ctx))
	require.Contains(t, said.String(), "version 1.1, sequence 3")
}

func TestEveryOrderingCommits(t *testing.T) {
	needFabric(t)
	for ordering, last := range map[fabric.Ordering]string{fabric.ThreeRaft: "orderer3", fabric.SmartBFT: "orderer4"} {
		t.Run(string(ordering), func(t *testing.T) {
			if ordering == fabric.SmartBFT {
				needFabric3(t)
			}
			network, config, said := started(t, ordering)
			// A definition is committed by a transaction, so this orders blocks.
			require.NoError(t, network.Deploy(t.Context(), fabric.Deployment{}))
			requireAnswer(t, network, "Org2MSP", "User3")

			// Either ordering goes on without one of its orderers, and takes it back.
			stopOrderer(t, network, last)
			require.NoError(t, network.Smoke(t.Context(), ""))
			_, err := fabric.Start(t.Context(), config)
			require.NoError(t, err)

			config.Ordering = fabric.OneRaft
			_, err = fabric.Start(t.Context(), config)
			require.ErrorContains(t, err, "holds a network with --orderers "+string(ordering))
			require.NoError(t, network.Status(t.Context()), said.String())
		})
	}
}

// stopOrderer ends an orderer by its pid, as the scripts keep it, and waits until it is gone.
func stopOrderer(t *testing.T, network *fabric.Network, name string) {
	t.Helper()
	pid, _, _ := strings.Cut(string(content(t, filepath.Join(network.Dir(), "run", name+".pid"))), "\n")
	number, err := strconv.Atoi(pid)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(number, syscall.SIGTERM))
	down := regexp.MustCompile(`(?m)^` + name + ` +.*down`)
	require.Eventually(t, func() bool {
		err := network.Status(t.Context())
		return err != nil && down.MatchString(err.Error())
	}, time.Minute, 100*time.Millisecond, "%s does not end", name)
}

func TestOrganisationsDeployEachForItself(t *testing.T) {
	needFabric(t)
	network, _, _ := started(t, fabric.OneRaft)
	described := string(content(t, filepath.Join(network.Dir(), "network.env")))
	// deployAs acts for one organisation; of the other it knows the peer only.
	deployAs := func(mine, other string) string {
		file := filepath.Join(t.TempDir(), mine+".env")
		put(t, file, described+"\nORGS="+mine+"\nOTHERS="+other+"\nunset "+other+"_ADMIN_MSP\n"+
			mine+"_GRANTS='bridge:attribute:anchorline.role=bridge registrar:unit:operations'\n")
		output, err := exec.CommandContext(t.Context(), script("deploy.sh"), "--dir", network.Dir(), "--env", file, "--serve").CombinedOutput()
		require.NoError(t, err, string(output))
		return string(output)
	}
	said := deployAs("ORG1", "ORG2")
	require.Contains(t, said, "not committed; approvals missing: Org2MSP")
	require.NotContains(t, said, "Org2MSP: approved")
	said = deployAs("ORG2", "ORG1")
	require.Contains(t, said, "committed sequence 1 on channel mychannel with AND('Org1MSP.peer','Org2MSP.peer')")
	require.Contains(t, said, "approvals so far: Org2MSP")
	require.Contains(t, said, "Org2MSP: made attribute:anchorline.role=bridge bridge")
	requireAnswer(t, network, "Org2MSP", "User1")

	// Who came first comes once more, now that there is a chaincode to agree on terms with.
	said = deployAs("ORG1", "ORG2")
	require.Contains(t, said, "the terms are in force")
	require.Contains(t, said, "Org1MSP: made unit:operations registrar")
	said = deployAs("ORG1", "ORG2")
	require.NotContains(t, said, " made ")
	require.Contains(t, said, "Org1MSP: unit:operations is registrar")
}

// requireAnswer calls the deployed chaincode with a real client that knows the profile only.
func requireAnswer(t *testing.T, network *fabric.Network, mspID, user string) {
	t.Helper()
	require.Contains(t, evaluate(t, network, mspID, user, "org.hyperledger.fabric:GetMetadata"), "Anchorline")
}

// evaluate queries a function of the deployed chaincode as one user.
func evaluate(t *testing.T, network *fabric.Network, mspID, user, function string) string {
	t.Helper()
	answer, err := evaluateAs(t, network, mspID, user, "", function)
	require.NoError(t, err)
	return answer
}

// evaluateAs queries a function of a chaincode, "" for ours, at the user's own peer.
func evaluateAs(t *testing.T, network *fabric.Network, mspID, user, chaincode, function string, args ...string) (string, error) {
	t.Helper()
	profile, file, err := network.Profile(mspID, user, chaincode)
	require.NoError(t, err)
	require.FileExists(t, file)
	require.Equal(t, mspID, profile.MSPID)

	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(content(t, profile.TLSCA)))
	connection, err := grpc.NewClient(profile.Endpoint,
		grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(roots, profile.ServerName)))
	require.NoError(t, err)
	defer func() { require.NoError(t, connection.Close()) }()

	block, _ := pem.Decode(content(t, profile.Certificate))
	require.NotNil(t, block)
	certificate, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	id, err := identity.NewX509Identity(profile.MSPID, certificate)
	require.NoError(t, err)
	key, err := identity.PrivateKeyFromPEM(content(t, profile.Key))
	require.NoError(t, err)
	sign, err := identity.NewPrivateKeySign(key)
	require.NoError(t, err)

	gateway, err := client.Connect(id, client.WithSign(sign), client.WithHash(hash.SHA256),
		client.WithClientConnection(connection), client.WithEvaluateTimeout(30*time.Second))
	require.NoError(t, err)
	defer func() { require.NoError(t, gateway.Close()) }()
	answer, err := gateway.GetNetwork(profile.Channel).GetContract(profile.Chaincode).
		Evaluate(function, client.WithArguments(args...), client.WithEndorsingOrganizations(mspID))
	return string(answer), explained(err)
}

// explained is an error with what the peers say about it.
func explained(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %v", err, status.Convert(err).Details())
}

func content(t *testing.T, file string) []byte {
	t.Helper()
	bytes, err := os.ReadFile(file)
	require.NoError(t, err)
	return bytes
}
