// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/internal/world"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// all is a statement with all evidence.
func all(s *scene) []byte {
	b := s.anchor()
	return s.statement(b, s.whole(b))
}

// attestedAfter is a statement with an attestation after something happened.
func attestedAfter(happen func(s *scene, b *world.Batch)) func(*scene) []byte {
	return func(s *scene) []byte {
		b := s.anchor()
		happen(s, b)
		return s.statement(b, world.Attested(s.attest(b)))
	}
}

func goodVectors() []vector {
	attested := []audit.Level{audit.Signed, audit.Received, audit.Attested, audit.Unrepudiated}
	return append(append(lifeVectors(attested), rogueGoodVectors(attested)...),
		vector{name: "eddsa-raft-everything", reached: audit.Levels(), build: all},
		vector{name: "es256-raft-everything", es256: true, reached: audit.Levels(), build: all},
		vector{name: "eddsa-bft-everything", trust: bftTrust, reached: audit.Levels(), build: all},
		vector{name: "es256-bft-everything", trust: bftTrust, es256: true, reached: audit.Levels(), build: all},
		vector{name: "no-evidence", reached: []audit.Level{}, build: func(s *scene) []byte {
			return s.statement(s.anchor(), receipt.Evidence{})
		}},
		vector{name: "transaction-alone", reached: []audit.Level{audit.Received, audit.Endorsed}, build: func(s *scene) []byte {
			b := s.anchor()
			return s.statement(b, receipt.Evidence{Envelope: b.Call.Envelope(s.t)})
		}},
		vector{name: "block-alone", reached: []audit.Level{audit.Received, audit.Endorsed, audit.Ordered}, build: func(s *scene) []byte {
			b := s.anchor()
			return s.statement(b, receipt.Evidence{Blocks: [][]byte{s.Block(b.Block).Bytes(s.t)}})
		}},
		vector{name: "attestation-alone", reached: attested, build: func(s *scene) []byte {
			b := s.anchor()
			return s.statement(b, world.Attested(s.attest(b)))
		}},
		vector{name: "transaction-and-attestation", reached: []audit.Level{
			audit.Signed, audit.Received, audit.Endorsed, audit.Attested, audit.Unrepudiated,
		}, build: func(s *scene) []byte { return s.endorsed(func(*world.Call) {}) }},
		vector{name: "three-organisations", es256: true, reached: audit.Levels(), build: threeOrganisations},
		vector{name: "block-of-three-transactions", reached: audit.Levels(), build: blockOfThree},
		vector{name: "batch-of-one", reached: attested, build: func(s *scene) []byte {
			b := s.Anchor(s.stream, s.bridge, s.read(s.pump))
			return b.Proof(s.t, 0, world.Attested(s.attest(b))).Statement(s.t)
		}},
		vector{name: "batch-of-seven-last", reached: attested, build: func(s *scene) []byte {
			var readings [][]byte
			for range 7 {
				readings = append(readings, s.read(s.pump))
			}
			b := s.Anchor(s.stream, s.bridge, readings...)
			return b.Proof(s.t, 6, world.Attested(s.attest(b))).Statement(s.t)
		}},
		vector{name: "heartbeat", reached: attested, build: heartbeat},
		vector{name: "certificates-expired-since", reached: audit.Levels(), build: expired},
		vector{name: "client-without-node-ous", trust: plainTrust, reached: attested, build: func(s *scene) []byte {
			b := s.anchor()
			return s.statement(b, world.Attested(s.attest(b, func(q *world.Question) {
				q.By = []*world.Member{s.Org("Org1MSP").Peer, s.Org("Org3MSP").Bridge}
			})))
		}},
		vector{name: "one-signature-more-than-needed-is-wrong", trust: bftTrust, reached: audit.Levels(), build: func(s *scene) []byte {
			return s.inBlock(func(b *world.Block) {
				b.Signers = append(b.Signers, world.Signer{Member: s.Orderers[3].WithKeyOf(s.Orderers[0]), Number: 4})
			})
		}},
	)
}

func threeOrganisations(s *scene) []byte {
	by := s.Peers("Org1MSP", "Org2MSP", "Org3MSP")
	return s.withCall(func(c *world.Call) { c.Endorsers = by }, func(q *world.Question) { q.By = by })
}

// blockOfThree puts the anchor's transaction between two others.
func blockOfThree(s *scene) []byte {
	s.Holding = true
	s.Register(name.New("Org1MSP", "pump-2"), world.EdDSA(s.t, "pump-2").Key())
	b := s.anchor()
	s.Holding = false
	s.Register(name.New("Org2MSP", "pump-3"), world.EdDSA(s.t, "pump-3").Key())
	require.EqualValues(s.t, 1, b.Index)
	return s.statement(b, s.whole(b))
}

func heartbeat(s *scene) []byte {
	beat, err := reading.Sign(s.pump, reading.Claims{Device: s.device, Sequence: 9, Time: s.Clock}, reading.Heartbeat, nil)
	require.NoError(s.t, err)
	b := s.Anchor(s.stream, s.bridge, s.read(s.pump), beat)
	return s.statement(b, world.Attested(s.attest(b)))
}

