// SPDX-License-Identifier: Apache-2.0

package testnet_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/anchorline/anchorline/internal/testnet"
	"github.com/anchorline/anchorline/network/devnet"
	"github.com/anchorline/anchorline/network/fabric"
)

func TestMain(m *testing.M) { testnet.Main(m) }

// contract is the network's chaincode as an organisation's administrator reaches it by the SDK.
func contract(t *testing.T, n *testnet.Network, msp string) *client.Contract {
	t.Helper()
	p := n.Profile(msp, "Admin")
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(content(t, p.TLSCA)))
	conn, err := grpc.NewClient(p.Endpoint, grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(roots, p.ServerName)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	id, sign := credentialsOf(t, p)
	g, err := client.Connect(id, client.WithSign(sign), client.WithClientConnection(conn),
		client.WithEndorseTimeout(time.Minute), client.WithEvaluateTimeout(time.Minute))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	return g.GetNetwork(p.Channel).GetContract(p.Chaincode)
}

func credentialsOf(t *testing.T, p devnet.Profile) (identity.Identity, identity.Sign) {
	t.Helper()
	block, _ := pem.Decode(content(t, p.Certificate))
	require.NotNil(t, block)
	certificate, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	id, err := identity.NewX509Identity(p.MSPID, certificate)
	require.NoError(t, err)
	key, err := identity.PrivateKeyFromPEM(content(t, p.Key))
	require.NoError(t, err)
	sign, err := identity.NewPrivateKeySign(key)
	require.NoError(t, err)
	return id, sign
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	bytes, err := os.ReadFile(path)
	require.NoError(t, err)
	return bytes
}

// at evaluates a function at the peer of an organisation.
func at(c *client.Contract, msp, function string, args ...string) (string, error) {
	out, err := c.Evaluate(function, client.WithArguments(args...), client.WithEndorsingOrganizations(msp))
	return string(out), explained(err)
}

// endorse has organisations endorse a call, which is not submitted.
func endorse(c *client.Contract, function string, organisations ...string) error {
	proposal, err := c.NewProposal(function, client.WithEndorsingOrganizations(organisations...))
	if err == nil {
		_, err = proposal.Endorse()
	}
	return explained(err)
}

// explained is an error with what the peers say about it.
func explained(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %v", err, status.Convert(err).Details())
}

func TestTwoOrganisationsUnlessThreeAreAskedFor(t *testing.T) {
	n := testnet.Start(t)
	require.Equal(t, []string{"Org1MSP", "Org2MSP"}, n.Organisations())
	require.NoError(t, endorse(contract(t, n, "Org1MSP"), "roles:WhoAmI", n.Organisations()...))
}

func TestThreeOrganisationsAgreeOnTerms(t *testing.T) {
	n := testnet.Start(t, testnet.ThreeOrganisations(), testnet.Policy("OutOf(2,'Org1MSP.peer','Org2MSP.peer','Org3MSP.peer')"))
	require.Equal(t, []string{"Org1MSP", "Org2MSP", "Org3MSP"}, n.Organisations())
	for _, msp := range n.Organisations() {
		terms, err := at(contract(t, n, msp), msp, "consortium:Get")
		require.NoError(t, err)
		require.Contains(t, terms, `"terms":{"organisations":["Org1MSP","Org2MSP","Org3MSP"],"others":1}}`, "the terms are in force")
	}
	n.Transact("Org3MSP", "roles:Grant", `{"role":"auditor","unit":"client"}`)
}

func TestARogueOrganisationsAnswersDifferAndTheOthersDoNot(t *testing.T) {
	n := testnet.Start(t, testnet.ThreeOrganisations(), testnet.Rogue("Org2MSP"))
	c := contract(t, n, "Org1MSP")
	require.NoError(t, endorse(c, "roles:WhoAmI", n.Organisations()...), "it does not lie yet")
	_, err := at(c, "Org1MSP", "rogue:Lie", "a", "b")
	require.Error(t, err, "Org1MSP is honest")
	_, err = at(c, "Org2MSP", "rogue:Lie", `"msp":"Org1MSP"`, `"msp":"OrgXMSP"`)
	require.NoError(t, err)
	for msp, wanted := range map[string]string{"Org1MSP": "Org1MSP", "Org2MSP": "OrgXMSP", "Org3MSP": "Org1MSP"} {
		answer, err := at(c, msp, "roles:WhoAmI")
		require.NoError(t, err)
		require.Contains(t, answer, `"msp":"`+wanted+`"`, msp)
	}
	require.ErrorContains(t, endorse(c, "roles:WhoAmI", n.Organisations()...), "ProposalResponsePayloads do not match")
	require.NoError(t, endorse(c, "roles:WhoAmI", "Org1MSP", "Org3MSP"))
	require.NoError(t, endorse(c, "roles:WhoAmI", "Org2MSP"), "it endorses its lie")
}

func TestOneOrganisationsChaincodeDiesAloneAndComesBack(t *testing.T) {
	for name, code := range map[string]testnet.Option{"as it is": testnet.OwnChaincode(), "other code": testnet.Rogue("Org2MSP")} {
		t.Run(name, func(t *testing.T) {
			n := testnet.Start(t, code)
			c := contract(t, n, "Org1MSP")
			require.NoError(t, endorse(c, "roles:WhoAmI", "Org1MSP", "Org2MSP"))
			n.KillChaincode(t, "Org2MSP")
			require.Eventually(t, func() bool {
				err := endorse(c, "roles:WhoAmI", "Org2MSP")
				return err != nil
			}, time.Minute, 10*time.Millisecond)
			_, err := at(c, "Org1MSP", "roles:WhoAmI")
			require.NoError(t, err)
			require.NoError(t, endorse(c, "roles:WhoAmI", "Org1MSP"))
			n.RestartChaincode(t, "Org2MSP")
			require.Eventually(t, func() bool { return endorse(c, "roles:WhoAmI", "Org1MSP", "Org2MSP") == nil }, time.Minute, 10*time.Millisecond)
		})
	}
}

func TestASmartBFTNetworkOfThree(t *testing.T) {
	n := testnet.Start(t, testnet.ThreeOrganisations(), testnet.Ordering(fabric.SmartBFT))
	n.Transact("Org2MSP", "roles:Grant", `{"role":"auditor","unit":"client"}`)
}
