// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"encoding/hex"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

func TestHashesAreFabrics(t *testing.T) {
	// SHA-256 of "noncecreator", and of the DER of SEQUENCE{7, 0102, 03}.
	require.Equal(t, hex.EncodeToString(wire.Hash([]byte("noncecreator"))), wire.TransactionID([]byte("nonce"), []byte("creator")))
	encoded, err := wire.HeaderBytes(&common.BlockHeader{Number: 7, PreviousHash: []byte{1, 2}, DataHash: []byte{3}})
	require.NoError(t, err)
	require.Equal(t, "300a020107040201020401 03", hex.EncodeToString(encoded[:11])+" "+hex.EncodeToString(encoded[11:]))
	hash, err := wire.HeaderHash(&common.BlockHeader{Number: 7, PreviousHash: []byte{1, 2}, DataHash: []byte{3}})
	require.NoError(t, err)
	require.Equal(t, wire.Hash(encoded), hash)
}

func FuzzTransaction(f *testing.F) {
	f.Add([]byte{})
	f.Fuzz(func(_ *testing.T, payload []byte) {
		envelope := &common.Envelope{Payload: payload}
		if tx, err := wire.ParseTransaction(envelope); err == nil {
			_, _ = tx.Event()
		}
	})
}

func FuzzProposal(f *testing.F) {
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		if p, err := wire.ParseProposal(&peer.SignedProposal{ProposalBytes: content}); err == nil {
			require.NotEmpty(t, p.Chaincode)
			require.Len(t, p.Hash, 32)
		}
	})
}
