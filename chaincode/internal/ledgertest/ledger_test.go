// SPDX-License-Identifier: Apache-2.0

package ledgertest_test

import (
	"testing"

	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/statebased"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/internal/ledgertest"
)

// code is a chaincode of one function.
type code func(shim.ChaincodeStubInterface) ([]byte, error)

func (c code) Init(stub shim.ChaincodeStubInterface) *peer.Response { return c.Invoke(stub) }

func (c code) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	result, err := c(stub)
	if err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(result)
}

// put writes a key without reading it.
func put(key, value string) code {
	return func(stub shim.ChaincodeStubInterface) ([]byte, error) { return nil, stub.PutState(key, []byte(value)) }
}

func TestATransactionDoesNotReadItsOwnWrites(t *testing.T) {
	l := ledgertest.New("Org1MSP")
	p, _ := l.Submit(code(func(stub shim.ChaincodeStubInterface) ([]byte, error) {
		if err := stub.PutState("a", []byte("1")); err != nil {
			return nil, err
		}
		return stub.GetState("a")
	}), ledgertest.Identity{})
	require.Empty(t, p.Response.GetPayload())
	require.Equal(t, "1", string(l.Value("a")))
}

func TestPagesAndHistoriesAreRefusedInATransactionThatWrites(t *testing.T) {
	page := func(stub shim.ChaincodeStubInterface) error {
		_, _, err := stub.GetStateByPartialCompositeKeyWithPagination("a", nil, 1, "")
		return err
	}
	history := func(stub shim.ChaincodeStubInterface) error {
		_, err := stub.GetHistoryForKey("a")
		return err
	}
	write := func(stub shim.ChaincodeStubInterface) error { return stub.PutState("a", []byte("1")) }
	for _, steps := range [][]func(shim.ChaincodeStubInterface) error{{page, write}, {write, page}, {history, write}, {write, history}} {
		l := ledgertest.New("Org1MSP")
		p := l.Propose(code(func(stub shim.ChaincodeStubInterface) ([]byte, error) {
			for _, step := range steps {
				if err := step(stub); err != nil {
					return nil, err
				}
			}
			return nil, nil
		}), ledgertest.Identity{})
		require.Contains(t, p.Response.GetMessage(), "read-only")
	}
}

func TestWhatWasReadMustStillBeSoAtCommit(t *testing.T) {
	l := ledgertest.New("Org1MSP")
	readAndWrite := code(func(stub shim.ChaincodeStubInterface) ([]byte, error) {
		if _, err := stub.GetState("a"); err != nil {
			return nil, err
		}
		return nil, stub.PutState("a", []byte("1"))
	})
	one, other := l.Propose(readAndWrite, ledgertest.Identity{}), l.Propose(readAndWrite, ledgertest.Identity{})
	require.Equal(t, peer.TxValidationCode_VALID, l.Commit(one, "Org1MSP"))
	require.Equal(t, peer.TxValidationCode_MVCC_READ_CONFLICT, l.Commit(other, "Org1MSP"))

	scan := l.Propose(code(func(stub shim.ChaincodeStubInterface) ([]byte, error) {
		if _, err := stub.GetStateByPartialCompositeKey("kind", nil); err != nil {
			return nil, err
		}
		return nil, stub.PutState("b", []byte("1"))
	}), ledgertest.Identity{})
	l.Submit(put("\x00kind\x00x\x00", "1"), ledgertest.Identity{})
	require.Equal(t, peer.TxValidationCode_PHANTOM_READ_CONFLICT, l.Commit(scan, "Org1MSP"))
}

func TestAKeysOwnPolicyReplacesTheChaincodes(t *testing.T) {
	l := ledgertest.New("Org1MSP", "Org2MSP", "Org3MSP")
	require.Equal(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, l.Commit(l.Propose(put("a", "1"), ledgertest.Identity{}), "Org1MSP"))
	both, err := statebased.NewStateEP(nil)
	require.NoError(t, err)
	require.NoError(t, both.AddOrgs(statebased.RoleTypePeer, "Org1MSP", "Org3MSP"))
	policy, err := both.Policy()
	require.NoError(t, err)
	l.Submit(code(func(stub shim.ChaincodeStubInterface) ([]byte, error) {
		if err := stub.PutState("a", []byte("1")); err != nil {
			return nil, err
		}
		return nil, stub.SetStateValidationParameter("a", policy)
	}), ledgertest.Identity{})
	require.Equal(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, l.Commit(l.Propose(put("a", "2"), ledgertest.Identity{}), "Org1MSP", "Org2MSP"))
	change := l.Propose(put("a", "2"), ledgertest.Identity{})
	require.Equal(t, peer.TxValidationCode_VALID, l.Commit(change, "Org1MSP", "Org3MSP"))
	require.Equal(t, peer.TxValidationCode_DUPLICATE_TXID, l.Commit(change, "Org1MSP", "Org3MSP"))
	// One signature counts for one leaf of a rule.
	require.False(t, ledgertest.Satisfied(policy, []string{"Org1MSP", "Org1MSP"}))
}
