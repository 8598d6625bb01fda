// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/audit/fabric"
	"github.com/anchorline/anchorline/audit/trust"
	"github.com/anchorline/anchorline/internal/testnet"
	"github.com/anchorline/anchorline/ledger"
)

func TestABlockIsFetchedByItsNumberAndByATransactionInIt(t *testing.T) {
	n := testnet.Start(t)
	c, ctx := n.Connect("Org1MSP", "Admin"), t.Context()
	_, commit, err := c.Transact(ctx, "roles:Grant", `{"role":"auditor","unit":"client"}`)
	require.NoError(t, err)
	byTx, err := c.BlockOf(ctx, commit.TxID)
	require.NoError(t, err)
	byNumber, err := c.Block(ctx, commit.Block)
	require.NoError(t, err)
	b := &common.Block{}
	require.NoError(t, proto.Unmarshal(byTx, b))
	require.Equal(t, commit.Block, b.GetHeader().GetNumber())
	other := &common.Block{}
	require.NoError(t, proto.Unmarshal(byNumber, other))
	require.True(t, proto.Equal(b, other))

	block, index, err := c.Locate(ctx, commit.TxID)
	require.NoError(t, err)
	require.Equal(t, commit.Block, block)
	trimmed, err := fabric.Trim(byTx)
	require.NoError(t, err)
	parsed, err := fabric.ParseBlock(trimmed)
	require.NoError(t, err)
	require.Equal(t, commit.TxID, parsed.Entries[index].ID)

	_, err = c.Block(ctx, commit.Block+1000)
	require.ErrorIs(t, err, ledger.ErrNotFound)
	_, err = c.BlockOf(ctx, "00")
	require.ErrorIs(t, err, ledger.ErrNotFound)
	_, _, err = c.Locate(ctx, "00")
	require.ErrorIs(t, err, ledger.ErrNotFound)
}

func TestTheConfigurationInForceIsFetched(t *testing.T) {
	n := testnet.Start(t)
	c := n.Connect("Org2MSP", "User1")
	block, err := c.ConfigBlock(t.Context())
	require.NoError(t, err)
	p := c.Profile()
	pinned, err := trust.FromConfigBlock(block, p.Channel+"/"+p.Chaincode, 0)
	require.NoError(t, err)
	require.Len(t, pinned.Organisations, 2)
	require.Equal(t, "peer", pinned.Organisations[1].Unit)
}

func TestAnAnswerIsSignedByTheNamedOrganisationsAndNothingIsWritten(t *testing.T) {
	n := testnet.Start(t)
	c, ctx := n.Connect("Org1MSP", "User1"), t.Context()
	block, err := c.ConfigBlock(ctx)
	require.NoError(t, err)
	pinned, err := trust.FromConfigBlock(block, c.Profile().Channel+"/"+c.Profile().Chaincode, 0)
	require.NoError(t, err)
	v, err := trust.NewVerifier(pinned)
	require.NoError(t, err)
	want, err := c.Evaluate(ctx, "consortium:Get")
	require.NoError(t, err)
	height, err := c.Height(ctx)
	require.NoError(t, err)
	for _, organisations := range [][]string{{"Org1MSP"}, {"Org2MSP"}, {"Org1MSP", "Org2MSP"}} {
		envelope, result, err := c.EndorseOnly(ctx, organisations, "consortium:Get")
		require.NoError(t, err)
		require.Equal(t, string(want), string(result))
		tx, err := fabric.ParseTransaction(envelope)
		require.NoError(t, err)
		require.False(t, tx.Signed(), "no orderer takes it")
		require.Equal(t, "consortium:Get", tx.Function)
		require.Equal(t, result, tx.Response)
		vouching, faults := tx.VerifyEndorsements(v)
		require.Empty(t, faults)
		require.Equal(t, organisations, vouching)
	}
	after, err := c.Height(ctx)
	require.NoError(t, err)
	require.Equal(t, height, after)
}

