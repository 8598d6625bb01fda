// SPDX-License-Identifier: Apache-2.0

package fabric_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit/fabric"
	"github.com/anchorline/anchorline/audit/trust"
)

var update = flag.Bool("update", false, "with -fabric: keep in testdata what the real networks sign")

// kept are the files of what a real network signed.
func kept(name string) (trustFile, block, envelope, attestation string) {
	in := func(file string) string { return filepath.Join("testdata", name, file) }
	return in("trust.json"), in("block.pb"), in("envelope.pb"), in("attestation.pb")
}

// keep writes what a network signed to testdata, with -update.
func (a artefacts) keep(t *testing.T, name string) {
	t.Helper()
	if !*update {
		return
	}
	text, err := a.trust.Encode()
	require.NoError(t, err)
	trustFile, block, envelope, attestation := kept(name)
	require.NoError(t, os.MkdirAll(filepath.Dir(trustFile), 0o755))
	for file, content := range map[string][]byte{trustFile: text, block: a.block, envelope: a.envelope, attestation: a.attested} {
		require.NoError(t, os.WriteFile(file, content, 0o644))
	}
}

// read reads what was kept.
func read(t testing.TB, name string) artefacts {
	t.Helper()
	file := func(path string) []byte {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		return content
	}
	trustFile, block, envelope, attestation := kept(name)
	a := artefacts{block: file(block), envelope: file(envelope), attested: file(attestation)}
	var err error
	a.trust, err = trust.Parse(file(trustFile))
	require.NoError(t, err)
	a.verifier, err = trust.NewVerifier(a.trust)
	require.NoError(t, err)
	tx, err := fabric.ParseTransaction(a.envelope)
	require.NoError(t, err)
	a.tx = tx.ID
	text, err := a.trust.Encode()
	require.NoError(t, err)
	require.Equal(t, string(file(trustFile)), string(text), "the file is as Encode writes it")
	return a
}

// TestWhatRealNetworksSignedStaysProven verifies what Fabric 3.1.5 signed, with three Raft and with
// four SmartBFT orderers.
func TestWhatRealNetworksSignedStaysProven(t *testing.T) {
	for name, orderers := range map[string]int{"raft": 1, "smartbft": 3} {
		a := read(t, name)
		requireProven(t, a, orderers)
		requireNothingAlteredPasses(t, a)
		b, err := fabric.ParseBlock(a.block)
		require.NoError(t, err)
		_, tx, err := b.Find(a.tx)
		require.NoError(t, err)
		require.Equal(t, a.tx, tx.ID)
	}
	// Each network's trust says nothing of the other.
	raft, bft := read(t, "raft"), read(t, "smartbft")
	require.False(t, provenTransaction(raft.verifier, bft.envelope, true))
	require.Zero(t, orderers(raft.verifier, bft.block))
	require.Zero(t, orderers(bft.verifier, raft.block))
}
