// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/anchorline/anchorline/network/devnet/internal/probe"
)

func list(t *testing.T, text string) []string {
	t.Helper()
	var found []string
	require.NoError(t, json.Unmarshal([]byte(text), &found))
	return found
}

func TestATransactionDoesNotReadItsOwnWrites(t *testing.T) {
	c := contractOf(t, start(t))
	submit(t, c, "add", "sum", "1")
	submit(t, c, "add", "sum", "1")
	require.Equal(t, "2", evaluate(t, c, "get", "sum"))
	submit(t, c, "del", "sum")
	require.Empty(t, evaluate(t, c, "get", "sum"))
}

func TestRangesAreInOrderAndOfAnySize(t *testing.T) {
	c := contractOf(t, start(t))
	submit(t, c, "batch", "k", "257")
	submit(t, c, "put", "l", "x")
	for _, r := range []struct {
		start, end string
		count      int
	}{{"", "", 258}, {"k", "l", 257}, {"k00010", "k00013", 3}, {"x", "", 0}, {"k00256", "", 2}} {
		found := list(t, evaluate(t, c, "range", r.start, r.end))
		require.Len(t, found, r.count, "%q to %q", r.start, r.end)
		require.IsIncreasing(t, append(found, "~"))
	}
}

func TestALargeRangeIsCheckedForPhantomsByItsHashes(t *testing.T) {
	c := contractOf(t, start(t))
	submit(t, c, "batch", "k", "260") // above Fabric's 50 results, and above 50 leaves of 51
	counting := endorsed(t, c, "rangeput", client.WithArguments("k", "l", "count"))
	require.Equal(t, peer.TxValidationCode_VALID, outcome(t, counting))
	counting = endorsed(t, c, "rangeput", client.WithArguments("k", "l", "count"))
	submit(t, c, "put", "k00200", "changed")
	require.Equal(t, peer.TxValidationCode_PHANTOM_READ_CONFLICT, outcome(t, counting))
}

func TestPagesCoverARangeExactly(t *testing.T) {
	c := contractOf(t, start(t))
	submit(t, c, "batch", "k", "25")
	var all []string
	bookmark, pages := "", 0
	for {
		var page struct {
			Found    []string
			Bookmark string
			Count    int
		}
		require.NoError(t, json.Unmarshal([]byte(evaluate(t, c, "page", "k", "l", "10", bookmark)), &page))
		require.Len(t, page.Found, page.Count)
		all = append(all, page.Found...)
		pages++
		if bookmark = page.Bookmark; bookmark == "" {
			break
		}
	}
	require.Equal(t, 3, pages)
	require.Len(t, all, 25)
	_, err := c.SubmitTransaction("page", "k", "l", "10", "", "written")
	requireEndorseError(t, err, codes.Aborted, "Org1MSP", "Transaction has already performed a paginated query. Writes are not allowed")
}

func TestCompositeKeysAreFoundByTheirFirstParts(t *testing.T) {
	c := contractOf(t, start(t))
	for _, key := range [][]string{{"device", "a", "1"}, {"device", "a", "2"}, {"device", "b", "1"}, {"devices", "a", "9"}} {
		submit(t, c, "putat", key...)
	}
	require.Equal(t, []string{"a/1", "a/2"}, list(t, evaluate(t, c, "parts", "device", "a")))
	require.Len(t, list(t, evaluate(t, c, "parts", "device")), 3)
	require.Empty(t, list(t, evaluate(t, c, "range", "", "")), "composite keys are not in plain ranges")
}

func TestHistoryTellsEveryValueNewestFirst(t *testing.T) {
	n := start(t)
	c := contractOf(t, n)
	for _, value := range []string{"1", "2"} {
		submit(t, c, "put", "a", value)
	}
	submit(t, c, "del", "a")
	_, err := c.Submit("put", client.WithArguments("a", "9"), client.WithEndorsingOrganizations("Org1MSP"))
	require.Error(t, err, "invalid: not in the history")
	submit(t, c, "put", "a", "3")
	submit(t, c, "put", "aa", "other")
	var values []string
	for _, line := range list(t, evaluate(t, c, "history", "a")) {
		fields := strings.Split(line, " ")
		require.Len(t, fields[0], 64)
		values = append(values, fields[1]+" "+fields[2])
	}
	require.Equal(t, []string{"3 false", " true", "2 false", "1 false"}, values)
}

