// SPDX-License-Identifier: Apache-2.0

// Package probe is a chaincode for the tests of networks: it does with its stub what its
// arguments say, one function for every request of the shim protocol.
package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// Chaincode is the probe.
type Chaincode struct {
	// Wait lets the function "wait" return when it closes.
	Wait <-chan struct{}
}

// Init does nothing.
func (p *Chaincode) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

// Invoke calls the function that the first argument names.
func (p *Chaincode) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	name, args := stub.GetFunctionAndParameters()
	functions := map[string]func(shim.ChaincodeStubInterface, []string) ([]byte, error){
		"put": put, "get": get, "del": del, "add": add, "range": scan, "page": page, "parts": parts,
		"history": history, "policy": setPolicy, "getpolicy": getPolicy, "multi": multi, "batch": batch,
		"event": event, "random": random, "private": privately, "call": call, "rich": rich, "time": now,
		"putat": putParts, "rangeput": rangePut, "rule": setRule, "mixed": mixed, "twice": twice,
		"context": callContext, "events": events, "partspage": partsPage, "allparts": allParts,
	}
	switch name {
	case "fail":
		return shim.Error(args[0])
	case "status":
		code, _ := strconv.Atoi(args[0])
		return &peer.Response{Status: int32(code), Message: "as asked"}
	case "wait":
		<-p.Wait
		return shim.Success(nil)
	}
	f, ok := functions[name]
	if !ok {
		return shim.Error("no function " + name)
	}
	out, err := f(stub, args)
	if err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(out)
}

func put(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	return []byte(args[1]), stub.PutState(args[0], []byte(args[1]))
}

func get(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	return stub.GetState(args[0])
}

func del(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	return nil, stub.DelState(args[0])
}

// add reads a number and writes the sum: two at once conflict.
func add(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	value, err := stub.GetState(args[0])
	if err != nil {
		return nil, err
	}
	sum, _ := strconv.Atoi(string(value))
	step, _ := strconv.Atoi(args[1])
	return nil, stub.PutState(args[0], []byte(strconv.Itoa(sum+step)))
}

func collect(it shim.StateQueryIteratorInterface) ([]string, error) {
	defer func() { _ = it.Close() }()
	found := []string{}
	for it.HasNext() {
		kv, err := it.Next()
		if err != nil {
			return nil, err
		}
		found = append(found, kv.GetKey()+"="+string(kv.GetValue()))
	}
	return found, nil
}

func scan(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	it, err := stub.GetStateByRange(args[0], args[1])
	if err != nil {
		return nil, err
	}
	found, err := collect(it)
	if err != nil {
		return nil, err
	}
	return json.Marshal(found)
}

// rangePut counts a range and writes the number under a key: a phantom invalidates it.
func rangePut(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	it, err := stub.GetStateByRange(args[0], args[1])
	if err != nil {
		return nil, err
	}
	found, err := collect(it)
	if err != nil {
		return nil, err
	}
	return nil, stub.PutState(args[2], []byte(strconv.Itoa(len(found))))
}

func page(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	size, _ := strconv.Atoi(args[2])
	it, meta, err := stub.GetStateByRangeWithPagination(args[0], args[1], int32(size), args[3])
	if err != nil {
		return nil, err
	}
	found, err := collect(it)
	if err != nil {
		return nil, err
	}
	if len(args) > 4 {
		if err := stub.PutState(args[4], []byte("x")); err != nil {
			return nil, err
		}
	}
	return json.Marshal(map[string]any{"found": found, "bookmark": meta.GetBookmark(), "count": meta.GetFetchedRecordsCount()})
}

func putParts(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	key, err := stub.CreateCompositeKey(args[0], args[1:])
	if err != nil {
		return nil, err
	}
	return nil, stub.PutState(key, []byte(strings.Join(args, "/")))
}

func parts(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	it, err := stub.GetStateByPartialCompositeKey(args[0], args[1:])
	if err != nil {
		return nil, err
	}
	defer func() { _ = it.Close() }()
	found := []string{}
	for it.HasNext() {
		kv, err := it.Next()
		if err != nil {
			return nil, err
		}
		_, attributes, err := stub.SplitCompositeKey(kv.GetKey())
		if err != nil {
			return nil, err
		}
		found = append(found, strings.Join(attributes, "/"))
	}
	return json.Marshal(found)
}

