// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/anchorline/anchorline/network/devnet"
	"github.com/anchorline/anchorline/network/devnet/internal/probe"
)

// local is the probe of one organisation; the function "local" answers whose peer runs it, and
// "panic" of one organisation ends it.
type local struct {
	probe.Chaincode
	mspID string
}

func (l *local) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	switch name, args := stub.GetFunctionAndParameters(); {
	case name == "local":
		return shim.Success([]byte(l.mspID))
	case name == "panic" && args[0] == l.mspID:
		panic("as asked")
	default:
		return l.Chaincode.Invoke(stub)
	}
}

func localOf(mspID string) (shim.Chaincode, error) { return &local{mspID: mspID}, nil }

// at is the network's chaincode as User1 of an organisation sees it, at its own peer.
func at(t *testing.T, n *devnet.Network, mspID string) *client.Contract {
	t.Helper()
	p := n.Profile(mspID, "User1")
	return connect(t, p).GetNetwork(p.Channel).GetContract(p.Chaincode)
}

func TestThreeOrganisationsEndorseAndReadAlike(t *testing.T) {
	dir := t.TempDir()
	change := func(cfg *devnet.Config) { cfg.Dir, cfg.Organisations, cfg.Chaincode = dir, 3, localOf }
	n := start(t, change)
	require.Equal(t, []string{"Org1MSP", "Org2MSP", "Org3MSP"}, n.Organisations())
	require.Contains(t, n.Profile("Org3MSP", "Admin").TLSCA, "org3.example.com")
	tx := endorsed(t, at(t, n, "Org3MSP"), "put", client.WithArguments("a", "1"))
	require.ElementsMatch(t, n.Organisations(), endorsers(t, tx), "by default everybody endorses")
	require.Equal(t, peer.TxValidationCode_VALID, outcome(t, tx))
	for _, mspID := range n.Organisations() {
		require.Equal(t, "1", evaluate(t, at(t, n, mspID), "get", "a"))
		require.Equal(t, mspID, evaluate(t, at(t, n, mspID), "local"), "each peer has a chaincode of its own, which knows whose it is")
	}
	two := endorsed(t, at(t, n, "Org1MSP"), "put", client.WithArguments("a", "2"), client.WithEndorsingOrganizations("Org1MSP", "Org3MSP"))
	require.Equal(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, outcome(t, two))
	require.NoError(t, n.Close())
	require.Equal(t, "1", evaluate(t, at(t, start(t, change), "Org2MSP"), "get", "a"))
}

func TestOfThreeOrganisationsTwoSufficeWhereThePolicySaysSo(t *testing.T) {
	n := start(t, func(cfg *devnet.Config) {
		cfg.Organisations, cfg.EndorsementPolicy = 3, "OutOf(2, 'Org1MSP.peer', 'Org2MSP.peer', 'Org3MSP.peer')"
	})
	tx := endorsed(t, at(t, n, "Org2MSP"), "put", client.WithArguments("a", "1"))
	require.Len(t, endorsers(t, tx), 2)
	require.Contains(t, endorsers(t, tx), "Org2MSP", "its own is one of them")
	require.Equal(t, peer.TxValidationCode_VALID, outcome(t, tx))
	require.NoError(t, n.Faults().StopPeer("Org3MSP"))
	require.Eventually(t, func() bool {
		_, err := at(t, n, "Org1MSP").SubmitTransaction("put", "a", "2")
		return err == nil
	}, 5*time.Second, time.Millisecond, "two of three go on")
}

func TestEachPeerIsGivenItsChaincodeOnceAndAFaultEndsTheStart(t *testing.T) {
	var mu sync.Mutex
	var made []string
	n := start(t, func(cfg *devnet.Config) {
		cfg.Organisations = 3
		cfg.Chaincode = func(mspID string) (shim.Chaincode, error) {
			mu.Lock()
			defer mu.Unlock()
			made = append(made, mspID)
			return localOf(mspID)
		}
	})
	submit(t, at(t, n, "Org1MSP"), "put", "a", "1")
	require.Equal(t, n.Organisations(), made)

	cfg := devnet.Default(t.TempDir())
	broken := errors.New("no such code")
	cfg.Chaincode = func(mspID string) (shim.Chaincode, error) {
		if mspID == "Org2MSP" {
			return nil, broken
		}
		return localOf(mspID)
	}
	_, err := devnet.Start(t.Context(), cfg)
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "chaincode of Org2MSP")
}

