// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"context"
	"strings"
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

// brief is a context that ends soon: what is lost never comes.
func brief(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestADroppedSubmitIsLostAndTheSameBytesCommitLater(t *testing.T) {
	n := start(t)
	c := contractOf(t, n)
	tx := endorsed(t, c, "put", client.WithArguments("a", "1"))
	n.Faults().DropSubmits(1)
	commit, err := tx.Submit()
	require.NoError(t, err, "OK is not durable")
	_, err = commit.StatusWithContext(brief(t))
	require.Equal(t, codes.DeadlineExceeded, status.Code(err))
	require.Equal(t, peer.TxValidationCode_VALID, outcome(t, tx))
}

func TestALostStatusCanBeAskedAgain(t *testing.T) {
	n := start(t)
	tx := endorsed(t, contractOf(t, n), "put", client.WithArguments("a", "1"))
	commit, err := tx.Submit()
	require.NoError(t, err)
	_, err = commit.Status() // from now on it is known, and only the fault withholds it
	require.NoError(t, err)
	n.Faults().LoseStatus(1)
	_, err = commit.StatusWithContext(brief(t))
	require.Equal(t, codes.DeadlineExceeded, status.Code(err))
	result, err := commit.Status()
	require.NoError(t, err)
	require.True(t, result.Successful)
	n.Faults().DelayStatus(50 * time.Millisecond)
	before := time.Now()
	_, err = commit.Status()
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(before), 50*time.Millisecond)
}

func TestAConflictStormEnds(t *testing.T) {
	n := start(t)
	c := contractOf(t, n)
	n.Faults().ConflictStorm(2)
	for range 2 {
		_, err := c.SubmitTransaction("add", "sum", "1")
		requireCommitError(t, err, peer.TxValidationCode_MVCC_READ_CONFLICT)
	}
	submit(t, c, "add", "sum", "1")
	require.Equal(t, "1", evaluate(t, c, "get", "sum"))
}

func TestCutEventStreamsEndAndCanBeOpenedAgain(t *testing.T) {
	n := start(t)
	p := n.Profile("Org1MSP", "User1")
	network := connect(t, p).GetNetwork(p.Channel)
	submit(t, network.GetContract(p.Chaincode), "event", "tick", "1")
	for range 2 {
		events, err := network.ChaincodeEvents(t.Context(), p.Chaincode, client.WithStartBlock(0))
		require.NoError(t, err)
		blocks, err := network.BlockEvents(t.Context(), client.WithStartBlock(0))
		require.NoError(t, err)
		require.Equal(t, "1", string(next(t, events).Payload))
		require.EqualValues(t, 0, next(t, blocks).GetHeader().GetNumber())
		n.Faults().CutEvents()
		for range events {
		}
		for range blocks {
		}
	}
}

func TestAStoppedPeerIsUnavailableAndComesBack(t *testing.T) {
	n := start(t)
	c := contractOf(t, n)
	tx := endorsed(t, c, "put", client.WithArguments("a", "1"))
	commit, err := tx.Submit()
	require.NoError(t, err)
	require.NoError(t, n.Faults().StopPeer("Org1MSP"))
	_, err = c.SubmitTransaction("put", "b", "1")
	require.Equal(t, codes.Unavailable, status.Code(err))
	_, err = commit.StatusWithContext(brief(t))
	require.Error(t, err)

	require.NoError(t, n.Faults().StartPeer(t.Context(), "Org1MSP"))
	require.Eventually(t, func() bool {
		result, err := commit.Status()
		return err == nil && result.Successful
	}, 15*time.Second, 10*time.Millisecond, "the same connection recovers, and the commit is still known")
	require.ErrorIs(t, n.Faults().StopPeer("Org9MSP"), devnet.ErrNoSuchPeer)
}

