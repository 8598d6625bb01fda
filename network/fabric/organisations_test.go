// SPDX-License-Identifier: Apache-2.0

package fabric_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/network/fabric"
)

// environment is the environment of a process that the scripts started.
func environment(t *testing.T, network *fabric.Network, name string) []string {
	t.Helper()
	pid, _, _ := strings.Cut(string(content(t, filepath.Join(network.Dir(), "run", name+".pid"))), "\n")
	return strings.Split(string(content(t, filepath.Join("/proc", pid, "environ"))), "\x00")
}

func TestThreeOrganisationsRunEachItsOwnChaincode(t *testing.T) {
	needFabric(t)
	for _, ordering := range []fabric.Ordering{fabric.OneRaft, fabric.SmartBFT} {
		t.Run(string(ordering), func(t *testing.T) {
			if ordering == fabric.SmartBFT {
				needFabric3(t)
			}
			network, config, said := startedWith(t, fabric.Config{Ordering: ordering, Organisations: 3})
			require.NoError(t, network.Deploy(t.Context(), fabric.Deployment{}))
			require.Contains(t, said.String(), "with AND('Org1MSP.peer','Org2MSP.peer','Org3MSP.peer')")
			require.Contains(t, said.String(), "the terms are in force")
			addresses := map[string]bool{}
			for _, mspID := range []string{"Org1MSP", "Org2MSP", "Org3MSP"} {
				requireAnswer(t, network, mspID, "User1")
				if _, err := os.Stat("/proc/self/environ"); err == nil {
					require.Contains(t, environment(t, network, "chaincode-anchorline-"+mspID), "CORE_PEER_LOCALMSPID="+mspID)
				}
				addresses[string(content(t, filepath.Join(network.Dir(), "run", "chaincode-anchorline-"+mspID+".address")))] = true
			}
			require.Len(t, addresses, 3)
			require.NoError(t, network.Smoke(t.Context(), ""))

			requireOthersLive(t, network)
			requireOneRogue(t, network)
			requireASharedProcess(t, network)
			config.Organisations = 2
			_, err := fabric.Start(t.Context(), config)
			require.ErrorContains(t, err, "--orgs 3")
		})
	}
}

// requireOthersLive kills one organisation's chaincode and checks that the others answer, and that it
// comes back.
func requireOthersLive(t *testing.T, network *fabric.Network) {
	t.Helper()
	require.NoError(t, network.KillChaincode(t.Context(), "Org2MSP", ""))
	requireAnswer(t, network, "Org1MSP", "User1")
	requireAnswer(t, network, "Org3MSP", "User1")
	require.ErrorContains(t, network.Status(t.Context()), "chaincode-anchorline-Org2MSP")
	require.NoError(t, network.Deploy(t.Context(), fabric.Deployment{}))
	require.NoError(t, network.Status(t.Context()))
	requireAnswer(t, network, "Org2MSP", "User1")
	require.ErrorIs(t, network.KillChaincode(t.Context(), "Org9MSP", ""), fabric.ErrNoProcess)
}

// requireASharedProcess deploys a chaincode that all organisations have at one address: one process,
// which cannot say whose it is and has one source.
func requireASharedProcess(t *testing.T, network *fabric.Network) {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", freePorts(t))
	at := map[string]string{"Org1MSP": address, "Org2MSP": address, "Org3MSP": address}
	require.NoError(t, network.Deploy(t.Context(), fabric.Deployment{Name: "shared", Addresses: at}))
	if _, err := os.Stat("/proc/self/environ"); err == nil {
		require.Contains(t, environment(t, network, "chaincode-shared-Org1MSP"), "CORE_PEER_LOCALMSPID=")
	}
	require.NoFileExists(t, filepath.Join(network.Dir(), "run", "chaincode-shared-Org2MSP.pid"))
	for mspID := range at {
		_, err := evaluateAs(t, network, mspID, "User1", "shared", "roles:WhoAmI")
		require.NoError(t, err)
	}
	err := network.Deploy(t.Context(), fabric.Deployment{Name: "split", Addresses: at, Sources: map[string]string{"Org2MSP": "."}})
	require.ErrorContains(t, err, "others have their chaincode at "+address+" too")
}

// requireOneRogue deploys a chaincode of which one organisation runs other code, and another name
// for the first chaincode.
func requireOneRogue(t *testing.T, network *fabric.Network) {
	t.Helper()
	source, err := filepath.Abs(filepath.Join("..", "..", "chaincode", "internal", "rogue", "serve"))
	require.NoError(t, err)
	port := freePorts(t)
	at := map[string]string{}
	for i, mspID := range []string{"Org1MSP", "Org2MSP", "Org3MSP"} {
		at[mspID] = fmt.Sprintf("127.0.0.1:%d", port+i)
	}
	require.NoError(t, network.Deploy(t.Context(), fabric.Deployment{Name: "mixed", Sources: map[string]string{"Org3MSP": source}, Addresses: at}))
	_, err = evaluateAs(t, network, "Org1MSP", "User1", "mixed", "rogue:Write", "a", "1")
	require.ErrorContains(t, err, "rogue")
	_, err = evaluateAs(t, network, "Org3MSP", "User1", "mixed", "rogue:Write", "a", "1")
	require.NoError(t, err, "the rogue does as it is told")

	require.NoError(t, network.Deploy(t.Context(), fabric.Deployment{Name: "again", Like: "anchorline"}))
	require.Eventually(t, func() bool {
		answer, err := evaluateAs(t, network, "Org2MSP", "User1", "again", "org.hyperledger.fabric:GetMetadata")
		return err == nil && strings.Contains(answer, "Anchorline")
	}, time.Minute, 100*time.Millisecond)
	require.ErrorContains(t, network.Deploy(t.Context(), fabric.Deployment{Name: "more", Like: "absent"}), "is absent deployed from this folder?")
	require.ErrorContains(t, network.Deploy(t.Context(), fabric.Deployment{Name: "more", Sources: map[string]string{"Org9MSP": source}}), "names Org9MSP")
}