func TestACrashOfOneOrganisationsChaincodeLeavesTheOthersAlive(t *testing.T) {
	n := start(t, func(cfg *devnet.Config) {
		cfg.Chaincode, cfg.EndorsementPolicy = localOf, "OR('Org1MSP.peer', 'Org2MSP.peer')"
	})
	one, two := at(t, n, "Org1MSP"), at(t, n, "Org2MSP")
	submit(t, two, "put", "a", "1")
	_, err := one.SubmitTransaction("panic", "Org1MSP")
	requireEndorseError(t, err, codes.Aborted, "Org1MSP", "chaincode stream terminated")
	submit(t, two, "put", "a", "2")

	require.NoError(t, n.Faults().StopChaincode("Org1MSP"))
	requireNotLaunched(t, one)
	submit(t, two, "put", "a", "3")
	require.Equal(t, "3", evaluate(t, two, "get", "a"))
	require.NoError(t, n.Faults().StartChaincode(t.Context(), "Org1MSP"))
	submit(t, one, "put", "a", "4")
	require.ErrorIs(t, n.Faults().StopChaincode("Org9MSP"), devnet.ErrNoSuchPeer)
}

func TestAPeerThatLagsReadsTheOldStateUntilItCatchesUp(t *testing.T) {
	n := start(t)
	one, two := at(t, n, "Org1MSP"), at(t, n, "Org2MSP")
	submit(t, one, "put", "a", "1")
	require.NoError(t, n.Faults().HoldBlocks("Org2MSP"))
	tx := endorsed(t, one, "put", client.WithArguments("a", "2"))
	commit, err := tx.Submit()
	require.NoError(t, err)
	result, err := commit.Status()
	require.NoError(t, err)
	require.True(t, result.Successful, "Org1MSP's peer has the block")
	require.Equal(t, "2", evaluate(t, one, "get", "a"))
	require.Equal(t, "1", evaluate(t, two, "get", "a"))
	require.Equal(t, `["a=1"]`, evaluate(t, two, "range", "a", "b"))

	_, err = one.SubmitTransaction("add", "a", "1")
	requireEndorseError(t, err, codes.Aborted, "Org2MSP", "ProposalResponsePayloads do not match")
	content, err := tx.Bytes()
	require.NoError(t, err)
	p := n.Profile("Org2MSP", "User1")
	g := connect(t, p)
	again, err := g.NewTransaction(content)
	require.NoError(t, err)
	_, err = g.GetNetwork(p.Channel).GetContract("qscc").EvaluateTransaction("GetTransactionByID", p.Channel, again.TransactionID())
	require.Error(t, err, "the transaction is not on the ledger of the peer that lags")

	require.NoError(t, n.Faults().ReleaseBlocks("Org2MSP"))
	require.Equal(t, "2", evaluate(t, two, "get", "a"))
	submit(t, one, "add", "a", "1")
	require.ErrorIs(t, n.Faults().HoldBlocks("Org9MSP"), devnet.ErrNoSuchPeer)
	require.ErrorIs(t, n.Faults().ReleaseBlocks("Org9MSP"), devnet.ErrNoSuchPeer)
}

func TestAStatusAtAPeerThatLagsComesWhenItHasTheBlock(t *testing.T) {
	n := start(t)
	require.NoError(t, n.Faults().HoldBlocks("Org1MSP"))
	commit, err := endorsed(t, at(t, n, "Org1MSP"), "put", client.WithArguments("a", "1")).Submit()
	require.NoError(t, err)
	require.Eventually(t, func() bool { return evaluate(t, at(t, n, "Org2MSP"), "get", "a") == "1" }, 5*time.Second, time.Millisecond)
	_, err = commit.StatusWithContext(brief(t))
	require.Equal(t, codes.DeadlineExceeded, status.Code(err))
	require.NoError(t, n.Faults().ReleaseBlocks("Org1MSP"))
	result, err := commit.Status()
	require.NoError(t, err)
	require.True(t, result.Successful)
}

