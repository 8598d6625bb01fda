// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
)

func TestAnchorsFormAnUnbrokenChain(t *testing.T) {
	w := newWorld(t)
	w.stream(w.bridge1, "bridge-1")
	head := decode[record.Head](t, w.query(w.admin2, "anchors:Head", "Org1MSP/bridge-1"))
	require.Equal(t, uint64(0), head.Number)
	require.Equal(t, record.ZeroHash, head.Hash)

	previous := record.ZeroHash
	for number := uint64(1); number <= 3; number++ {
		a := anchor("bridge-1", number, previous)
		now := w.ledger.Now()
		p, _ := w.ledger.Submit(w.cc, w.bridge1, "anchors:Anchor", canonical(t, a))
		require.Empty(t, p.Response.GetMessage())
		entry := decode[record.AnchorEntry](t, string(p.Response.GetPayload()))
		require.Equal(t, record.AnchorEntry{
			Type: record.AnchorEntryType, Version: record.Version, Anchor: a, Hash: hashOf(t, a),
			TxID: p.Stub.GetTxID(), LedgerTime: now, Creator: "Org1MSP",
		}, entry)
		require.Equal(t, string(p.Response.GetPayload()), w.query(w.admin2, "anchors:Get", "Org1MSP/bridge-1", text(t, number)))
		previous = hashOf(t, a)
	}
	head = decode[record.Head](t, w.query(w.admin2, "anchors:Head", "Org1MSP/bridge-1"))
	require.Equal(t, uint64(3), head.Number)
	require.Equal(t, previous, head.Hash)
}

func TestTheSameAnchorAgainSucceedsWithTheStoredEntry(t *testing.T) {
	w := newWorld(t)
	w.stream(w.bridge1, "bridge-1")
	first := anchor("bridge-1", 1, record.ZeroHash)
	entry := w.submit(w.bridge1, "anchors:Anchor", canonical(t, first))
	w.submit(w.bridge1, "anchors:Anchor", canonical(t, anchor("bridge-1", 2, hashOf(t, first))))
	p := w.ledger.Propose(w.cc, w.bridge1, "anchors:Anchor", canonical(t, first))
	require.Equal(t, entry, string(p.Response.GetPayload()))
	require.Empty(t, p.Stub.Writes)
	require.Empty(t, p.Stub.EventName)
}

func TestAnotherAnchorUnderTheSameNumberIsEquivocation(t *testing.T) {
	w := newWorld(t)
	w.stream(w.bridge1, "bridge-1")
	a := anchor("bridge-1", 1, record.ZeroHash)
	w.submit(w.bridge1, "anchors:Anchor", canonical(t, a))
	a.Root = strings.Repeat("6", 64)
	w.refused(record.Equivocation, w.bridge1, "anchors:Anchor", canonical(t, a))
}

func TestAnAnchorOutOfTurnIsRefusedWithWhatIsExpected(t *testing.T) {
	w := newWorld(t)
	w.stream(w.bridge1, "bridge-1")
	first := anchor("bridge-1", 1, record.ZeroHash)
	w.submit(w.bridge1, "anchors:Anchor", canonical(t, first))
	for _, bad := range []record.Anchor{anchor("bridge-1", 3, hashOf(t, first)), anchor("bridge-1", 2, record.ZeroHash)} {
		message := w.refused(record.Conflict, w.bridge1, "anchors:Anchor", canonical(t, bad))
		require.Contains(t, message, "expects number 2 with previous "+hashOf(t, first))
	}
}

func TestOnlyTheBridgeThatOpenedAStreamWritesIt(t *testing.T) {
	w := newWorld(t)
	w.stream(w.bridge1, "bridge-1")
	a := canonical(t, anchor("bridge-1", 1, record.ZeroHash))
	w.refused(record.Forbidden, w.admin2, "anchors:Anchor", a)
	w.refused(record.Forbidden, w.org1.Member(t, "other", []string{"client", "bridges"}, nil), "anchors:Anchor", a)
	// The same subject of the same CA is the same identity, also with a renewed certificate.
	w.submit(w.org1.Member(t, "bridge", []string{"client", "bridges"}, nil), "anchors:Anchor", a)
}

func TestAStreamOpensOnce(t *testing.T) {
	w := newWorld(t)
	signer := w.stream(w.bridge1, "bridge-1")
	request := object{
		"id": "bridge-1", "key": signer.Key().Text(),
		"proof": streamPossession(t, signer, "bridge-1", "Org1MSP", w.ledger.Channel),
	}
	p := w.ledger.Propose(w.cc, w.bridge1, "anchors:OpenStream", text(t, request))
	require.Equal(t, w.query(w.admin1, "anchors:GetStream", "Org1MSP/bridge-1"), string(p.Response.GetPayload()))
	require.Empty(t, p.Stub.Writes)

	other := newSigner(t, "EdDSA")
	w.refused(record.AlreadyExists, w.bridge1, "anchors:OpenStream", object{
		"id": "bridge-1", "key": other.Key().Text(),
		"proof": streamPossession(t, other, "bridge-1", "Org1MSP", w.ledger.Channel),
	})
	w.submit(w.admin1, "roles:Grant", object{"role": "bridge", "unit": "admin"})
	w.refused(record.AlreadyExists, w.admin1, "anchors:OpenStream", request)
	w.refused(record.InvalidArgument, w.bridge1, "anchors:OpenStream", request.with("id", "bridge-2"))
}

func TestAStreamIsListedInRuns(t *testing.T) {
	w := newWorld(t)
	w.stream(w.bridge1, "bridge-1")
	previous := record.ZeroHash
	for number := uint64(1); number <= 5; number++ {
		a := anchor("bridge-1", number, previous)
		w.submit(w.bridge1, "anchors:Anchor", canonical(t, a))
		previous = hashOf(t, a)
	}
	type list struct {
		Anchors []record.AnchorEntry `json:"anchors"`
		Next    uint64               `json:"next"`
	}
	var numbers []uint64
	for from := uint64(1); from != 0; {
		page := decode[list](t, w.query(w.admin2, "anchors:List", object{"stream": "Org1MSP/bridge-1", "from": from, "pageSize": 2}))
		for _, entry := range page.Anchors {
			numbers = append(numbers, entry.Anchor.Number)
		}
		from = page.Next
	}
	require.Equal(t, []uint64{1, 2, 3, 4, 5}, numbers)
	beyond := decode[list](t, w.query(w.admin2, "anchors:List", object{"stream": "Org1MSP/bridge-1", "from": 9}))
	require.Empty(t, beyond.Anchors)
	require.Zero(t, beyond.Next)
}

func TestWhatAStreamDoesNotHaveIsNotFound(t *testing.T) {
	w := newWorld(t)
	for _, call := range [][]any{
		{"anchors:GetStream", "Org1MSP/bridge-1"}, {"anchors:Head", "Org1MSP/bridge-1"}, {"anchors:Get", "Org1MSP/bridge-1", "1"},
		{"anchors:List", object{"stream": "Org1MSP/bridge-1"}},
		{"anchors:Anchor", canonical(t, anchor("bridge-1", 1, record.ZeroHash))},
	} {
		w.refused(record.NotFound, w.bridge1, call[0].(string), call[1:]...)
	}
	for _, number := range []string{"", "-1", "01", "1.0", "x", "9007199254740992"} {
		w.refused(record.InvalidArgument, w.bridge1, "anchors:Get", "Org1MSP/bridge-1", number)
	}
}
