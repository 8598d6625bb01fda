// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet"
)

// command finds one of Fabric's commands, in FABRIC_BIN or on the PATH.
func command(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(os.Getenv("FABRIC_BIN"), name)
	if os.Getenv("FABRIC_BIN") == "" {
		path, _ = exec.LookPath(name)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED: Fabric's %q command is neither in FABRIC_BIN nor on the PATH: what it does against this network is NOT tested", name)
	}
	return path
}

// cli runs the peer command as the Admin of Org1.
type cli struct {
	t       *testing.T
	dir     string
	path    string
	env     []string
	both    []string // both peers as endorsers
	orderer []string
}

func newCLI(t *testing.T, n *devnet.Network, dir, ordererAddress string) cli {
	t.Helper()
	path := command(t, "peer")
	p, q := n.Profile("Org1MSP", "Admin"), n.Profile("Org2MSP", "Admin")
	config := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(config, "core.yaml"), []byte("peer:\n  BCCSP:\n    Default: SW\n    SW: {Hash: SHA2, Security: 256}\n  client: {connTimeout: 5s}\n"), 0o600))
	return cli{
		t: t, dir: t.TempDir(), path: path,
		env: append(os.Environ(), "FABRIC_CFG_PATH="+config, "FABRIC_LOGGING_SPEC=error",
			"CORE_PEER_TLS_ENABLED=true", "CORE_PEER_LOCALMSPID=Org1MSP", "CORE_PEER_ADDRESS="+p.Endpoint,
			"CORE_PEER_TLS_ROOTCERT_FILE="+p.TLSCA,
			"CORE_PEER_MSPCONFIGPATH="+filepath.Dir(filepath.Dir(p.Certificate))),
		both: []string{"--peerAddresses", p.Endpoint, "--tlsRootCertFiles", p.TLSCA, "--peerAddresses", q.Endpoint, "--tlsRootCertFiles", q.TLSCA},
		orderer: []string{"-o", ordererAddress, "--tls", "--cafile",
			filepath.Join(dir, "organizations", "ordererOrganizations", "example.com", "tlsca", "tlsca.example.com-cert.pem")},
	}
}

func (c cli) run(args ...string) (string, error) {
	cmd := exec.CommandContext(c.t.Context(), c.path, args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (c cli) must(args ...string) string {
	c.t.Helper()
	out, err := c.run(args...)
	require.NoError(c.t, err, "peer %v: %s", args, out)
	return out
}

// freePorts returns a free port whose companions are free too: those of the second peer and of
// the orderer.
func freePorts(t *testing.T) int {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		port := l.Addr().(*net.TCPAddr).Port
		free := port < 60_000 // companions must be ports, too
		for _, companion := range []int{port + 2000, port - 1} {
			if other, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", companion)); err != nil {
				free = false
			} else {
				require.NoError(t, other.Close())
			}
		}
		require.NoError(t, l.Close())
		if free {
			return port
		}
	}
	require.Fail(t, "no free ports")
	return 0
}

