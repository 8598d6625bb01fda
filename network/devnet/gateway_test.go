// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/anchorline/anchorline/network/devnet"
	"github.com/anchorline/anchorline/network/devnet/internal/probe"
)

// details are the messages of an error's gateway details, by MSP ID.
func details(t *testing.T, err error) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, d := range status.Convert(errors.Unwrap(err)).Details() {
		detail, ok := d.(*gateway.ErrorDetail)
		require.True(t, ok, "%T", d)
		require.NotEmpty(t, detail.GetAddress())
		found[detail.GetMspId()] = detail.GetMessage()
	}
	return found
}

func requireEndorseError(t *testing.T, err error, code codes.Code, mspID, text string) {
	t.Helper()
	var failed *client.EndorseError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, code, status.Code(err), "%v", err)
	require.Contains(t, details(t, err)[mspID], text)
}

func requireCommitError(t *testing.T, err error, code peer.TxValidationCode) {
	t.Helper()
	var failed *client.CommitError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, code, failed.Code)
}

// endorsed is a transaction that waits to be submitted.
func endorsed(t *testing.T, c *client.Contract, name string, options ...client.ProposalOption) *client.Transaction {
	t.Helper()
	proposal, err := c.NewProposal(name, options...)
	require.NoError(t, err)
	tx, err := proposal.Endorse()
	require.NoError(t, err)
	return tx
}

// outcome submits a transaction and waits for its code.
func outcome(t *testing.T, tx *client.Transaction) peer.TxValidationCode {
	t.Helper()
	commit, err := tx.Submit()
	require.NoError(t, err)
	result, err := commit.Status()
	require.NoError(t, err)
	return result.Code
}

func TestAChaincodesRefusalCarriesItsText(t *testing.T) {
	c := contractOf(t, start(t))
	_, err := c.SubmitTransaction("fail", "no such device")
	requireEndorseError(t, err, codes.Aborted, "Org1MSP", "chaincode response 500, no such device")
	_, err = c.EvaluateTransaction("fail", "no such device")
	require.Equal(t, codes.Unknown, status.Code(err))
	require.Contains(t, err.Error(), "evaluate call to endorser returned error: chaincode response 500, no such device")
}

func TestStatusesBelow400AreEndorsedAndThoseFrom400AreNot(t *testing.T) {
	c := contractOf(t, start(t))
	submit(t, c, "status", "399")
	_, err := c.SubmitTransaction("status", "400")
	requireEndorseError(t, err, codes.Aborted, "Org1MSP", "chaincode response 400, as asked")
}

func TestUnknownChaincodeAndChannelAreRefused(t *testing.T) {
	n := start(t)
	p := n.Profile("Org1MSP", "User1")
	g := connect(t, p)
	_, err := g.GetNetwork(p.Channel).GetContract("absent").EvaluateTransaction("get", "a")
	require.Equal(t, codes.FailedPrecondition, status.Code(err))
	require.Contains(t, err.Error(), "no peers available to evaluate chaincode absent in channel mychannel")
	_, err = g.GetNetwork(p.Channel).GetContract("absent").SubmitTransaction("get", "a")
	require.Equal(t, codes.FailedPrecondition, status.Code(err))
	_, err = g.GetNetwork("absent").GetContract(p.Chaincode).EvaluateTransaction("get", "a")
	require.Equal(t, codes.Unavailable, status.Code(err))
	_, err = g.GetNetwork("absent").GetContract(p.Chaincode).SubmitTransaction("get", "a")
	require.Equal(t, codes.FailedPrecondition, status.Code(err))
}

func TestStrangersAreRefusedAtEveryStep(t *testing.T) {
	n := start(t)
	good := n.Profile("Org1MSP", "User1")
	other := start(t).Profile("Org1MSP", "User1") // the same names under another CA
	unknownCA := good
	unknownCA.Certificate, unknownCA.Key = other.Certificate, other.Key
	unknownMSP := good
	unknownMSP.MSPID = "Org9MSP"
	wrongKey := good
	wrongKey.Key = other.Key

	for name, p := range map[string]devnet.Profile{"unknown CA": unknownCA, "unknown MSP": unknownMSP, "wrong key": wrongKey} {
		t.Run(name, func(t *testing.T) {
			g := connect(t, p)
			c := g.GetNetwork(p.Channel).GetContract(p.Chaincode)
			_, err := c.SubmitTransaction("put", "a", "1")
			requireEndorseError(t, err, codes.Aborted, "Org1MSP", "access denied: channel [mychannel] creator org")
			_, err = c.EvaluateTransaction("get", "a")
			require.Equal(t, codes.FailedPrecondition, status.Code(err), "%v", err)

			tx := endorsed(t, contractOf(t, n), "put", client.WithArguments("a", name))
			require.Equal(t, peer.TxValidationCode_VALID, outcome(t, tx))
			content, err := tx.Bytes()
			require.NoError(t, err)
			theirs, err := g.NewTransaction(content)
			require.NoError(t, err)
			commit, err := theirs.Submit()
			require.NoError(t, err, "the signature on the transaction is good")
			_, err = commit.Status()
			require.Equal(t, codes.PermissionDenied, status.Code(err), "%v", err)

			events, err := g.GetNetwork(p.Channel).ChaincodeEvents(t.Context(), p.Chaincode)
			require.NoError(t, err, "opens without error even for a bad identity")
			_, open := <-events
			require.False(t, open)
		})
	}
}

