// SPDX-License-Identifier: Apache-2.0

// Package contract holds the transactions of the ledger and is the only package that sees a
// stub.
//
// What comes in is printable strings: a mutation takes one JSON request, a query takes names or
// one JSON request. What goes out is canonical JSON, or an error "CODE: message". A transaction
// either writes all of its changes or none. Nothing is kept between invocations, which run
// concurrently, so a crash of the chaincode loses nothing: the peer's answer to the client is
// an error, and the same request may be proposed again.
//
// Everything that reaches the state is a function of the arguments, the state, the caller's
// certificate, the channel and the transaction's id and timestamp.
package contract

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"unicode/utf8"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/anchorline/anchorline/chaincode/policy"
	"github.com/anchorline/anchorline/chaincode/record"
)

// Chaincode is the whole of the contracts as one shim.Chaincode. It is safe for concurrent use
// and keeps no state but parsed policies, which change no answer.
type Chaincode struct {
	api       *contractapi.ContractChaincode
	functions map[string]Function
	metadata  []byte
	// local is the MSP ID of the organisation whose peer runs this instance, "" when it is not known.
	local    string
	policies *policy.Cache
}

// New returns the chaincode with all its contracts.
func New(options ...Option) (*Chaincode, error) {
	api, err := contractapi.NewChaincode(contracts()...)
	if err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	metadata, err := describe()
	if err != nil {
		return nil, fmt.Errorf("contract: metadata: %w", err)
	}
	functions := map[string]Function{}
	for _, f := range Functions() {
		functions[f.Name()] = f
	}
	policies, err := policy.NewCache(policy.DefaultCache)
	if err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	c := &Chaincode{api: api, functions: functions, metadata: metadata, policies: policies}
	for _, choose := range options {
		if err := choose(c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Init does what Invoke does: there is nothing to initialise. A call without a function, as an
// installer may make it, succeeds.
func (c *Chaincode) Init(stub shim.ChaincodeStubInterface) *peer.Response {
	if len(stub.GetArgs()) == 0 {
		return shim.Success(nil)
	}
	return c.Invoke(stub)
}

// Invoke runs one transaction. Whatever happens in it, a panic too, becomes a response: the
// process serves other invocations at the same time and must not end.
func (c *Chaincode) Invoke(stub shim.ChaincodeStubInterface) (response *peer.Response) {
	defer func() {
		if cause := recover(); cause != nil {
			slog.Error("transaction panicked", "tx", stub.GetTxID(), "cause", cause, "stack", string(debug.Stack()))
			response = refuse(record.Errorf(record.Internal, "the transaction failed unexpectedly; see the chaincode's log"))
		}
	}()
	args := stub.GetArgs()
	if err := c.admit(args); err != nil {
		return refuse(err)
	}
	if string(args[0]) == metadataFunction {
		return shim.Success(c.metadata)
	}
	return c.api.Invoke(invocation{ChaincodeStubInterface: stub, instance: c})
}

// invocation is a stub that says which instance of the chaincode runs it: contract-api hands nothing
// else through.
type invocation struct {
	shim.ChaincodeStubInterface
	instance *Chaincode
}

// admit refuses a call whose arguments no function could take, before anything parses them.
func (c *Chaincode) admit(args [][]byte) error {
	if len(args) == 0 {
		return record.Errorf(record.InvalidArgument, "no function named; call contract:Function")
	}
	name := args[0]
	for i, arg := range args {
		if len(arg) > record.MaxDocument {
			return record.Errorf(record.InvalidArgument, "argument %d has %d bytes; at most %d are allowed", i, len(arg), record.MaxDocument)
		}
		if !utf8.Valid(arg) {
			return record.Errorf(record.InvalidArgument, "argument %d is not valid UTF-8", i)
		}
	}
	if string(name) == metadataFunction {
		return nil
	}
	function, known := c.functions[string(name)]
	if !known {
		return record.Errorf(record.InvalidArgument, "there is no function %.80q; %s lists them", name, metadataFunction)
	}
	if got, want := len(args)-1, len(function.Parameters); got != want {
		return record.Errorf(record.InvalidArgument, "%s takes %d arguments, got %d", name, want, got)
	}
	return nil
}

// refuse turns an error into a response that nobody endorses.
func refuse(err error) *peer.Response {
	return shim.Error(err.Error())
}