func TestThePeerCommandWorksUnchanged(t *testing.T) {
	command(t, "peer")
	dir, port := t.TempDir(), freePorts(t)
	n := start(t, func(cfg *devnet.Config) { cfg.Dir, cfg.Listen = dir, fmt.Sprintf("127.0.0.1:%d", port) })
	c := newCLI(t, n, dir, fmt.Sprintf("127.0.0.1:%d", port-1))
	chaincode := []string{"-C", "mychannel", "-n", "anchorline"}

	invoke := append(append(append([]string{"chaincode", "invoke", "--waitForEvent"}, chaincode...), c.orderer...), c.both...)
	out := c.must(append(invoke, "-c", `{"Args":["put","a","from the command"]}`)...)
	require.Empty(t, out, "nothing but silence at log level error")
	require.Equal(t, "from the command\n", c.must(append([]string{"chaincode", "query", "-c", `{"Args":["get","a"]}`}, chaincode...)...))
	out, err := c.run(append([]string{"chaincode", "query", "-c", `{"Args":["fail","no"]}`}, chaincode...)...)
	require.Error(t, err)
	require.Regexp(t, `status:500 +message:"no"`, out, "protobuf's text has one blank or two")

	single := append(append([]string{"chaincode", "invoke", "--waitForEvent"}, chaincode...), c.orderer...)
	out, err = c.run(append(single, "-c", `{"Args":["put","a","too few endorsed"]}`)...)
	require.Error(t, err)
	require.Contains(t, out, "transaction invalidated with status (ENDORSEMENT_POLICY_FAILURE)")
	out, err = c.run(append(invoke, "-c", `{"Args":["fail","no"]}`)...)
	require.Error(t, err)
	require.Regexp(t, `endorsement failure during invoke. response: status:500 +message:"no"`, out)
	out, err = c.run("chaincode", "query", "-C", "mychannel", "-n", "absent", "-c", `{"Args":["get"]}`)
	require.Error(t, err)
	require.Contains(t, out, "chaincode absent not found")

	require.Contains(t, c.must("channel", "getinfo", "-c", "mychannel"), `"height":3`)
	out, err = c.run("channel", "getinfo", "-c", "absent")
	require.Error(t, err)
	require.Contains(t, out, "Invalid chain ID, absent")
	require.Contains(t, c.must("channel", "list"), "mychannel")
	c.must(append([]string{"channel", "fetch", "newest", "newest.block", "-c", "mychannel"}, c.orderer...)...)
	c.must("channel", "fetch", "2", "two.block", "-c", "mychannel")
	c.must("channel", "fetch", "oldest", "oldest.block", "-c", "mychannel")
	c.must(append([]string{"channel", "fetch", "oldest", "first.block", "-c", "mychannel"}, c.orderer...)...)
	for _, source := range [][]string{nil, c.orderer} {
		out, err = c.run(append([]string{"channel", "fetch", "7", "seven.block", "-c", "mychannel"}, source...)...)
		require.Error(t, err)
		require.Contains(t, out, "can't read the block: &{NOT_FOUND}")
	}
	require.True(t, proto.Equal(c.block("oldest.block").GetHeader(), c.block("first.block").GetHeader()))
	require.Zero(t, c.block("oldest.block").GetHeader().GetNumber())
	c.must(append([]string{"channel", "fetch", "config", "config.block", "-c", "mychannel"}, c.orderer...)...)
	ordered, committed := c.block("newest.block"), c.block("two.block")
	require.Equal(t, committed.GetHeader().String(), ordered.GetHeader().String())
	require.Empty(t, ordered.GetMetadata().GetMetadata()[common.BlockMetadataIndex_TRANSACTIONS_FILTER], "an orderer validates nothing")
	require.EqualValues(t, 0, c.block("config.block").GetHeader().GetNumber())
	require.Contains(t, c.must("lifecycle", "chaincode", "querycommitted", "-C", "mychannel", "-n", "anchorline"), "Approvals: [Org1MSP: true, Org2MSP: true]")
	require.Contains(t, c.must("lifecycle", "chaincode", "querycommitted", "-C", "mychannel"), "Name: anchorline, Version: 1.0, Sequence: 1")
	out, err = c.run("lifecycle", "chaincode", "querycommitted", "-C", "mychannel", "-n", "absent")
	require.Error(t, err)
	require.Contains(t, out, "namespace absent is not defined")
	installed := c.must("lifecycle", "chaincode", "queryinstalled")
	require.Contains(t, installed, "Label: anchorline_1.0")
	_, id, _ := strings.Cut(installed, "Package ID: ")
	id, _, _ = strings.Cut(id, ",")
	require.Contains(t, c.must("lifecycle", "chaincode", "queryapproved", "-C", "mychannel", "-n", "anchorline"), "package-id: "+id)
	require.Contains(t, c.must("lifecycle", "chaincode", "checkcommitreadiness", "-C", "mychannel", "-n", "anchorline", "-v", "2.0", "--sequence", "2"), "Org1MSP: false")
	out, err = c.run(append([]string{"lifecycle", "chaincode", "commit", "-C", "mychannel", "-n", "anchorline", "-v", "2.0", "--sequence", "2"}, c.orderer...)...)
	require.Error(t, err)
	require.Contains(t, out, "no lifecycle transactions")
}

func TestTheConfigurationIsReadByFabricsTranslator(t *testing.T) {
	path := command(t, "configtxlator")
	file := filepath.Join(t.TempDir(), "config.block")
	content, err := proto.Marshal(block(t, start(t), 0))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, content, 0o600))
	out, err := exec.CommandContext(t.Context(), path, "proto_decode", "--type", "common.Block", "--input", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, text := range []string{`"Org1MSP"`, `"Org2MSP"`, `"OrdererMSP"`, `"max_message_count": 500`, `"rule": "MAJORITY"`, `"fabric_node_ous"`} {
		require.Contains(t, string(out), text)
	}
}

func (c cli) block(name string) *common.Block {
	c.t.Helper()
	content, err := os.ReadFile(filepath.Join(c.dir, name))
	require.NoError(c.t, err)
	return decode(c.t, content, &common.Block{})
}