// expired has everything signed with certificates that ended before it: Fabric looks at their begin.
func expired(s *scene) []byte {
	old := func(a *world.Authority, unit string) *world.Member {
		return a.Issue(s.t, "old-"+unit, []string{unit}, func(c *x509.Certificate) {
			c.NotAfter = time.Date(2025, 2, 1, 0, 0, 0, 0, time.UTC)
		})
	}
	peers := []*world.Member{old(s.Org("Org1MSP").Issuing, "peer"), old(s.Org("Org2MSP").Issuing, "peer")}
	b := s.AnchorBy(old(s.Org("Org1MSP").Issuing, "client"), s.stream, s.bridge, s.read(s.pump), s.read(s.pump))
	c, block := b.Call, s.Block(b.Block)
	c.Endorsers = peers
	block.Envelopes[b.Index] = c.Envelope(s.t)
	block.Signers = []world.Signer{{Member: old(s.Ordering, "orderer")}}
	attestation := s.attest(b, func(q *world.Question) { q.By = peers })
	return s.statement(b, receipt.Evidence{Blocks: [][]byte{block.Bytes(s.t)}, Attestations: [][]byte{attestation}})
}

// lifeVectors are good vectors of devices and streams that changed.
func lifeVectors(attested []audit.Level) []vector {
	key := func(s *scene, name string) func() { return func() { s.pump = world.EdDSA(s.t, name) } }
	return []vector{
		{name: "key-that-authorised-its-successor-within-grace", reached: attested, build: func(s *scene) []byte {
			s.RotateDevice(s.device, world.EdDSA(s.t, "pump-1 second").Key(), "", 0)
			s.Pass(23 * world.Hour)
			return attestedAfter(func(*scene, *world.Batch) {})(s)
		}},
		{name: "chain-of-rotations", reached: attested, build: func(s *scene) []byte {
			for _, next := range []string{"pump-1 second", "pump-1 third", "pump-1 fourth"} {
				s.Pass(48 * world.Hour)
				s.RotateDevice(s.device, world.EdDSA(s.t, next).Key(), "", 0)
				key(s, next)()
			}
			s.RotateStream(s.stream, world.ES256(s.t, "bridge-1 second").Key(), "", 0)
			s.bridge = world.ES256(s.t, "bridge-1 second")
			return attestedAfter(func(s *scene, _ *world.Batch) {
				s.RotateDevice(s.device, world.EdDSA(s.t, "pump-1 fifth").Key(), "", 0)
			})(s)
		}},
		{name: "receipt-by-a-later-key", reached: attested, build: func(s *scene) []byte {
			return attestedAfter(func(s *scene, b *world.Batch) {
				b.Signer = world.EdDSA(s.t, "bridge-1 second")
				s.RotateStream(s.stream, b.Signer.Key(), "", 0)
			})(s)
		}},
		{name: "key-stolen-later", reached: attested, build: attestedAfter(func(s *scene, _ *world.Batch) {
			s.Pass(world.Hour)
			s.RotateDevice(s.device, world.EdDSA(s.t, "pump-1 second").Key(), "stolen", s.Clock)
		})},
		{name: "suspended-and-resumed-before", reached: attested, build: func(s *scene) []byte {
			s.Suspend(s.device)
			s.Pass(world.Hour)
			s.Resume(s.device)
			return attestedAfter(func(*scene, *world.Batch) {})(s)
		}},
		{name: "suspended-later", reached: attested, build: attestedAfter(func(s *scene, _ *world.Batch) { s.Suspend(s.device) })},
		{name: "revoked-later", reached: attested, build: attestedAfter(func(s *scene, _ *world.Batch) {
			s.Revoke(s.device, "scrapped", 0)
		})},
		{name: "revoked-by-an-earlier-date-and-a-later-place", reached: attested, build: attestedAfter(func(s *scene, b *world.Batch) {
			s.ChangeDeviceAt(s.device, "devices:Revoke", b.Call.Time-world.Second/2, world.Revoked("scrapped", 0))
		})},
		{name: "stopped-by-an-earlier-date-and-a-later-place", reached: attested, build: attestedAfter(func(s *scene, b *world.Batch) {
			s.StopAt(s.device, b.Call.Time-world.Second/2, "stolen")
		})},
		{name: "transferred-devices-former-record", reached: attested, build: attestedAfter(func(s *scene, _ *world.Batch) {
			to := name.New("Org2MSP", "pump-7")
			s.Pass(world.Hour)
			s.Transfer(s.device, to, world.EdDSA(s.t, "pump-7").Key())
			s.Revoke(to, "stolen", world.Begin)
		})},
		{name: "transferred-devices-new-record", reached: attested, build: func(s *scene) []byte {
			to := name.New("Org2MSP", "pump-7")
			s.Transfer(s.device, to, s.pump.Key())
			s.device = to
			return attestedAfter(func(*scene, *world.Batch) {})(s)
		}},
		{name: "evidence-against-another-batch", reached: attested, build: func(s *scene) []byte {
			b := s.anchor()
			s.anchor()
			return s.statement(b, world.Attested(s.attest(b, func(q *world.Question) { q.Reports = report(s.t, b, 2) })))
		}},
	}
}

// report is evidence against a batch of the stream of b.
func report(t testing.TB, b *world.Batch, number uint64) []record.EquivocationReport {
	t.Helper()
	return []record.EquivocationReport{{
		Type: record.EquivocationType, Version: record.Version, Stream: b.Anchor.Stream, Number: number,
		Contradiction: record.OtherAnchor, Digest: record.ZeroHash, Anchored: b.Entry.Hash, Claimed: record.ZeroHash, Root: record.ZeroHash,
		By: "Org2MSP", Reported: record.Moment{Time: b.Entry.LedgerTime + world.Minute, Tx: record.ZeroHash},
	}}
}
