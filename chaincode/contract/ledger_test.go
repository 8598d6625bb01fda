// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/contract"
	"github.com/anchorline/anchorline/chaincode/internal/ledgertest"
	"github.com/anchorline/anchorline/chaincode/record"
)

func TestEveryInstanceWritesTheSameBytes(t *testing.T) {
	w := newWorld(t)
	w.agree()
	var many []object
	for i := range 20 {
		request := w.registration(fmt.Sprint("pump-", i), "Org1MSP", newSigner(t, "ES256"))
		attributes := object{}
		for j := range record.MaxAttributes {
			attributes[fmt.Sprint("a", j)] = fmt.Sprint("v", i*j)
		}
		many = append(many, request.with("attributes", attributes))
	}
	p := w.ledger.Propose(w.cc, w.admin1, "devices:RegisterMany", text(t, object{"devices": many}))
	require.Empty(t, p.Response.GetMessage())
	for range fewer(20, 3) {
		fresh, err := contract.New(contract.LocalMSP("Org1MSP"))
		require.NoError(t, err)
		w.sameAgain(fresh, p)
	}
}

// together proposes calls at the same time on the same state and commits them one by one.
func (w *world) together(calls []func() ledgertest.Proposal) []peer.TxValidationCode {
	proposals := make([]ledgertest.Proposal, len(calls))
	var all sync.WaitGroup
	for i, call := range calls {
		all.Go(func() { proposals[i] = call() })
	}
	all.Wait()
	var codes []peer.TxValidationCode
	for _, p := range proposals {
		require.Empty(w.t, p.Response.GetMessage())
		codes = append(codes, w.ledger.Commit(p, w.ledger.Organisations...))
	}
	return slices.Compact(codes)
}

func TestDevicesRegisteredAtTheSameTimeDoNotConflict(t *testing.T) {
	w := newWorld(t)
	w.agree()
	var calls []func() ledgertest.Proposal
	for i := range 40 {
		request := text(t, w.registration(fmt.Sprint("pump-", i), "Org1MSP", newSigner(t, "EdDSA")))
		calls = append(calls, func() ledgertest.Proposal {
			return w.ledger.Propose(w.cc, w.admin1, "devices:Register", request)
		})
	}
	require.Equal(t, []peer.TxValidationCode{peer.TxValidationCode_VALID}, w.together(calls))
	require.Len(t, w.list(object{}), 40)
}

func TestStreamsAnchoredAtTheSameTimeDoNotConflict(t *testing.T) {
	w := newWorld(t)
	w.agree()
	var calls []func() ledgertest.Proposal
	for i := range 20 {
		stream := fmt.Sprint("bridge-", i)
		w.stream(w.bridge1, stream)
		a := canonical(t, anchor(stream, 1, record.ZeroHash))
		calls = append(calls, func() ledgertest.Proposal { return w.ledger.Propose(w.cc, w.bridge1, "anchors:Anchor", a) })
	}
	require.Equal(t, []peer.TxValidationCode{peer.TxValidationCode_VALID}, w.together(calls))
}

func TestTwoAnchorsOfOneNumberAtTheSameTimeCannotBothCommit(t *testing.T) {
	w := newWorld(t)
	w.stream(w.bridge1, "bridge-1")
	one, other := anchor("bridge-1", 1, record.ZeroHash), anchor("bridge-1", 1, record.ZeroHash)
	other.Gaps = 1
	var calls []func() ledgertest.Proposal
	for _, a := range []record.Anchor{one, other} {
		calls = append(calls, func() ledgertest.Proposal {
			return w.ledger.Propose(w.cc, w.bridge1, "anchors:Anchor", canonical(t, a))
		})
	}
	require.Equal(t, []peer.TxValidationCode{peer.TxValidationCode_VALID, peer.TxValidationCode_MVCC_READ_CONFLICT}, w.together(calls))
}

