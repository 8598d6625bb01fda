// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"

	"github.com/anchorline/anchorline/chaincode/record"
)

// group is a contract as contract-api knows it. It takes every call that it has no method for, and
// dispatches it by the table.
type group struct{ contractapi.Contract }

// contracts returns the contracts that have functions, in the order of the table.
func contracts() []contractapi.ContractInterface {
	var all []contractapi.ContractInterface
	seen := map[string]bool{}
	for _, f := range Functions() {
		if !seen[f.Contract] {
			seen[f.Contract] = true
			all = append(all, &group{contractapi.Contract{
				Name: f.Contract, Info: info(f.Contract), UnknownTransaction: dispatch,
			}})
		}
	}
	return all
}

// Undeclared is there because contract-api takes no contract without a method. Nobody reaches it: what
// the table does not list is refused before.
func (*group) Undeclared(contractapi.TransactionContextInterface) error {
	return record.Errorf(record.InvalidArgument, "there is no such function")
}

// dispatch runs the function that the proposal names. That there is one, and that it has as many
// arguments as it takes, was checked before.
func dispatch(ctx contractapi.TransactionContextInterface) (string, error) {
	stub, ok := ctx.GetStub().(invocation)
	if !ok {
		return "", record.Errorf(record.Internal, "the transaction was not begun by the chaincode")
	}
	name, args := stub.GetFunctionAndParameters()
	return stub.instance.functions[name].invoke(ctx, args)
}
