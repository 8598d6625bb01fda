// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/network/devnet"
)

// command is Fabric's own peer command on a network.
type command struct {
	t    *testing.T
	site site
	// path is the program, config the folder of its core.yaml, orderer how it reaches the orderer.
	path, config string
	orderer      []string
}

// newCommand gives a test a chaincode of its own and the peer command to call it with.
func newCommand(t *testing.T) command {
	needNetwork(t)
	c := command{t: t, path: filepath.Join(os.Getenv("FABRIC_BIN"), "peer")}
	if os.Getenv("FABRIC_BIN") == "" {
		c.path, _ = exec.LookPath("peer")
	}
	if _, err := os.Stat(c.path); err != nil {
		t.Skip("SKIPPED, NOT TESTED WITH FABRIC'S PEER COMMAND: it is neither in FABRIC_BIN nor on the PATH")
	}
	var err error
	c.config, err = filepath.Abs(filepath.Join("..", "..", "network", "fabric", "config", "client"))
	require.NoError(t, err)
	orderer := "orderer.example.com"
	port := 0
	if *onFabric {
		c.site, port = newSite(t), realNet.port
		orderer = "orderer1.example.com"
	} else {
		port, err = findPorts(26000, 27900, 2)
		require.NoError(t, err)
		c.site = newDevnet(t, func(cfg *devnet.Config) { cfg.Listen = fmt.Sprint("127.0.0.1:", port+1) })
	}
	c.orderer = []string{
		"-o", fmt.Sprint("127.0.0.1:", port), "--ordererTLSHostnameOverride", orderer, "--tls", "--cafile",
		filepath.Join(c.site.crypto, "ordererOrganizations", "example.com", "tlsca", "tlsca.example.com-cert.pem"),
	}
	return c
}

// run calls a function as an organisation's admin: a query at its own peer, a change at the peers
// of both. It returns what a query answers.
func (c command) run(msp string, query bool, function string, args ...string) (string, error) {
	c.t.Helper()
	call, err := json.Marshal(struct {
		Function string   `json:"function"`
		Args     []string `json:"Args"`
	}{function, append([]string{}, args...)})
	require.NoError(c.t, err)
	p := c.site.profile(msp, "Admin")
	arguments := []string{"chaincode", "query"}
	if !query {
		arguments = append([]string{"chaincode", "invoke", "--waitForEvent"}, c.orderer...)
		for _, endorser := range []string{"Org1MSP", "Org2MSP"} {
			e := c.site.profile(endorser, "Admin")
			arguments = append(arguments, "--peerAddresses", e.Endpoint, "--tlsRootCertFiles", e.TLSCA)
		}
	}
	arguments = append(arguments, "-C", "mychannel", "-n", c.site.chaincode, "-c", string(call))
	program := exec.CommandContext(c.t.Context(), c.path, arguments...)
	program.Env = append(os.Environ(), "FABRIC_CFG_PATH="+c.config, "FABRIC_LOGGING_SPEC=error",
		"CORE_PEER_TLS_ENABLED=true", "CORE_PEER_LOCALMSPID="+msp, "CORE_PEER_ADDRESS="+p.Endpoint,
		"CORE_PEER_TLS_ROOTCERT_FILE="+p.TLSCA, "CORE_PEER_MSPCONFIGPATH="+filepath.Dir(filepath.Dir(p.Certificate)))
	var said strings.Builder
	program.Stderr = &said
	answer, err := program.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, said.String())
	}
	return strings.TrimSuffix(string(answer), "\n"), nil
}

func TestEveryFunctionWorksFromFabricsPeerCommand(t *testing.T) {
	c, queries := newCommand(t), reads()
	o := tour{t: t, channel: "mychannel", chaincode: c.site.chaincode, guide: func(msp, function string, args ...string) string {
		t.Helper()
		answer, err := c.run(msp, queries[function], function, args...)
		require.NoError(t, err, "%s by %s", function, msp)
		return answer
	}}
	o.run()
	metadata, err := c.run("Org2MSP", true, "org.hyperledger.fabric:GetMetadata")
	require.NoError(t, err)
	o.complete(metadata)

	_, err = c.run("Org2MSP", false, "devices:Suspend", `{"id":"pump-1"}`)
	require.ErrorContains(t, err, "NOT_FOUND: ", "a refusal reaches the operator with its code")
	_, err = c.run("Org2MSP", true, "devices:Get", "Org1MSP/no-such-device")
	require.ErrorContains(t, err, "NOT_FOUND: ")
}
