// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/anchorline/anchorline/network/devnet"
)

// TestTheChaincodesPolicyDecidesWhoMustEndorse goes through a policy of each kind: whom the
// gateway asks by itself, and what becomes of a transaction that one organisation endorsed.
func TestTheChaincodesPolicyDecidesWhoMustEndorse(t *testing.T) {
	const valid, failure = peer.TxValidationCode_VALID, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE
	for _, c := range []struct {
		policy   string
		asked    []string // nil: nobody can satisfy it
		one, two peer.TxValidationCode
	}{
		{"AND('Org1MSP.peer', 'Org2MSP.peer')", []string{"Org1MSP", "Org2MSP"}, failure, failure},
		{"OR('Org1MSP.peer', 'Org2MSP.peer')", []string{"Org1MSP"}, valid, valid},
		{"OutOf(1, 'Org1MSP.member', 'Org2MSP.member')", []string{"Org1MSP"}, valid, valid},
		{"OutOf(2, 'Org1MSP.peer', 'Org2MSP.peer', 'OrdererMSP.member')", []string{"Org1MSP", "Org2MSP"}, failure, failure},
		{"'Org2MSP.peer'", []string{"Org2MSP"}, failure, valid},
		{"OR('Org2MSP.peer', AND('Org1MSP.peer', 'Org1MSP.admin'))", []string{"Org2MSP"}, failure, valid},
		{"OR('Org1MSP.admin', 'Org2MSP.client')", nil, failure, failure},
	} {
		t.Run(c.policy, func(t *testing.T) {
			contract := contractOf(t, start(t, func(cfg *devnet.Config) { cfg.EndorsementPolicy = c.policy }))
			if c.asked == nil {
				_, err := contract.SubmitTransaction("put", "a", "1")
				require.Equal(t, codes.FailedPrecondition, status.Code(err), "%v", err)
			} else {
				tx := endorsed(t, contract, "put", client.WithArguments("a", "1"))
				require.ElementsMatch(t, c.asked, endorsers(t, tx))
				require.Equal(t, valid, outcome(t, tx))
			}
			for mspID, want := range map[string]peer.TxValidationCode{"Org1MSP": c.one, "Org2MSP": c.two} {
				tx := endorsed(t, contract, "put", client.WithArguments("a", mspID), client.WithEndorsingOrganizations(mspID))
				require.Equal(t, want, outcome(t, tx), "endorsed by %s alone", mspID)
			}
		})
	}
}
