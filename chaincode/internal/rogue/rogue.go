// SPDX-License-Identifier: Apache-2.0

// Package rogue is the chaincode of an organisation that does not keep to what was agreed, for
// tests: ours with a back door.
package rogue

import (
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

// Chaincode is a chaincode with three more functions: "rogue:Write" writes any value under any
// key, "rogue:Guard" takes a key's endorsement policy away, "rogue:Delete" deletes a key. They
// check nothing.
type Chaincode struct{ shim.Chaincode }

// Invoke runs the back door, or else the chaincode behind it.
func (c Chaincode) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	args := stub.GetStringArgs()
	var err error
	switch {
	case len(args) == 3 && args[0] == "rogue:Write":
		err = stub.PutState(args[1], []byte(args[2]))
	case len(args) == 2 && args[0] == "rogue:Guard":
		err = stub.SetStateValidationParameter(args[1], nil)
	case len(args) == 2 && args[0] == "rogue:Delete":
		err = stub.DelState(args[1])
	default:
		return c.Chaincode.Invoke(stub)
	}
	if err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(nil)
}
