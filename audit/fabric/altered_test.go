// SPDX-License-Identifier: Apache-2.0

package fabric_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit/fabric"
	"github.com/anchorline/anchorline/audit/fabric/fabrictest"
	"github.com/anchorline/anchorline/audit/trust"
)

// provenTransaction reports whether creator and both organisations vouch for an envelope.
func provenTransaction(v *trust.Verifier, envelope []byte, signed bool) bool {
	tx, err := fabric.ParseTransaction(envelope)
	if err != nil || signed && tx.VerifyCreator(v) != nil || !signed && tx.Signed() {
		return false
	}
	organisations, faults := tx.VerifyEndorsements(v)
	return len(faults) == 0 && len(organisations) == 2
}

// orderers counts the orderers who vouch for a block and its data.
func orderers(v *trust.Verifier, block []byte) int {
	b, err := fabric.ParseBlock(block)
	if err != nil || b.VerifyData() != nil {
		return 0
	}
	signers, err := b.VerifySignatures(v)
	if err != nil {
		return 0
	}
	return len(signers)
}

// requireNoAlteration changes each byte in two ways, and cuts at each.
func requireNoAlteration(t *testing.T, content []byte, proven func([]byte) bool) {
	t.Helper()
	require.True(t, proven(content))
	altered := bytes.Clone(content)
	for i := range content {
		for _, bits := range [...]byte{0x01, 0x80} {
			altered[i] ^= bits
			if proven(altered) {
				require.Failf(t, "an altered copy is proven", "byte %d of %d, bits %#x", i, len(content), bits)
			}
			altered[i] ^= bits
		}
		if i%16 == 0 && proven(content[:i]) {
			require.Failf(t, "a shortened copy is proven", "%d of %d bytes", i, len(content))
		}
	}
	require.False(t, proven(append(bytes.Clone(content), 0)))
}

// requireNothingAlteredPasses alters everything that a network signed.
func requireNothingAlteredPasses(t *testing.T, a artefacts) {
	t.Helper()
	requireNoAlteration(t, a.envelope, func(b []byte) bool { return provenTransaction(a.verifier, b, true) })
	requireNoAlteration(t, a.attested, func(b []byte) bool { return provenTransaction(a.verifier, b, false) })
	// A BFT block may have more signatures than it needs: an altered one counts no more.
	whole := orderers(a.verifier, a.block)
	requireNoAlteration(t, a.block, func(b []byte) bool { return orderers(a.verifier, b) >= whole })
}

func TestNothingAlteredOfANetworkPasses(t *testing.T) {
	requireNothingAlteredPasses(t, onNetwork(t))
}

func TestNothingAlteredOfABFTNetworkPasses(t *testing.T) {
	n := fabrictest.NewNetwork(t, 4)
	v := n.Verifier(t)
	block := trimmed(t, n.Block(t, 5, [][]byte{n.Envelope(t, anchoring(), n.Peer1, n.Peer2)}, n.Orderers[:3]...))
	requireNoAlteration(t, block, func(b []byte) bool { return orderers(v, b) > 0 })
}

func FuzzParseTransaction(f *testing.F) {
	n := fabrictest.NewNetwork(f, 0)
	v := n.Verifier(f)
	f.Add(n.Envelope(f, anchoring(), n.Peer1, n.Peer2))
	f.Add(n.Envelope(f, fabrictest.Call{Unsigned: true}, n.Peer1))
	for _, name := range []string{"raft", "smartbft"} {
		f.Add(read(f, name).envelope)
		f.Add(read(f, name).attested)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tx, err := fabric.ParseTransaction(data)
		if err != nil {
			require.True(t, isOneOf(err, fabric.ErrFormat, fabric.ErrProposal), err)
			return
		}
		require.NotEmpty(t, tx.Chaincode)
		_ = tx.VerifyCreator(v)
		organisations, faults := tx.VerifyEndorsements(v)
		require.LessOrEqual(t, len(organisations)+len(faults), max(len(tx.Endorsements), 1))
	})
}

func FuzzParseBlock(f *testing.F) {
	n := fabrictest.NewNetwork(f, 4)
	v := n.Verifier(f)
	envelopes := [][]byte{n.Envelope(f, anchoring(), n.Peer1), n.Envelope(f, anchoring(), n.Peer2)}
	f.Add(n.Block(f, 1, envelopes, n.Orderers...))
	f.Add(trimmed(f, n.Block(f, 1, envelopes, n.Orderers...)))
	f.Add(trimmed(f, n.ConfigBlock(f)))
	f.Add(read(f, "raft").block)
	f.Add(read(f, "smartbft").block)
	f.Fuzz(func(t *testing.T, data []byte) {
		if cut, err := fabric.Trim(data); err == nil {
			again, err := fabric.Trim(cut)
			require.NoError(t, err)
			require.Equal(t, cut, again)
		}
		b, err := fabric.ParseBlock(data)
		if err != nil {
			require.True(t, isOneOf(err, fabric.ErrFormat), err)
			return
		}
		require.NotEmpty(t, b.Entries)
		_ = b.VerifyData()
		_, _ = b.VerifySignatures(v)
		for _, e := range b.Entries {
			if e.ID != "" {
				_, _, err := b.Find(e.ID)
				require.False(t, isOneOf(err, fabric.ErrNoTransaction))
			}
		}
	})
}

func BenchmarkTransactionOfTwoEndorsements(b *testing.B) {
	n := fabrictest.NewNetwork(b, 0)
	v, envelope := n.Verifier(b), n.Envelope(b, anchoring(), n.Peer1, n.Peer2)
	require.True(b, provenTransaction(v, envelope, true))
	b.ReportAllocs()
	for b.Loop() {
		if !provenTransaction(v, envelope, true) {
			b.Fatal("not proven")
		}
	}
}

func BenchmarkRaftBlockOfOneTransaction(b *testing.B) {
	n := fabrictest.NewNetwork(b, 0)
	v, block := n.Verifier(b), trimmed(b, n.Block(b, 1, [][]byte{n.Envelope(b, anchoring(), n.Peer1, n.Peer2)}, n.Orderers[0]))
	b.ReportAllocs()
	for b.Loop() {
		if orderers(v, block) != 1 {
			b.Fatal("not proven")
		}
	}
}