func TestAnAnswerThatCannotBeHadSaysWhy(t *testing.T) {
	n := testnet.Start(t)
	c, ctx := n.Connect("Org1MSP", "User1"), t.Context()
	_, _, err := c.EndorseOnly(ctx, nil, "consortium:Get")
	require.ErrorIs(t, err, ledger.ErrConfig)
	_, _, err = c.EndorseOnly(ctx, []string{"Org1MSP"}, "devices:Get", "Org1MSP/nobody")
	require.ErrorIs(t, err, ledger.ErrNotFound)
	_, _, err = c.EndorseOnly(ctx, []string{"Org9MSP"}, "consortium:Get")
	require.ErrorIs(t, err, ledger.ErrUnavailable)
	require.ErrorContains(t, err, "Org9MSP")
	over, cancel := context.WithCancel(ctx)
	cancel()
	_, _, err = c.EndorseOnly(over, []string{"Org1MSP"}, "consortium:Get")
	require.ErrorIs(t, err, ledger.ErrUnavailable)
	_, err = c.ConfigBlock(over)
	require.ErrorIs(t, err, ledger.ErrUnavailable)
}

func TestAPeerThatDeniesOrIsAwayIsNotTakenForAnEmptyLedger(t *testing.T) {
	for kind, said := range map[error]error{
		ledger.ErrDenied:      refusal(codes.Unknown, "evaluate call to endorser returned error", "access denied for [GetBlockByTxID][ch]"),
		ledger.ErrUnavailable: refusal(codes.Unavailable, "connection refused"),
	} {
		c := connect(t, serve(t, &peerless{fail: map[string][]error{"evaluate": {said}}}))
		_, _, err := c.Locate(t.Context(), "00")
		require.ErrorIs(t, err, kind)
	}
	// A peer that answers with something else than a block is found out.
	c := connect(t, serve(t, &peerless{}))
	_, _, err := c.Locate(t.Context(), "00")
	require.ErrorIs(t, err, ledger.ErrChaincode)
}

func TestPeersThatAreNotOfOneMindAreAskedAgainLater(t *testing.T) {
	lagging := refusal(codes.Aborted, "failed to collect enough transaction endorsements", "ProposalResponsePayloads do not match")
	c := connect(t, serve(t, &peerless{fail: map[string][]error{"endorse": {lagging, nil}}}))
	_, _, err := c.EndorseOnly(t.Context(), []string{"Org1MSP", "Org2MSP"}, "consortium:Get")
	require.ErrorIs(t, err, ledger.ErrUnavailable)
	require.True(t, ledger.Passing(err))
	_, result, err := c.EndorseOnly(t.Context(), []string{"Org1MSP", "Org2MSP"}, "consortium:Get")
	require.NoError(t, err)
	require.Equal(t, "endorsed", string(result))
}

// BenchmarkAnAnswerSignedByTwoOrganisations measures whole round trips one after the other; with
// -fabric on a real network.
func BenchmarkAnAnswerSignedByTwoOrganisations(b *testing.B) {
	c := testnet.Start(b).Connect("Org1MSP", "User1")
	measure(b, func() []byte {
		envelope, _, err := c.EndorseOnly(b.Context(), []string{"Org1MSP", "Org2MSP"}, "consortium:Get")
		require.NoError(b, err)
		return envelope
	})
}

// BenchmarkTheBlockOfATransaction is the same for a block of one transaction.
func BenchmarkTheBlockOfATransaction(b *testing.B) {
	c := testnet.Start(b).Connect("Org1MSP", "Admin")
	_, commit, err := c.Transact(b.Context(), "roles:Grant", `{"role":"auditor","unit":"client"}`)
	require.NoError(b, err)
	measure(b, func() []byte {
		block, err := c.BlockOf(b.Context(), commit.TxID)
		require.NoError(b, err)
		return block
	})
}

// measure reports the size of an answer, and the median and the slowest hundredth of the times.
func measure(b *testing.B, call func() []byte) {
	call()
	var size int
	var times []time.Duration
	for b.Loop() {
		began := time.Now()
		size = len(call())
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	b.ReportMetric(float64(size), "bytes")
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "µs-median")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "µs-p99")
}
