// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"
	"maps"
	"slices"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
)

// transaction is what one invocation knows and may do: the caller, the clock, and the state by
// typed records instead of bytes. It belongs to one invocation and is not shared.
type transaction struct {
	stub shim.ChaincodeStubInterface
	// instance is the chaincode that runs the transaction.
	instance *Chaincode
	caller   caller
	channel  string
	// now is the transaction's timestamp in milliseconds: a claim of its client.
	now int64
	// present remembers which of the keys that were read exist.
	present map[string]bool
	// terms are the consortium's terms, nil when there are none; termsRead says they were read.
	terms     *record.Terms
	termsRead bool
}

// begin reads the caller and the clock of an invocation.
func begin(ctx contractapi.TransactionContextInterface) (*transaction, error) {
	stub, ok := ctx.GetStub().(invocation)
	if !ok {
		return nil, record.Errorf(record.Internal, "the transaction was not begun by the chaincode")
	}
	who, err := readCaller(stub)
	if err != nil {
		return nil, err
	}
	timestamp, err := stub.GetTxTimestamp()
	if err != nil {
		return nil, record.Errorf(record.InvalidArgument, "the proposal has no timestamp: %v", err)
	}
	now := timestamp.AsTime().UnixMilli()
	if err := record.CheckTime("timestamp", now); err != nil {
		return nil, record.Invalid(err)
	}
	if now == 0 { // what a proposal without a timestamp has; in records, 0 means that there is no time
		return nil, record.Invalid(record.Faultf("timestamp", "the proposal has none; let its client set the time"))
	}
	return &transaction{
		stub: stub.ChaincodeStubInterface, instance: stub.instance, caller: who, channel: stub.GetChannelID(), now: now, present: map[string]bool{},
	}, nil
}

// request is a decoded argument that can say what is wrong with it.
type request interface{ Validate() error }

// run decodes a request, lets handle decide, and encodes its result.
func run[Request request, Result any](
	ctx contractapi.TransactionContextInterface, text string,
	handle func(*transaction, Request) (Result, error),
) (string, error) {
	var req Request
	if err := record.Decode([]byte(text), &req); err != nil {
		return "", record.Invalid(err)
	}
	if err := req.Validate(); err != nil {
		return "", record.Invalid(err)
	}
	return answer(ctx, func(tx *transaction) (Result, error) { return handle(tx, req) })
}

// answer runs handle in a transaction and encodes its result.
func answer[Result any](
	ctx contractapi.TransactionContextInterface, handle func(*transaction) (Result, error),
) (string, error) {
	tx, err := begin(ctx)
	if err != nil {
		return "", err
	}
	result, err := handle(tx)
	if err != nil {
		return "", coded(err)
	}
	text, err := record.Encode(result)
	if err != nil {
		return "", coded(err)
	}
	return string(text), nil
}

// coded makes sure that an error carries a code: one that does not came from the ledger.
func coded(err error) error {
	var e *record.Error
	if errors.As(err, &e) {
		return e
	}
	return record.Errorf(record.Internal, "%v", err)
}

// moment is when this transaction changes the ledger. It is its own time, whatever the times of the
// changes before it are: what was said last to narrow a right must take effect.
func (tx *transaction) moment() record.Moment {
	return record.Moment{Time: tx.now, Tx: tx.stub.GetTxID()}
}

// emit sets the event of the transaction, of which there can be one.
func (tx *transaction) emit(e call.Event) error {
	e.Type, e.Version = call.EventType, record.Version
	e.By, e.Time = tx.caller.MSP, tx.now
	data, err := record.Encode(e)
	if err != nil {
		return err
	}
	if err := tx.stub.SetEvent(e.Name, data); err != nil {
		return record.Errorf(record.Internal, "set event %s: %v", e.Name, err)
	}
	return nil
}

// sortedNames returns the keys of m in ascending order: map order must never reach the ledger.
func sortedNames[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
