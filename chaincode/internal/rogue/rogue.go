// SPDX-License-Identifier: Apache-2.0

// Package rogue is the chaincode of an organisation that does not keep to what was agreed, for
// tests: ours with a back door. What it was told to lie about is kept in memory only.
package rogue

import (
	"bytes"
	"sync"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

// Chaincode is a chaincode with four more functions. They check nothing.
//
//   - "rogue:Write" writes any value under any key.
//   - "rogue:Guard" takes a key's endorsement policy away.
//   - "rogue:Delete" deletes a key.
//   - "rogue:Lie" has every later answer of this peer's chaincode say its second argument instead of
//     its first. A query at the peer is enough; the other organisations' chaincode stays honest.
type Chaincode struct {
	honest shim.Chaincode

	mu   sync.Mutex
	lies [][2]string
}

// New puts the back door into a chaincode.
func New(honest shim.Chaincode) *Chaincode { return &Chaincode{honest: honest} }

// Init does what the chaincode behind it does.
func (c *Chaincode) Init(stub shim.ChaincodeStubInterface) *peer.Response { return c.honest.Init(stub) }

// Invoke runs the back door, or else the chaincode behind it.
func (c *Chaincode) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	args := stub.GetStringArgs()
	var err error
	switch {
	case len(args) == 3 && args[0] == "rogue:Write":
		err = stub.PutState(args[1], []byte(args[2]))
	case len(args) == 2 && args[0] == "rogue:Guard":
		err = stub.SetStateValidationParameter(args[1], nil)
	case len(args) == 2 && args[0] == "rogue:Delete":
		err = stub.DelState(args[1])
	case len(args) == 3 && args[0] == "rogue:Lie":
		c.mu.Lock()
		c.lies = append(c.lies, [2]string{args[1], args[2]})
		c.mu.Unlock()
	default:
		return c.lie(c.honest.Invoke(stub))
	}
	if err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(nil)
}

// lie changes an answer as it was told to.
func (c *Chaincode) lie(answer *peer.Response) *peer.Response {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.lies {
		answer.Payload = bytes.ReplaceAll(answer.GetPayload(), []byte(l[0]), []byte(l[1]))
	}
	return answer
}