func TestManyKeysAreReadAtOnce(t *testing.T) {
	c := contractOf(t, start(t))
	submit(t, c, "batch", "k", "150")
	keys := []string{"absent"}
	for i := range 150 {
		keys = append(keys, fmt.Sprintf("k%05d", i))
	}
	found := list(t, evaluate(t, c, "multi", keys...))
	require.Len(t, found, 151)
	require.Equal(t, []string{"", "0", "1"}, found[:3])
	require.Equal(t, "149", found[150])
}

func TestTheTransactionsTimeIsTheClients(t *testing.T) {
	c := contractOf(t, start(t))
	at, err := time.Parse(time.RFC3339, evaluate(t, c, "time"))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, time.Minute)
}

func TestWhatIsNotSupportedIsRefused(t *testing.T) {
	c := contractOf(t, start(t))
	for function, text := range map[string]string{
		"private": "collection", "rich": "ExecuteQuery not supported for leveldb", "call": "chaincode put not found",
	} {
		_, err := c.SubmitTransaction(function, "put", "other")
		requireEndorseError(t, err, codes.Aborted, "Org1MSP", text)
	}
}

func TestAKeysPolicyReplacesTheChaincodes(t *testing.T) {
	c := contractOf(t, start(t))
	submit(t, c, "put", "a", "1")
	require.Empty(t, evaluate(t, c, "getpolicy", "a"))
	submit(t, c, "policy", "a", "Org1MSP")
	require.Equal(t, string(probe.KeyPolicy("Org1MSP")), evaluate(t, c, "getpolicy", "a"))

	one := []client.ProposalOption{client.WithArguments("a", "2"), client.WithEndorsingOrganizations("Org1MSP")}
	_, err := c.Submit("put", one...)
	require.NoError(t, err, "the owner alone now suffices")
	require.Len(t, endorsers(t, endorsed(t, c, "put", client.WithArguments("a", "3"))), 1, "the gateway asks no more than needed")
	require.Len(t, endorsers(t, endorsed(t, c, "put", client.WithArguments("b", "3"))), 2)

	_, err = c.Submit("put", client.WithArguments("a", "4"), client.WithEndorsingOrganizations("Org2MSP"))
	requireCommitError(t, err, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE)
	_, err = c.Submit("policy", client.WithArguments("a", "Org2MSP"), client.WithEndorsingOrganizations("Org2MSP"))
	requireCommitError(t, err, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE)
	submit(t, c, "policy", "a", "Org1MSP", "Org2MSP")
	_, err = c.Submit("put", one...)
	requireCommitError(t, err, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE)
	require.Equal(t, "2", evaluate(t, c, "get", "a"))
}

func TestAfterAPolicyChangeTheSameBlockTakesNoWriteOfTheKey(t *testing.T) {
	c := contractOf(t, start(t))
	submit(t, c, "put", "a", "1")
	change := endorsed(t, c, "policy", client.WithArguments("a", "Org1MSP"))
	write := endorsed(t, c, "put", client.WithArguments("a", "2"))
	first, err := change.Submit()
	require.NoError(t, err)
	second, err := write.Submit()
	require.NoError(t, err)
	one, err := first.Status()
	require.NoError(t, err)
	two, err := second.Status()
	require.NoError(t, err)
	require.Equal(t, peer.TxValidationCode_VALID, one.Code)
	require.Equal(t, one.BlockNumber, two.BlockNumber, "both in one block, or this test shows nothing")
	require.Equal(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, two.Code)
}

func TestDeletingAKeyForgetsItsPolicy(t *testing.T) {
	c := contractOf(t, start(t))
	submit(t, c, "put", "a", "1")
	submit(t, c, "policy", "a", "Org1MSP")
	submit(t, c, "del", "a")
	submit(t, c, "put", "a", "2")
	require.Empty(t, evaluate(t, c, "getpolicy", "a"))
	submit(t, c, "policy", "absent", "Org1MSP")
	require.Empty(t, evaluate(t, c, "getpolicy", "absent"), "metadata of a key that does not exist is ignored")
}
