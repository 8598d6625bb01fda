// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/internal/world"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// scene is a world with one device and one stream of Org1MSP.
type scene struct {
	*world.World
	t      testing.TB
	device name.Name
	stream name.Name
	pump   cose.Signer // the device's key
	bridge cose.Signer // the stream's key
	next   uint64      // the device's next reading
}

// newScene makes a scene with keys of one algorithm, one Raft orderer or BFT consenters.
func newScene(t testing.TB, consenters int, signer func(testing.TB, string) cose.Signer) *scene {
	t.Helper()
	s := &scene{
		World: world.New(t, consenters), t: t, next: 1, device: name.New("Org1MSP", "pump-1"), stream: name.New("Org1MSP", "bridge-1"),
		pump: signer(t, "pump-1"), bridge: signer(t, "bridge-1"),
	}
	s.Open(s.stream, s.bridge.Key())
	s.Register(s.device, s.pump.Key())
	s.Pass(world.Minute)
	return s
}

// plain is a scene of Ed25519 keys and one Raft orderer.
func plain(t testing.TB) *scene {
	t.Helper()
	return newScene(t, 0, world.EdDSA)
}

// read signs the device's next reading.
func (s *scene) read(signer cose.Signer) []byte {
	s.t.Helper()
	s.next++
	return world.Reading(s.t, signer, s.device, s.next-1, s.Clock-4*world.Second)
}

// anchor anchors three readings of the device, and returns the batch.
func (s *scene) anchor() *world.Batch {
	s.t.Helper()
	return s.Anchor(s.stream, s.bridge, s.read(s.pump), s.read(s.pump), s.read(s.pump))
}

// attest asks Org1MSP and Org2MSP about a batch and the device.
func (s *scene) attest(b *world.Batch, change ...func(*world.Question)) []byte {
	s.t.Helper()
	q := b.About(s.device)
	for _, c := range change {
		c(&q)
	}
	return s.Attest(q)
}

// whole is all evidence about a batch as of now.
func (s *scene) whole(b *world.Batch) receipt.Evidence {
	s.t.Helper()
	return receipt.Evidence{Blocks: [][]byte{s.Block(b.Block).Bytes(s.t)}, Attestations: [][]byte{s.attest(b)}}
}

// statement is the statement of the batch's second reading.
func (s *scene) statement(b *world.Batch, e receipt.Evidence) []byte {
	s.t.Helper()
	return b.Proof(s.t, 1, e).Statement(s.t)
}

// verify verifies what the scene's trust makes of a statement.
func (s *scene) verify(data []byte, require ...audit.Requirement) *audit.Report {
	s.t.Helper()
	return verifier(s.t, s.World, require...).Verify(data)
}

func verifier(t testing.TB, w *world.World, requirement ...audit.Requirement) *audit.Verifier {
	t.Helper()
	v, err := audit.NewVerifier(w.Trust, append(requirement, audit.Requirement{})[0])
	require.NoError(t, err)
	return v
}

// requireProven checks that everything is reached.
func requireProven(t testing.TB, r *audit.Report) {
	t.Helper()
	require.NoError(t, r.Err())
	require.True(t, r.OK)
	require.Equal(t, audit.Levels(), r.Reached)
}

// failed are the checks that failed.
func failed(r *audit.Report) []audit.ID {
	var ids []audit.ID
	for _, c := range r.Checks {
		if c.Outcome == audit.Failed {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// requireFailed checks that one check failed, and no other, and that it says why.
func requireFailed(t testing.TB, r *audit.Report, id audit.ID, detail string) {
	t.Helper()
	require.Equal(t, []audit.ID{id}, failed(r), "%+v", r.Checks)
	require.Contains(t, r.Check(id).Detail, detail)
	require.False(t, r.OK)
	require.ErrorIs(t, r.Err(), audit.ErrNotProven)
	require.ErrorContains(t, r.Err(), string(id))
}

// signers make keys, one for each algorithm.
func signers() []func(testing.TB, string) cose.Signer {
	return []func(testing.TB, string) cose.Signer{world.EdDSA, world.ES256}
}

// endorsed is a statement whose anchor's transaction is changed, beside an honest attestation.
func (s *scene) endorsed(change func(*world.Call)) []byte {
	s.t.Helper()
	b := s.anchor()
	c := b.Call
	change(&c)
	return s.statement(b, receipt.Evidence{Envelope: c.Envelope(s.t), Attestations: [][]byte{s.attest(b)}})
}

// withCall is a statement with all evidence, of a changed transaction and of a changed question.
func (s *scene) withCall(change func(*world.Call), ask func(*world.Question)) []byte {
	s.t.Helper()
	b := s.anchor()
	c, block := b.Call, s.Block(b.Block)
	change(&c)
	block.Envelopes[b.Index] = c.Envelope(s.t)
	return s.statement(b, receipt.Evidence{Blocks: [][]byte{block.Bytes(s.t)}, Attestations: [][]byte{s.attest(b, ask)}})
}

// inBlock is a statement whose block is changed, beside an honest attestation.
func (s *scene) inBlock(change func(*world.Block)) []byte {
	s.t.Helper()
	b := s.anchor()
	block := s.Block(b.Block)
	change(&block)
	return s.statement(b, receipt.Evidence{Blocks: [][]byte{block.Bytes(s.t)}, Attestations: [][]byte{s.attest(b)}})
}

// asked is a statement whose attestation is changed, beside the honest transaction.
func (s *scene) asked(change func(*world.Question)) []byte {
	s.t.Helper()
	b := s.anchor()
	return s.statement(b, receipt.Evidence{Envelope: b.Call.Envelope(s.t), Attestations: [][]byte{s.attest(b, change)}})
}

// proof is a statement with all evidence, changed in its reading, receipt or anchor.
func (s *scene) proof(change func(*world.Proof)) []byte {
	s.t.Helper()
	b := s.anchor()
	p := b.Proof(s.t, 1, s.whole(b))
	change(&p)
	return p.Statement(s.t)
}
