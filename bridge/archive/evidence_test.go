// SPDX-License-Identifier: Apache-2.0

package archive_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/receipt"
)

func TestAStatementHasTheEvidenceThatThereIs(t *testing.T) {
	a, _ := open(t)
	b := sealed(t, 7, 2)
	require.NoError(t, a.Put(b))
	require.NoError(t, a.PutReceipt(7, signed(t, b, signer(t, 2))))
	evidence := func() receipt.Evidence {
		data, err := a.Statement(7, 1)
		require.NoError(t, err)
		s, err := receipt.ParseStatement(data)
		require.NoError(t, err)
		require.NoError(t, s.Verify(signer(t, 1).Key(), signer(t, 2).Key()))
		return s.Evidence
	}
	require.Equal(t, receipt.Evidence{}, evidence())
	there, err := a.HasEvidence(7)
	require.NoError(t, err)
	require.False(t, there)

	require.NoError(t, a.PutEvidence(7, receipt.Evidence{Blocks: [][]byte{[]byte("block")}}))
	require.NoError(t, a.PutEvidence(7, receipt.Evidence{Blocks: [][]byte{[]byte("block")}}), "once more, as after a crash")
	require.ErrorIs(t, a.PutEvidence(7, receipt.Evidence{Blocks: [][]byte{[]byte("other")}}), archive.ErrConflict)
	require.Equal(t, receipt.Evidence{Blocks: [][]byte{[]byte("block")}}, evidence())
	there, err = a.HasEvidence(7)
	require.NoError(t, err)
	require.True(t, there)

	require.NoError(t, a.PutAttestation(5, 9, []byte("by Org1MSP")))
	require.NoError(t, a.PutAttestation(5, 9, []byte("by Org1MSP")))
	require.NoError(t, a.PutAttestation(7, 7, []byte("by Org2MSP")))
	require.NoError(t, a.PutAttestation(8, 9, []byte("not of 7")))
	require.Equal(t, receipt.Evidence{
		Blocks: [][]byte{[]byte("block")}, Attestations: [][]byte{[]byte("by Org1MSP"), []byte("by Org2MSP")},
	}, evidence())
}

func TestAnAttestationIsStoredOnceForAllItsBatches(t *testing.T) {
	a, dir := open(t)
	require.NoError(t, a.PutAttestation(990, 1021, []byte("32 batches over two folders")))
	require.Len(t, files(t, dir), 1)
	for n, want := range map[uint64]int{1: 0, 989: 0, 990: 1, 999: 1, 1000: 1, 1021: 1, 1022: 0, 5000: 0} {
		e, err := a.Evidence(n)
		require.NoError(t, err)
		require.Len(t, e.Attestations, want, "batch %d", n)
	}
	for last, want := range map[uint64]uint64{0: 0, 989: 0, 990: 990, 1000: 1000, 1021: 1021, 3500: 1021} {
		got, err := a.Attested(last)
		require.NoError(t, err)
		require.Equal(t, want, got, "up to %d", last)
	}
	none, _ := open(t)
	got, err := none.Attested(2500)
	require.NoError(t, err)
	require.Zero(t, got)
}

func TestEvidenceThatCannotBeIsNotStored(t *testing.T) {
	a, dir := open(t)
	require.Error(t, a.PutEvidence(1, receipt.Evidence{}))
	require.Error(t, a.PutEvidence(1, receipt.Evidence{Envelope: []byte("x"), Attestations: [][]byte{{1}}}))
	require.ErrorIs(t, a.PutEvidence(1, receipt.Evidence{Envelope: make([]byte, receipt.MaxEvidenceSize)}), reading.ErrTooLarge)
	require.Error(t, a.PutAttestation(0, 3, []byte("x")))
	require.Error(t, a.PutAttestation(3, 2, []byte("x")))
	require.Error(t, a.PutAttestation(1, 33, []byte("x")))
	require.Error(t, a.PutAttestation(1, 1, nil))
	require.Empty(t, files(t, dir))
}

func TestAFlippedBitInEvidenceIsDetected(t *testing.T) {
	a, dir := open(t)
	require.NoError(t, a.PutEvidence(1, receipt.Evidence{Envelope: []byte("envelope")}))
	require.NoError(t, a.PutAttestation(1, 2, []byte("attestation")))
	for _, path := range files(t, dir) {
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.Chmod(path, 0o600))
		for i := range whole {
			whole[i] ^= 1 << (i % 8)
			require.NoError(t, os.WriteFile(path, whole, 0o600))
			_, err := a.Evidence(1)
			require.ErrorIs(t, err, archive.ErrDamaged, "%s, byte %d", path, i)
			whole[i] ^= 1 << (i % 8)
		}
		require.NoError(t, os.WriteFile(path, whole[:len(whole)/3], 0o600))
		_, err = a.Evidence(1)
		require.ErrorIs(t, err, archive.ErrDamaged)
		require.NoError(t, os.WriteFile(path, whole, 0o600))
	}
	_, err := a.Evidence(1)
	require.NoError(t, err)
}

func TestFilesThatAreNoAttestationsAreLeftAlone(t *testing.T) {
	a, dir := open(t)
	require.NoError(t, a.PutAttestation(1, 2, []byte("attestation")))
	path := files(t, dir)[0]
	stray := strings.Replace(path, "0000000001.", ".tmp-0000000001.", 1)
	require.NoError(t, os.WriteFile(stray, []byte("half"), 0o600))
	e, err := a.Evidence(1)
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("attestation")}, e.Attestations)
}
