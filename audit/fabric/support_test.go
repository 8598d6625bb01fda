// SPDX-License-Identifier: Apache-2.0

package fabric_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit/fabric"
	"github.com/anchorline/anchorline/audit/trust"
	"github.com/anchorline/anchorline/internal/testnet"
	"github.com/anchorline/anchorline/ledger"
)

func TestMain(m *testing.M) { testnet.Main(m) }

// artefacts are what a running network made and signed.
type artefacts struct {
	trust    trust.Trust
	verifier *trust.Verifier
	tx       string // the id of a committed transaction of User1 of Org1MSP
	block    []byte // the block with it, trimmed
	envelope []byte // the transaction
	attested []byte // an answer that both organisations' peers signed
}

// collect has a network sign one of each.
func collect(t testing.TB, writer, reader *ledger.Client) artefacts {
	t.Helper()
	ctx, p := t.Context(), writer.Profile()
	var a artefacts
	config, err := reader.ConfigBlock(ctx)
	require.NoError(t, err)
	a.trust, err = trust.FromConfigBlock(config, p.Channel+"/"+p.Chaincode, 0)
	require.NoError(t, err)
	a.verifier, err = trust.NewVerifier(a.trust)
	require.NoError(t, err)

	_, commit, err := writer.Transact(ctx, "roles:Grant", `{"role":"auditor","unit":"client"}`)
	require.NoError(t, err)
	a.tx = commit.TxID
	full, err := reader.BlockOf(ctx, a.tx)
	require.NoError(t, err)
	a.block, err = fabric.Trim(full)
	require.NoError(t, err)
	b, err := fabric.ParseBlock(a.block)
	require.NoError(t, err)
	index, _, err := b.Find(a.tx)
	require.NoError(t, err)
	a.envelope = b.Entries[index].Envelope
	a.attested, _, err = reader.EndorseOnly(ctx, []string{"Org1MSP", "Org2MSP"}, "consortium:Get")
	require.NoError(t, err)
	return a
}

// onNetwork collects from the embedded network or, with -fabric, from a real one of one Raft orderer.
func onNetwork(t testing.TB) artefacts {
	t.Helper()
	n := testnet.Start(t)
	return collect(t, n.Connect("Org1MSP", "Admin"), n.Connect("Org1MSP", "User1"))
}

// isOneOf reports whether an error wraps one of several.
func isOneOf(err error, wanted ...error) bool {
	return slices.ContainsFunc(wanted, func(w error) bool { return errors.Is(err, w) })
}