func TestANetworkWithAPeerThatLagsOrHangsCloses(t *testing.T) {
	n := start(t)
	submit(t, contractOf(t, n), "put", "a", "1")
	require.NoError(t, n.Faults().HoldBlocks("Org2MSP"))
	require.NoError(t, n.Faults().HangPeer("Org2MSP"))
	require.NoError(t, n.Close())
}

func TestAHungPeerIsSilentUntilTheDeadlineAndAnswersAfterwards(t *testing.T) {
	n := start(t)
	one, two := at(t, n, "Org1MSP"), at(t, n, "Org2MSP")
	submit(t, one, "put", "a", "1")
	submit(t, two, "put", "a", "2")
	require.NoError(t, n.Faults().HangPeer("Org2MSP"))
	_, err := two.EvaluateWithContext(brief(t), "get", client.WithArguments("a"))
	require.Equal(t, codes.DeadlineExceeded, status.Code(err))
	require.Equal(t, "2", evaluate(t, one, "get", "a"), "the other peer reads")
	proposal, err := one.NewProposal("put", client.WithArguments("a", "3"))
	require.NoError(t, err)
	_, err = proposal.EndorseWithContext(brief(t))
	require.Equal(t, codes.DeadlineExceeded, status.Code(err), "it is waited for as an endorser")
	conn, err := net.Dial("tcp", n.Profile("Org2MSP", "User1").Endpoint)
	require.NoError(t, err, "its address takes connections")
	require.NoError(t, conn.Close())

	require.NoError(t, n.Faults().ReleasePeer("Org2MSP"))
	submit(t, two, "put", "a", "3")
	require.ErrorIs(t, n.Faults().HangPeer("Org9MSP"), devnet.ErrNoSuchPeer)

	require.NoError(t, n.Faults().HangPeer("Org2MSP"))
	require.NoError(t, n.Faults().StopPeer("Org2MSP"))
	require.NoError(t, n.Faults().StartPeer(t.Context(), "Org2MSP"))
	require.Eventually(t, func() bool {
		_, err := two.EvaluateTransaction("get", "a")
		return err == nil
	}, 15*time.Second, 10*time.Millisecond, "a peer that was started again does not hang")
}

// secured are a certificate and key in cryptogen's layout, and the CA that issued them.
func secured(t *testing.T, dir, name string) (ca, certificate, key []byte) {
	t.Helper()
	var parts [3][]byte
	for i, file := range []string{"ca.crt", name + ".crt", name + ".key"} {
		content, err := os.ReadFile(filepath.Join(dir, file))
		require.NoError(t, err)
		parts[i] = content
	}
	return parts[0], parts[1], parts[2]
}

func TestAChaincodeServiceIsReachedOverTLSAndMutualTLS(t *testing.T) {
	other := start(t) // its certificates name 127.0.0.1
	org := organisationDir(other.Profile("Org1MSP", "Admin"))
	ca, serverCert, serverKey := secured(t, filepath.Join(org, "peers", "peer0.org1.example.com", "tls"), "server")
	_, clientCert, clientKey := secured(t, filepath.Join(org, "users", "Admin@org1.example.com", "tls"), "client")
	for name, c := range map[string]struct {
		clientCA []byte
		service  devnet.Service
		works    bool
	}{
		"TLS":                        {service: devnet.Service{CA: ca}, works: true},
		"mutual TLS":                 {clientCA: ca, service: devnet.Service{CA: ca, Certificate: clientCert, Key: clientKey}, works: true},
		"mutual TLS, no certificate": {clientCA: ca, service: devnet.Service{CA: ca}},
		"in the clear":               {service: devnet.Service{}},
	} {
		t.Run(name, func(t *testing.T) {
			address, stop := serveProbe(t, "127.0.0.1:0", shim.TLSProperties{Cert: serverCert, Key: serverKey, ClientCACerts: c.clientCA})
			defer stop()
			c.service.Address = address
			n := start(t, func(cfg *devnet.Config) { cfg.Services = servedBy(c.service) })
			_, err := contractOf(t, n).SubmitTransaction("put", "a", "1")
			if c.works {
				require.NoError(t, err)
			} else {
				requireEndorseError(t, err, codes.Aborted, "Org1MSP", "could not launch chaincode")
			}
			require.NoError(t, n.Close())
		})
	}
}
