// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"sync/atomic"
	"testing"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/contract"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/network/devnet"
)

// vetoer is a chaincode that refuses everything from a moment on, as its organisation may choose to.
type vetoer struct {
	shim.Chaincode
	refuses atomic.Bool
}

// Invoke calls the contracts, or refuses.
func (v *vetoer) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	if v.refuses.Load() {
		return shim.Error("we sign nothing of yours")
	}
	return v.Chaincode.Invoke(stub)
}

func TestNobodyVetoesAnEmergency(t *testing.T) {
	if !*onDevnet {
		t.Skip("SKIPPED HERE: it runs on the embedded network, see TestTheSuiteOnTheEmbeddedNetwork")
	}
	inParallel(t)
	veto := &vetoer{}
	n := clientsOf(t, newDevnet(t, func(cfg *devnet.Config) {
		cfg.Chaincode = func(msp string) (shim.Chaincode, error) {
			code, err := contract.New(contract.LocalMSP(msp))
			if err != nil || msp == "Org1MSP" {
				return code, err
			}
			veto.Chaincode = code
			return veto, nil
		}
	}))
	n.agree()
	ours, _ := n.registration("ours", "Org1MSP")
	n.submit(n.admin1, "devices:Register", ours)
	veto.refuses.Store(true)
	// The client names no organisation: the gateway finds that the owner's peer suffices.
	n.submit(n.admin1, "devices:Suspend", object{"id": "ours", "reason": "stolen?"})
	_, err := n.admin1.SubmitTransaction("devices:Resume", text(t, object{"id": "ours"}))
	require.Error(t, err, "what widens a right needs the others")
	n.submit(n.admin1, "devices:Revoke", object{"id": "ours", "reason": "stolen"})
	answer, err := n.admin1.EvaluateTransaction("devices:Get", "Org1MSP/ours")
	require.NoError(t, err)
	require.Equal(t, record.Revoked, decode[record.Device](t, string(answer)).Status)
}
