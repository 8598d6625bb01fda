// SPDX-License-Identifier: Apache-2.0

package fabric_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit/fabric"
	"github.com/anchorline/anchorline/audit/trust"
)

// requireProven checks everything that a network signed.
func requireProven(t *testing.T, a artefacts, orderers int) {
	t.Helper()
	tx, err := fabric.ParseTransaction(a.envelope)
	require.NoError(t, err)
	require.Equal(t, a.tx, tx.ID)
	require.Equal(t, a.trust.Channel(), tx.Channel)
	require.Equal(t, a.trust.Chaincode(), tx.Chaincode)
	require.Equal(t, "roles:Grant", tx.Function)
	require.Equal(t, [][]byte{[]byte(`{"role":"auditor","unit":"client"}`)}, tx.Args)
	require.EqualValues(t, 200, tx.Status)
	require.NotEmpty(t, tx.Namespace(tx.Chaincode).Writes)
	require.Equal(t, "Org1MSP", tx.Creator.MSPID)
	require.NoError(t, tx.VerifyCreator(a.verifier))
	organisations, faults := tx.VerifyEndorsements(a.verifier)
	require.Empty(t, faults)
	require.Equal(t, []string{"Org1MSP", "Org2MSP"}, organisations)

	b, err := fabric.ParseBlock(a.block)
	require.NoError(t, err)
	require.Equal(t, a.trust.ConfigurationBlock, b.Configuration)
	require.NoError(t, b.VerifyData())
	signers, err := b.VerifySignatures(a.verifier)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(signers), orderers)

	attested, err := fabric.ParseTransaction(a.attested)
	require.NoError(t, err)
	require.Equal(t, "consortium:Get", attested.Function)
	require.Empty(t, attested.Namespace(attested.Chaincode).Writes)
	require.NotEmpty(t, attested.Response)
	organisations, faults = attested.VerifyEndorsements(a.verifier)
	require.Empty(t, faults)
	require.Equal(t, []string{"Org1MSP", "Org2MSP"}, organisations)
	require.ErrorIs(t, attested.VerifyCreator(a.verifier), fabric.ErrUnsigned)

	text, err := a.trust.Encode()
	require.NoError(t, err)
	again, err := trust.Parse(text)
	require.NoError(t, err)
	require.Equal(t, a.trust, again)
}

func TestWhatANetworkSignedIsProvenWithItsConfigurationAlone(t *testing.T) {
	requireProven(t, onNetwork(t), 1)
}
