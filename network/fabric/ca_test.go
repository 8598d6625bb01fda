// SPDX-License-Identifier: Apache-2.0

package fabric_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/network/fabric"
)

// A certificateAuthority is a Fabric CA of Org1: it signs with the key that cryptogen made.
type certificateAuthority struct {
	bin, dir, address string
}

// startCA starts fabric-ca-server, from FABRIC_CA_BIN, on a port that the network leaves free.
func startCA(t *testing.T, network *fabric.Network, basePort int) *certificateAuthority {
	t.Helper()
	ca := &certificateAuthority{
		bin: os.Getenv("FABRIC_CA_BIN"), dir: t.TempDir(), address: fmt.Sprintf("127.0.0.1:%d", basePort+39),
	}
	keys := filepath.Join(network.Dir(), "crypto", "peerOrganizations", "org1.example.com", "ca")
	server := exec.Command(filepath.Join(ca.bin, "fabric-ca-server"), "start", "--home", ca.dir, "--boot", "admin:adminpw",
		"--address", "127.0.0.1", "--port", fmt.Sprint(basePort+39), "--tls.enabled", "--csr.hosts", "127.0.0.1",
		"--ca.certfile", filepath.Join(keys, "ca.org1.example.com-cert.pem"), "--ca.keyfile", filepath.Join(keys, "priv_sk"))
	server.Env = append(os.Environ(), fmt.Sprintf("FABRIC_CA_SERVER_OPERATIONS_LISTENADDRESS=127.0.0.1:%d", basePort+38))
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	require.Eventually(t, func() bool {
		connection, err := net.Dial("tcp", ca.address)
		return err == nil && connection.Close() == nil
	}, time.Minute, 50*time.Millisecond, "fabric-ca-server does not listen")
	ca.client(t, "enroll", "-u", "https://admin:adminpw@"+ca.address, "-M", filepath.Join(ca.dir, "admin"))
	return ca
}

func (ca *certificateAuthority) client(t *testing.T, arguments ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), filepath.Join(ca.bin, "fabric-ca-client"), arguments...)
	command.Env = append(os.Environ(), "FABRIC_CA_CLIENT_HOME="+ca.dir,
		"FABRIC_CA_CLIENT_TLS_CERTFILES="+filepath.Join(ca.dir, "tls-cert.pem"))
	output, err := command.CombinedOutput()
	require.NoError(t, err, string(output))
}

// identity registers and enrols an identity with an attribute, or with none, and returns its MSP
// folder. Enrolled twice, as after a renewal, the folder holds two keys.
func (ca *certificateAuthority) identity(t *testing.T, name, attribute string) string {
	t.Helper()
	register := []string{"register", "-u", "https://" + ca.address, "-M", filepath.Join(ca.dir, "admin"), "--id.name", name, "--id.secret", "secret", "--id.type", "client"}
	if attribute != "" {
		register = append(register, "--id.attrs", attribute+":ecert")
	}
	ca.client(t, register...)
	msp := filepath.Join(ca.dir, name, "msp")
	for range 2 {
		ca.client(t, "enroll", "-u", "https://"+name+":secret@"+ca.address, "-M", msp)
	}
	put(t, filepath.Join(msp, "config.yaml"), `
NodeOUs:
  Enable: true
  ClientOUIdentifier: {OrganizationalUnitIdentifier: client}
  PeerOUIdentifier: {OrganizationalUnitIdentifier: peer}
  AdminOUIdentifier: {OrganizationalUnitIdentifier: admin}
  OrdererOUIdentifier: {OrganizationalUnitIdentifier: orderer}
`)
	return msp
}

func TestARoleGrantedToAnAttributeOfFabricCAHolds(t *testing.T) {
	needFabric(t)
	if os.Getenv("FABRIC_CA_BIN") == "" {
		t.Skip("SKIPPED, NOT TESTED AGAINST FABRIC CA: FABRIC_CA_BIN does not name the bin folder of a release of Fabric CA")
	}
	network, config, said := started(t, fabric.OneRaft)
	require.NoError(t, network.Deploy(t.Context(), fabric.Deployment{}))
	ca := startCA(t, network, config.BasePort)
	bridge := ca.identity(t, "bridge-1", "anchorline.role=bridge")
	nobody := ca.identity(t, "nobody-1", "")

	described := filepath.Join(network.Dir(), "network.env")
	put(t, described, string(content(t, described))+
		"\nORG1_USERS='BRIDGE NOBODY'\nORG1_ROLES=\nORG1_BRIDGE_MSP="+bridge+"\nORG1_NOBODY_MSP="+nobody+
		"\nORG1_GRANTS=bridge:attribute:anchorline.role=bridge\n")
	require.NoError(t, network.Deploy(t.Context(), fabric.Deployment{}))
	require.Contains(t, said.String(), "made attribute:anchorline.role=bridge bridge")

	require.Contains(t, evaluate(t, network, "Org1MSP", "Bridge", "roles:WhoAmI"), `"roles":["bridge"]`)
	require.Contains(t, evaluate(t, network, "Org1MSP", "Nobody", "roles:WhoAmI"), `"roles":[]`)
}