func TestAPeersIdentityMayNotWrite(t *testing.T) {
	n := start(t)
	p := n.Profile("Org1MSP", "User1")
	msp := filepathPeerMSP(p)
	p.Certificate, p.Key = msp+"/signcerts/peer0.org1.example.com-cert.pem", msp+"/keystore/priv_sk"
	_, err := connect(t, p).GetNetwork(p.Channel).GetContract(p.Chaincode).SubmitTransaction("put", "a", "1")
	requireEndorseError(t, err, codes.Aborted, "Org1MSP", "[/Channel/Application/Writers]")
}

func TestOfTwoTransactionsOnOneKeyTheSecondConflicts(t *testing.T) {
	c := contractOf(t, start(t))
	first := endorsed(t, c, "add", client.WithArguments("sum", "1"))
	second := endorsed(t, c, "add", client.WithArguments("sum", "1"))
	commits := make([]*client.Commit, 2)
	for i, tx := range []*client.Transaction{first, second} {
		var err error
		commits[i], err = tx.Submit()
		require.NoError(t, err)
	}
	one, err := commits[0].Status()
	require.NoError(t, err)
	two, err := commits[1].Status()
	require.NoError(t, err)
	require.Equal(t, peer.TxValidationCode_VALID, one.Code)
	require.Equal(t, peer.TxValidationCode_MVCC_READ_CONFLICT, two.Code)
	require.Equal(t, one.BlockNumber, two.BlockNumber)
	require.Equal(t, "1", evaluate(t, c, "get", "sum"))
}

func TestBlindWritesBothCountAndTheLastWins(t *testing.T) {
	c := contractOf(t, start(t))
	first := endorsed(t, c, "put", client.WithArguments("a", "1"))
	second := endorsed(t, c, "put", client.WithArguments("a", "2"))
	require.Equal(t, peer.TxValidationCode_VALID, outcome(t, first))
	require.Equal(t, peer.TxValidationCode_VALID, outcome(t, second))
	require.Equal(t, "2", evaluate(t, c, "get", "a"))
}

func TestTheSameTransactionTwiceCountsOnce(t *testing.T) {
	n := start(t)
	c := contractOf(t, n)
	tx := endorsed(t, c, "add", client.WithArguments("sum", "1"))
	require.Equal(t, peer.TxValidationCode_VALID, outcome(t, tx))
	require.Equal(t, peer.TxValidationCode_VALID, outcome(t, tx), "the status reports the original")
	require.Eventually(t, func() bool { return n.Height() == 3 }, 5*time.Second, time.Millisecond)
	require.Equal(t, []peer.TxValidationCode{peer.TxValidationCode_DUPLICATE_TXID}, flags(block(t, n, 2)))
	require.Equal(t, "1", evaluate(t, c, "get", "sum"))
}

func TestAProposalThatIsOnTheLedgerIsNotEndorsedAgain(t *testing.T) {
	c := contractOf(t, start(t))
	proposal, err := c.NewProposal("put", client.WithArguments("a", "1"))
	require.NoError(t, err)
	tx, err := proposal.Endorse()
	require.NoError(t, err)
	require.Equal(t, peer.TxValidationCode_VALID, outcome(t, tx))
	_, err = proposal.Endorse()
	requireEndorseError(t, err, codes.Aborted, "Org1MSP", "duplicate transaction found ["+tx.TransactionID()+"]")
}

func TestTooFewEndorsementsAreInvalid(t *testing.T) {
	c := contractOf(t, start(t))
	_, err := c.Submit("put", client.WithArguments("a", "1"), client.WithEndorsingOrganizations("Org1MSP"))
	requireCommitError(t, err, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE)
	require.Empty(t, evaluate(t, c, "get", "a"))
	_, err = c.Submit("put", client.WithArguments("a", "1"), client.WithEndorsingOrganizations("Org1MSP", "Org9MSP"))
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.Contains(t, err.Error(), "failed to find any endorsing peers for org(s): Org9MSP")
}

