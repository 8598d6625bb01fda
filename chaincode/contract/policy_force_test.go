// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"fmt"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
)

func TestARevokedPolicyLeavesWhatDecisionsRead(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	for i := range 3 {
		put := object{"id": fmt.Sprint("p", i), "text": permitOrg2}
		w.submit(w.admin1, "policies:Put", put)
		w.submit(w.admin1, "policies:Revoke", object{"id": put["id"], "reason": "over"})
	}
	w.submit(w.admin1, "policies:Put", object{"id": "last", "text": permitOrg2})
	var inForce []string
	for _, key := range w.ledger.Keys() {
		if object, parts := record.SplitKey(key); object == record.ActivePolicyIndex {
			inForce = append(inForce, parts[1])
		}
	}
	require.Equal(t, []string{"last"}, inForce)
	require.True(t, decode[record.Decision](t, w.query(w.admin2, "access:Decide", readOf("Org1MSP/pump-1"))).Allowed)
	// A policy that nobody decides by any more may change beside a decision.
	p := w.ledger.Propose(w.cc, w.admin2, "access:Request", text(t, readOf("Org1MSP/pump-1")))
	require.Equal(t, peer.TxValidationCode_VALID, w.ledger.Commit(p, w.ledger.Organisations...))
	w.submit(w.admin1, "policies:Put", object{"id": "p1", "text": permitOrg2})
	require.Len(t, decode[record.Decision](t, w.query(w.admin2, "access:Decide", readOf("Org1MSP/pump-1"))).Devices[0].Policies, 2)
}

func TestADecisionIsTheSameWhateverTheInstanceHasCached(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	for _, policy := range []string{permitOrg2, `forbid(principal, action, resource);`, permitOrg2} {
		w.submit(w.admin1, "policies:Put", object{"id": "share", "text": policy})
		w.submit(w.admin2, "access:Request", readOf("Org1MSP/pump-1"))
		require.Equal(t, policy == permitOrg2, decode[record.Decision](t, w.query(w.admin2, "access:Decide", readOf("Org1MSP/pump-1"))).Allowed)
	}
}