func partsPage(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	size, _ := strconv.Atoi(args[0])
	return keysOfPage(stub.GetStateByPartialCompositeKeyWithPagination(args[2], args[3:], int32(size), args[1]))
}

func allParts(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	size, _ := strconv.Atoi(args[0])
	return keysOfPage(stub.GetAllStatesCompositeKeyWithPagination(int32(size), args[1]))
}

func keysOfPage(it shim.StateQueryIteratorInterface, meta *peer.QueryResponseMetadata, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	found, err := collect(it)
	return fmt.Appendf(nil, "%q next %q of %d", found, meta.GetBookmark(), meta.GetFetchedRecordsCount()), err
}

func history(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	it, err := stub.GetHistoryForKey(args[0])
	if err != nil {
		return nil, err
	}
	defer func() { _ = it.Close() }()
	found := []string{}
	for it.HasNext() {
		change, err := it.Next()
		if err != nil {
			return nil, err
		}
		found = append(found, fmt.Sprintf("%s %s %t", change.GetTxId(), change.GetValue(), change.GetIsDelete()))
	}
	return json.Marshal(found)
}

func setPolicy(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	return nil, stub.SetStateValidationParameter(args[0], KeyPolicy(args[1:]...))
}

func setRule(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	n, _ := strconv.Atoi(args[1])
	return nil, stub.SetStateValidationParameter(args[0], keyRule(n, args[2:]...))
}

func getPolicy(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	return stub.GetStateValidationParameter(args[0])
}

func multi(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	values, err := stub.GetMultipleStates(args...)
	if err != nil {
		return nil, err
	}
	found := []string{}
	for _, value := range values {
		found = append(found, string(value))
	}
	return json.Marshal(found)
}

func batch(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	stub.StartWriteBatch()
	count, _ := strconv.Atoi(args[1])
	for i := range count {
		if err := stub.PutState(fmt.Sprintf("%s%05d", args[0], i), []byte(strconv.Itoa(i))); err != nil {
			return nil, err
		}
	}
	return nil, stub.FinishWriteBatch()
}

// mixed writes of every kind in one batch; the last write of a key counts.
func mixed(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	stub.StartWriteBatch()
	return nil, errors.Join(
		stub.PutState(args[0]+"1", []byte("first")), stub.DelState(args[0]+"2"),
		stub.SetStateValidationParameter(args[0]+"3", KeyPolicy("Org1MSP")), stub.PutState(args[0]+"4", []byte("gone")),
		stub.PutState(args[0]+"1", []byte("last")), stub.DelState(args[0]+"4"), stub.FinishWriteBatch(),
	)
}

// twice writes a key, reads it, writes it again and deletes another that it wrote before.
func twice(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	if err := errors.Join(stub.PutState(args[0], []byte("1")), stub.PutState(args[1], []byte("1"))); err != nil {
		return nil, err
	}
	seen, err := stub.GetState(args[0])
	return seen, errors.Join(err, stub.PutState(args[0], []byte("2")), stub.DelState(args[1]))
}

// callContext tells what a call knows about itself.
func callContext(stub shim.ChaincodeStubInterface, _ []string) ([]byte, error) {
	creator, err := stub.GetCreator()
	if err != nil {
		return nil, err
	}
	id := &msp.SerializedIdentity{}
	if err := proto.Unmarshal(creator, id); err != nil {
		return nil, err
	}
	transient, err := stub.GetTransient()
	if err != nil {
		return nil, err
	}
	binding, err := stub.GetBinding()
	if err != nil {
		return nil, err
	}
	proposal, err := stub.GetSignedProposal()
	if err != nil {
		return nil, err
	}
	slice, err := stub.GetArgsSlice()
	return fmt.Appendf(nil, "%s %s %s transient %d %q, binding %x, %d decorations, signed %t, slice %q", stub.GetChannelID(), stub.GetTxID(),
		id.GetMspid(), len(transient), transient["secret"], binding, len(stub.GetDecorations()), len(proposal.GetSignature()) > 0, slice), err
}

