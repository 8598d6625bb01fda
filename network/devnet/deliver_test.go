// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
)

func next[T any](t *testing.T, events <-chan T) T {
	t.Helper()
	select {
	case event, open := <-events:
		require.True(t, open, "the stream ended")
		return event
	case <-t.Context().Done():
		require.Fail(t, "the test ended")
		panic("unreachable")
	}
}

func TestChaincodeEventsArriveInOrderFromAnyBlock(t *testing.T) {
	n := start(t)
	p := n.Profile("Org1MSP", "User1")
	network := connect(t, p).GetNetwork(p.Channel)
	c := network.GetContract(p.Chaincode)
	live, err := network.ChaincodeEvents(t.Context(), p.Chaincode, client.WithStartBlock(n.Height()))
	require.NoError(t, err)
	for i := range 3 {
		submit(t, c, "event", "tick", fmt.Sprint(i))
		submit(t, c, "put", "quiet", fmt.Sprint(i))
	}
	var third *client.ChaincodeEvent
	old, err := network.ChaincodeEvents(t.Context(), p.Chaincode, client.WithStartBlock(0))
	require.NoError(t, err)
	for i := range 3 {
		event := next(t, old)
		require.Equal(t, "tick", event.EventName)
		require.Equal(t, p.Chaincode, event.ChaincodeName)
		require.Equal(t, fmt.Sprint(i), string(event.Payload))
		if i == 1 {
			third = event
		}
	}
	resumed, err := network.ChaincodeEvents(t.Context(), p.Chaincode, client.WithStartBlock(third.BlockNumber), client.WithCheckpoint(checkpoint(third)))
	require.NoError(t, err)
	require.Equal(t, "2", string(next(t, resumed).Payload), "after the transaction that was seen last")
	for i := range 3 {
		require.Equal(t, fmt.Sprint(i), string(next(t, live).Payload))
	}
}

func checkpoint(event *client.ChaincodeEvent) client.Checkpoint {
	c := &client.InMemoryCheckpointer{}
	c.CheckpointChaincodeEvent(event)
	return c
}

func TestEventsOfInvalidTransactionsAreNotTold(t *testing.T) {
	n := start(t)
	p := n.Profile("Org1MSP", "User1")
	network := connect(t, p).GetNetwork(p.Channel)
	c := network.GetContract(p.Chaincode)
	_, err := c.Submit("event", client.WithArguments("bad", "1"), client.WithEndorsingOrganizations("Org1MSP"))
	require.Error(t, err)
	submit(t, c, "event", "good", "2")
	events, err := network.ChaincodeEvents(t.Context(), p.Chaincode, client.WithStartBlock(0))
	require.NoError(t, err)
	require.Equal(t, "good", next(t, events).EventName)
}

func TestBlocksAreDeliveredWholeAndFiltered(t *testing.T) {
	n := start(t)
	p := n.Profile("Org2MSP", "User1")
	network := connect(t, p).GetNetwork(p.Channel)
	c := network.GetContract(p.Chaincode)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	whole, err := network.BlockEvents(ctx, client.WithStartBlock(0))
	require.NoError(t, err)
	filtered, err := network.FilteredBlockEvents(ctx, client.WithStartBlock(0))
	require.NoError(t, err)
	private, err := network.BlockAndPrivateDataEvents(ctx, client.WithStartBlock(1))
	require.NoError(t, err)
	tx := endorsed(t, c, "event", client.WithArguments("tick", "secret"))
	require.Equal(t, peer.TxValidationCode_VALID, outcome(t, tx))

	require.EqualValues(t, 0, next(t, whole).GetHeader().GetNumber())
	require.Equal(t, []peer.TxValidationCode{peer.TxValidationCode_VALID}, flags(next(t, whole)))
	require.EqualValues(t, 1, next(t, private).GetBlock().GetHeader().GetNumber())
	genesis := next(t, filtered)
	require.Equal(t, common.HeaderType_CONFIG, genesis.GetFilteredTransactions()[0].GetType())
	first := next(t, filtered)
	require.Equal(t, p.Channel, first.GetChannelId())
	require.Len(t, first.GetFilteredTransactions(), 1)
	told := first.GetFilteredTransactions()[0]
	require.Equal(t, tx.TransactionID(), told.GetTxid())
	event := told.GetTransactionActions().GetChaincodeActions()[0].GetChaincodeEvent()
	require.Equal(t, "tick", event.GetEventName())
	require.Empty(t, event.GetPayload(), "a filtered block has no payloads")
}

func TestABlockListenerResumesWhereItStopped(t *testing.T) {
	n := start(t)
	p := n.Profile("Org1MSP", "User1")
	network := connect(t, p).GetNetwork(p.Channel)
	c := network.GetContract(p.Chaincode)
	first, cancel := context.WithCancel(t.Context())
	defer cancel()
	live, err := network.BlockEvents(first) // from the next block on
	require.NoError(t, err)
	seen := &client.InMemoryCheckpointer{}
	submitUntil(t, c, live) // the stream is open from here on
	stopped := n.Height() - 1
	seen.CheckpointBlock(stopped)
	cancel()
	for range live {
	}
	for i := range 3 {
		submit(t, c, "put", "a", fmt.Sprint(i))
	}
	blocks, err := network.BlockEvents(t.Context(), client.WithCheckpoint(seen))
	require.NoError(t, err)
	filtered, err := network.FilteredBlockEvents(t.Context(), client.WithCheckpoint(seen))
	require.NoError(t, err)
	for i := range uint64(3) {
		require.Equal(t, stopped+1+i, next(t, blocks).GetHeader().GetNumber())
		require.Equal(t, stopped+1+i, next(t, filtered).GetNumber())
	}
}

// submitUntil submits until a listener that began with the next block has seen one.
func submitUntil(t *testing.T, c *client.Contract, blocks <-chan *common.Block) {
	t.Helper()
	for {
		submit(t, c, "put", "a", "x")
		select {
		case <-blocks:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}