func TestWithoutTheSecondOrganisationNothingIsEndorsed(t *testing.T) {
	n := start(t)
	c := contractOf(t, n)
	submit(t, c, "put", "a", "1")
	require.NoError(t, n.Faults().StopPeer("Org2MSP"))
	_, err := c.SubmitTransaction("put", "a", "2")
	requireEndorseError(t, err, codes.Aborted, "Org2MSP", "code = Unavailable")
	_, err = c.SubmitTransaction("put", "a", "2")
	require.Equal(t, codes.FailedPrecondition, status.Code(err))
	require.Contains(t, err.Error(), "failed to select a set of endorsers that satisfy the endorsement policy due to unavailability of peers")
	require.Equal(t, "1", evaluate(t, c, "get", "a"), "evaluating needs one peer only")
	require.NoError(t, n.Faults().StartPeer(t.Context(), "Org2MSP"))
	submit(t, c, "put", "a", "3")
}

func TestAStoppedOrdererIsUnavailableAndComesBack(t *testing.T) {
	n := start(t)
	c := contractOf(t, n)
	submit(t, c, "put", "a", "1")
	tx := endorsed(t, c, "put", client.WithArguments("a", "2"))
	n.Faults().StopOrderer()
	_, err := tx.Submit()
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.Contains(t, err.Error(), "no orderers could successfully process transaction")
	require.Contains(t, details(t, err)["OrdererMSP"], "code = Unavailable")
	require.NoError(t, n.Faults().StartOrderer(t.Context()))
	require.Eventually(t, func() bool { _, err := tx.Submit(); return err == nil }, 15*time.Second, 10*time.Millisecond)
}

func TestAHungOrdererTimesOutYetTheTransactionCommits(t *testing.T) {
	n := start(t, func(cfg *devnet.Config) { cfg.BroadcastTimeout = 100 * time.Millisecond })
	c := contractOf(t, n)
	tx := endorsed(t, c, "put", client.WithArguments("a", "1"))
	n.Faults().HangOrderer()
	_, err := tx.Submit()
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.Contains(t, details(t, err)["OrdererMSP"], "code = DeadlineExceeded")
	n.Faults().ReleaseOrderer()
	require.Eventually(t, func() bool { return evaluate(t, c, "get", "a") == "1" }, 5*time.Second, 5*time.Millisecond)
}

func TestAChaincodeThatIsGoneIsLaunchedAgain(t *testing.T) {
	n := start(t)
	c := contractOf(t, n)
	submit(t, c, "put", "a", "1")
	require.NoError(t, n.Faults().StopChaincode())
	requireNotLaunched(t, c)
	_, err := c.EvaluateTransaction("get", "a")
	require.Equal(t, codes.Aborted, status.Code(err))
	require.NoError(t, n.Faults().StartChaincode(t.Context()))
	submit(t, c, "put", "a", "3")
}

// requireNotLaunched waits until the peers have noticed that the chaincode is gone.
func requireNotLaunched(t *testing.T, c *client.Contract) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := c.SubmitTransaction("put", "a", "2")
		requireEndorseError(t, err, codes.Aborted, "Org1MSP", "failed to execute transaction")
		return strings.Contains(details(t, err)["Org1MSP"], "could not launch chaincode anchorline_1.0:")
	}, 5*time.Second, time.Millisecond)
}

// panicking panics when told to.
type panicking struct{ probe.Chaincode }

func (p *panicking) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	if name, _ := stub.GetFunctionAndParameters(); name == "panic" {
		panic("as asked")
	}
	return p.Chaincode.Invoke(stub)
}

func TestAPanicOfChaincodeEndsItsStreamAndNothingElse(t *testing.T) {
	n := start(t, func(cfg *devnet.Config) { cfg.Chaincode = devnet.Everywhere(&panicking{}) })
	c := contractOf(t, n)
	_, err := c.SubmitTransaction("panic")
	requireEndorseError(t, err, codes.Aborted, "Org1MSP", "chaincode stream terminated")
	require.Eventually(t, func() bool {
		_, err := c.SubmitTransaction("put", "a", "1")
		return err == nil
	}, 5*time.Second, time.Millisecond, "launched again")
}
