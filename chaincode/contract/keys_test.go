// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
)

func TestADeviceDoesNotUseUpItsKeys(t *testing.T) {
	inMemory(t, "it takes some hundred blocks and days")
	w := newWorld(t)
	signer := w.device("pump-1")
	for range 8 {
		next := newSigner(t, "EdDSA")
		w.submit(w.bridge1, "devices:RotateKey", w.rotation("pump-1", "Org1MSP", signer, next))
		signer = next
	}
	w.refused(record.Conflict, w.bridge1, "devices:RotateKey", w.rotation("pump-1", "Org1MSP", signer, newSigner(t, "EdDSA")))
	replace := func() {
		next := newSigner(t, "EdDSA")
		w.submit(w.admin1, "devices:RotateKey", object{
			"id": "pump-1", "key": next.Key().Text(), "reason": "lost", "proof": possession(t, next, "pump-1", "Org1MSP", w.ledger.Channel),
		})
		signer = next
	}
	replace() // its owner can do so all the same
	w.ledger.Advance(24 * time.Hour)
	for len(w.get("pump-1").Keys) < record.MaxKeys-64 {
		w.ledger.Advance(4 * time.Hour)
		next := newSigner(t, "EdDSA")
		w.submit(w.bridge1, "devices:RotateKey", w.rotation("pump-1", "Org1MSP", signer, next))
		signer = next
	}
	w.ledger.Advance(1000 * time.Hour)
	require.Contains(t, w.refused(record.Conflict, w.bridge1, "devices:RotateKey", w.rotation("pump-1", "Org1MSP", signer, newSigner(t, "EdDSA"))), "owner")
	replace()
}
