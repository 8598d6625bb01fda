// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"

	"github.com/anchorline/anchorline/chaincode/record"
)

// Function is one transaction, and the one place that declares it: how it is called and dispatched,
// the metadata that Fabric's tooling shows, the check of the arguments' number and docs/chaincode.md all
// follow from it. table.go lists them.
type Function struct {
	// Contract and Transaction are the two halves of the name.
	Contract, Transaction string
	// Parameters are the names of the arguments, all strings.
	Parameters []string
	// Reads is true for a query, which is evaluated and not submitted.
	Reads bool
	// Events are the events of which a committed change emits one; none for a query.
	Events []string
	// Roles are the roles of which the caller needs one in its own organisation; none when
	// every member of the channel may call. What else is needed is in the documentation.
	Roles []record.Role
	// Description is one sentence.
	Description string
	// Request is the zero value of the type of the one JSON request, nil for a function that takes none.
	// Result is that of the answer's.
	Request, Result any

	// invoke runs the function. The number of arguments is that of the parameters.
	invoke func(ctx contractapi.TransactionContextInterface, args []string) (string, error)
}

// Name is what a caller names: contract:Transaction.
func (f Function) Name() string { return f.Contract + ":" + f.Transaction }

// list collects the functions of one contract.
type list struct {
	contract  string
	functions []Function
}

// change adds a transaction that writes and takes one JSON request.
func change[Request request, Result any](l *list, name, description string, roles []record.Role,
	handle func(*transaction, Request) (Result, error), events ...string,
) {
	f := asking(l.contract, name, description, handle)
	f.Roles, f.Events = roles, events
	l.functions = append(l.functions, f)
}

// ask adds a query that takes one JSON request.
func ask[Request request, Result any](l *list, name, description string, handle func(*transaction, Request) (Result, error)) {
	f := asking(l.contract, name, description, handle)
	f.Reads = true
	l.functions = append(l.functions, f)
}

// read adds a query whose arguments are named texts.
func read[Result any](l *list, name, description string, handle func(*transaction, []string) (Result, error), parameters ...string) {
	f := taking(l.contract, name, description, handle, parameters)
	f.Reads = true
	l.functions = append(l.functions, f)
}

// asking is a function that takes one JSON request.
func asking[Request request, Result any](contract, name, description string, handle func(*transaction, Request) (Result, error)) Function {
	var req Request
	var result Result
	return Function{
		Contract: contract, Transaction: name, Description: description,
		Parameters: []string{"request"}, Request: req, Result: result,
		invoke: func(ctx contractapi.TransactionContextInterface, args []string) (string, error) {
			return run(ctx, args[0], handle)
		},
	}
}

// taking is a function whose arguments are named texts.
func taking[Result any](contract, name, description string, handle func(*transaction, []string) (Result, error), parameters []string) Function {
	var result Result
	return Function{
		Contract: contract, Transaction: name, Description: description, Parameters: parameters, Result: result,
		invoke: func(ctx contractapi.TransactionContextInterface, args []string) (string, error) {
			return answer(ctx, func(tx *transaction) (Result, error) { return handle(tx, args) })
		},
	}
}

// roles lists roles.
func roles(list ...record.Role) []record.Role { return list }