func TestAHundredThousandDevicesAreListedInLinearTimeAndSmallMessages(t *testing.T) {
	inMemory(t, "it starts from a state that no transaction writes")
	const page = 1000
	w := newWorld(t)
	d := decode[record.Device](t, w.submit(w.admin1, "devices:Register", w.registration("device", "Org1MSP", newSigner(t, "EdDSA"))))
	for i := range fleet - 1 {
		d.ID = fmt.Sprintf("device-%06d", i)
		data, err := record.Encode(d)
		require.NoError(t, err)
		w.ledger.Load(record.DeviceKey(d.Name()), data)
		w.ledger.Load(record.CompositeKey(record.DeviceTypeIndex, d.DeviceType, d.Owner, d.ID), []byte(`{"type":"index","version":1}`))
	}
	filter := object{"owner": "Org1MSP", "type": d.DeviceType, "pageSize": page}
	seen, largest, reads, pages := 0, 0, 0, 0
	for bookmark := ""; ; {
		p := w.ledger.Propose(w.cc, w.admin2, "devices:List", text(t, filter.with("bookmark", bookmark)))
		require.Empty(t, p.Response.GetMessage())
		largest = max(largest, len(p.Response.GetPayload()))
		reads += p.Stub.Rows()
		var list struct {
			Devices  []struct{}
			Bookmark string
		}
		require.NoError(t, json.Unmarshal(p.Response.GetPayload(), &list))
		seen, pages = seen+len(list.Devices), pages+1
		if bookmark = list.Bookmark; bookmark == "" {
			break
		}
	}
	require.Equal(t, fleet, seen)
	require.Equal(t, fleet/page, pages)
	require.Less(t, largest, 4<<20, "the largest message that a gRPC client accepts by default")
	require.LessOrEqual(t, reads, 3*fleet, "each row is read once with its stop, by an index once more")
}

func TestAPageThatWouldNotFitIsRefusedWithAdvice(t *testing.T) {
	inMemory(t, "it starts from a state that no transaction writes")
	w := newWorld(t)
	d := decode[record.Device](t, w.submit(w.admin1, "devices:Register", w.registration("device", "Org1MSP", newSigner(t, "EdDSA"))))
	for range record.MaxKeys - 1 {
		d.Keys = append(d.Keys, d.Keys[0])
	}
	for i := range 200 {
		d.ID = fmt.Sprintf("device-%06d", i)
		data, err := record.Encode(d)
		require.NoError(t, err)
		w.ledger.Load(record.DeviceKey(d.Name()), data)
	}
	require.Equal(t, "pageSize", w.refusal(record.TooLarge, w.admin1, "devices:List", object{"pageSize": 1000}).Field)
	w.query(w.admin1, "devices:List", object{"pageSize": 20})
}

func TestARecordOfANewerChaincodeIsNotMisread(t *testing.T) {
	inMemory(t, "it starts from a state that no transaction writes")
	w := newWorld(t)
	w.ledger.Load(record.DeviceKey(our("pump-1")), []byte(`{"id":"pump-1","new":"field","type":"device","version":2}`))
	require.Contains(t, w.refused(record.Internal, w.admin1, "devices:Get", "Org1MSP/pump-1"), "schema version 2")
	w.ledger.Load(record.DeviceKey(our("pump-2")), []byte(`garbage`))
	w.refused(record.Internal, w.admin1, "devices:Get", "Org1MSP/pump-2")
}

// broken is a stub of which nothing works.
type broken struct{ shim.ChaincodeStubInterface }

func (broken) GetTxID() string   { return "tx" }
func (broken) GetArgs() [][]byte { return [][]byte{[]byte("roles:WhoAmI")} }

func TestAPanicBecomesAnError(t *testing.T) {
	inMemory(t, "it breaks the stub")
	w := newWorld(t)
	for _, invoke := range []func(shim.ChaincodeStubInterface) *peer.Response{w.cc.Invoke, w.cc.Init} {
		response := invoke(broken{})
		require.Equal(t, int32(shim.ERROR), response.GetStatus())
		e, coded := record.ParseError(response.GetMessage())
		require.True(t, coded)
		require.Equal(t, record.Internal, e.Code)
		require.NotContains(t, e.Message, "nil pointer", "the cause is for the log")
	}
}

func TestEveryDeclaredFunctionExistsAndNothingElse(t *testing.T) {
	w := newWorld(t)
	for _, f := range contract.Functions() {
		args := []string{f.Name()}
		for range f.Parameters {
			args = append(args, "")
		}
		message := w.ledger.Propose(w.cc, w.admin1, args...).Response.GetMessage()
		require.NotContains(t, message, "not found in contract", f.Name())
		require.NotContains(t, message, "incorrect number", f.Name())
		w.refused(record.InvalidArgument, w.admin1, f.Name(), "", "", "", "", "")
	}
	w.refused(record.InvalidArgument, w.admin1, "devices:GetName")
	w.refused(record.InvalidArgument, w.admin1, "devices:register", object{})
	w.refused(record.InvalidArgument, w.admin1, "")
}