// events sets two: a transaction has one event, the last.
func events(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	if err := stub.PutState("event", []byte(args[1])); err != nil {
		return nil, err
	}
	return nil, errors.Join(stub.SetEvent(args[0], nil), stub.SetEvent(args[1], []byte("last")))
}

func event(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	if err := stub.PutState("event", []byte(args[1])); err != nil {
		return nil, err
	}
	return nil, stub.SetEvent(args[0], []byte(args[1]))
}

func random(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	return nil, stub.PutState(args[0], []byte(strconv.FormatInt(time.Now().UnixNano(), 10)))
}

// privately does what the first argument names with the key in the second, in the collection in the
// third or in one that does not exist.
func privately(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	collection := "secrets"
	if len(args) > 2 {
		collection = args[2]
	}
	var err error
	switch args[0] {
	case "put":
		err = stub.PutPrivateData(collection, args[1], []byte("x"))
	case "get":
		_, err = stub.GetPrivateData(collection, args[1])
	case "multi":
		_, err = stub.GetMultiplePrivateData(collection, args[1], args[1])
	case "hash":
		_, err = stub.GetPrivateDataHash(collection, args[1])
	case "del":
		err = stub.DelPrivateData(collection, args[1])
	case "purge":
		err = stub.PurgePrivateData(collection, args[1])
	case "policy":
		err = stub.SetPrivateDataValidationParameter(collection, args[1], KeyPolicy("Org1MSP"))
	case "getpolicy":
		_, err = stub.GetPrivateDataValidationParameter(collection, args[1])
	case "range":
		_, err = stub.GetPrivateDataByRange(collection, args[1], "")
	case "rich":
		_, err = stub.GetPrivateDataQueryResult(collection, "{}")
	}
	return nil, err
}

// call calls another chaincode, with the arguments after its name.
func call(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	var passed [][]byte
	for _, arg := range args[1:] {
		passed = append(passed, []byte(arg))
	}
	response := stub.InvokeChaincode(args[0], passed, "")
	if response.GetStatus() != shim.OK {
		return nil, fmt.Errorf("call of %s: %d %s %s", args[0], response.GetStatus(), response.GetMessage(), response.GetPayload())
	}
	return response.GetPayload(), nil
}

func rich(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
	_, err := stub.GetQueryResult(args[0])
	_, _, paged := stub.GetQueryResultWithPagination(args[0], 3, "")
	return nil, errors.Join(err, paged)
}

func now(stub shim.ChaincodeStubInterface, _ []string) ([]byte, error) {
	at, err := stub.GetTxTimestamp()
	if err != nil {
		return nil, err
	}
	return []byte(at.AsTime().Format(time.RFC3339)), nil
}

// KeyPolicy asks for the peers of all organisations.
func KeyPolicy(mspIDs ...string) []byte {
	principals := make([]string, len(mspIDs))
	for i, mspID := range mspIDs {
		principals[i] = mspID + ".peer"
	}
	return keyRule(len(mspIDs), principals...)
}

// keyRule asks for n of the principals, each an organisation and a role: Org1MSP.peer.
func keyRule(n int, principals ...string) []byte {
	p := &common.SignaturePolicyEnvelope{}
	var rules []*common.SignaturePolicy
	for i, principal := range principals {
		mspID, name, _ := strings.Cut(principal, ".")
		role, _ := proto.Marshal(&msp.MSPRole{MspIdentifier: mspID, Role: msp.MSPRole_MSPRoleType(msp.MSPRole_MSPRoleType_value[strings.ToUpper(name)])})
		p.Identities = append(p.Identities, &msp.MSPPrincipal{PrincipalClassification: msp.MSPPrincipal_ROLE, Principal: role})
		rules = append(rules, &common.SignaturePolicy{Type: &common.SignaturePolicy_SignedBy{SignedBy: int32(i)}})
	}
	p.Rule = &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{NOutOf: &common.SignaturePolicy_NOutOf{N: int32(n), Rules: rules}}}
	content, _ := proto.Marshal(p)
	return content
}