func TestPeersThatDisagreeEndorseNothing(t *testing.T) {
	c := contractOf(t, start(t))
	_, err := c.SubmitTransaction("random", "a")
	requireEndorseError(t, err, codes.Aborted, "Org2MSP", "ProposalResponsePayloads do not match")
}

func TestASlowChaincodeTimesOut(t *testing.T) {
	slow := make(chan struct{})
	n := start(t, func(cfg *devnet.Config) {
		cfg.Chaincode = devnet.Everywhere(&probe.Chaincode{Wait: slow})
		cfg.ExecuteTimeout = 50 * time.Millisecond
	})
	c := contractOf(t, n)
	_, err := c.SubmitTransaction("wait")
	requireEndorseError(t, err, codes.Aborted, "Org1MSP", "timeout expired while executing transaction")
	close(slow)
	submit(t, c, "put", "a", "1")
}

func TestAClientsDeadlineEndsAnEndorsement(t *testing.T) {
	slow := make(chan struct{})
	n := start(t, func(cfg *devnet.Config) { cfg.Chaincode = devnet.Everywhere(&probe.Chaincode{Wait: slow}) })
	defer close(slow)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := contractOf(t, n).SubmitWithContext(ctx, "wait")
	require.Equal(t, codes.DeadlineExceeded, status.Code(err))
}

func TestMoreThan500CallsAtOnceAreRefused(t *testing.T) {
	slow := make(chan struct{})
	n := start(t, func(cfg *devnet.Config) { cfg.Chaincode = devnet.Everywhere(&probe.Chaincode{Wait: slow}) })
	c := contractOf(t, n)
	refused := make(chan error, 520)
	var calls sync.WaitGroup
	for range 520 {
		calls.Go(func() {
			_, err := c.EvaluateTransaction("wait")
			if err != nil {
				refused <- err
			}
		})
	}
	for range 20 {
		err := <-refused
		require.Equal(t, codes.Unknown, status.Code(err))
		require.Contains(t, err.Error(), "too many requests for /gateway.Gateway, exceeding concurrency limit (500)")
	}
	close(slow)
	calls.Wait()
	require.Empty(t, refused)
}

func TestTransactionsAreGroupedIntoBlocks(t *testing.T) {
	n := start(t, func(cfg *devnet.Config) { cfg.BatchTimeout, cfg.MaxMessages = time.Minute, 3 })
	c := contractOf(t, n)
	var commits []*client.Commit
	for _, key := range []string{"a", "b", "c"} {
		commit, err := endorsed(t, c, "put", client.WithArguments(key, "1")).Submit()
		require.NoError(t, err)
		commits = append(commits, commit)
	}
	for _, commit := range commits {
		result, err := commit.Status()
		require.NoError(t, err)
		require.EqualValues(t, 1, result.BlockNumber, "cut by count, long before the time")
	}
}

func TestATransactionAboveTheLimitIsRefused(t *testing.T) {
	n := start(t, func(cfg *devnet.Config) { cfg.PreferredMaxBytes, cfg.AbsoluteMaxBytes = 1000, 10_000 })
	_, err := contractOf(t, n).SubmitTransaction("put", "a", string(make([]byte, 20_000)))
	var failed *client.SubmitError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, codes.Aborted, status.Code(err))
	require.Contains(t, err.Error(), "status=BAD_REQUEST, info=message payload is")
}

func TestADeletedKeyIsAPhantomInARange(t *testing.T) {
	c := contractOf(t, start(t))
	submit(t, c, "put", "r1", "1")
	counting := endorsed(t, c, "rangeput", client.WithArguments("r", "s", "count"))
	submit(t, c, "put", "r2", "2")
	require.Equal(t, peer.TxValidationCode_PHANTOM_READ_CONFLICT, outcome(t, counting))
	counting = endorsed(t, c, "rangeput", client.WithArguments("r", "s", "count"))
	submit(t, c, "del", "r1")
	require.Equal(t, peer.TxValidationCode_PHANTOM_READ_CONFLICT, outcome(t, counting))
	counting = endorsed(t, c, "rangeput", client.WithArguments("r", "s", "count"))
	submit(t, c, "put", "s", "outside")
	require.Equal(t, peer.TxValidationCode_VALID, outcome(t, counting))
	require.Equal(t, "1", evaluate(t, c, "get", "count"))
}
