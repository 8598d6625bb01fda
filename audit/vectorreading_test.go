// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"crypto/sha256"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/internal/world"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// readBy is a statement with all evidence of a reading that somebody signed, after something happened.
func readBy(signer func(*scene) cose.Signer, before func(*scene), after func(*scene)) func(*scene) []byte {
	return func(s *scene) []byte {
		if before != nil {
			before(s)
		}
		b := s.Anchor(s.stream, s.bridge, s.read(s.pump), s.read(signer(s)))
		if after != nil {
			after(s)
		}
		return s.statement(b, s.whole(b))
	}
}

func itself(s *scene) cose.Signer { return s.pump }

func signerOf(name string) func(*scene) cose.Signer {
	return func(s *scene) cose.Signer { return world.EdDSA(s.t, name) }
}

// forger signs as the device with a key of its own.
func forger(s *scene) cose.Signer {
	if s.pump.Key().Algorithm() == cose.AlgorithmES256 {
		return world.Forger{Signer: world.ES256(s.t, "mallory"), As: s.pump.Key()}
	}
	return world.Forger{Signer: world.EdDSA(s.t, "mallory"), As: s.pump.Key()}
}

// altered is a statement of a reading that was altered after it was signed, and then anchored.
func altered(change func([]byte) []byte) func(*scene) []byte {
	return func(s *scene) []byte {
		honest := s.read(s.pump)
		forged := change(bytes.Clone(honest))
		require.NotEqual(s.t, honest, forged)
		b := s.Anchor(s.stream, s.bridge, s.read(s.pump), forged)
		return s.statement(b, s.whole(b))
	}
}

// answering is a statement whose attestation says something else.
func answering(change func(*record.Attestation)) func(*scene) []byte {
	return func(s *scene) []byte {
		return s.asked(func(q *world.Question) { q.OnAnswer = change })
	}
}

func readingVectors() []vector {
	out := []vector{
		{name: "never-registered", build: readBy(signerOf("mallory"), nil, nil)},
		{name: "of-another-device", build: readBy(signerOf("pump-2"), func(s *scene) {
			s.Register(name.New("Org1MSP", "pump-2"), world.EdDSA(s.t, "pump-2").Key())
		}, nil)},
		{name: "another-key-under-the-id", build: func(s *scene) []byte {
			other := world.EdDSA(s.t, "mallory").Key().Text()
			return answering(func(a *record.Attestation) { a.Devices[0].Keys[0].Public = other })(s)
		}},
		{name: "not-a-key", build: answering(func(a *record.Attestation) { a.Devices[0].Keys[0].Public = "AAAA" })},
	}
	for i := range out {
		out[i].check = audit.ReadingKey
	}
	for _, v := range []vector{
		{name: "forged-eddsa", build: readBy(forger, nil, nil)},
		{name: "forged-es256", es256: true, build: readBy(forger, nil, nil)},
		{name: "payload-altered", build: altered(func(b []byte) []byte { return bytes.Replace(b, []byte(`"Cel"`), []byte(`"Far"`), 1) })},
		{name: "clock-altered", build: altered(func(b []byte) []byte {
			label := []byte{0x3a, 0x00, 0x01, 0x11, 0x71, 0x1b} // claim -70002, the device's clock, in 8 bytes
			b[bytes.Index(b, label)+len(label)+7] ^= 1
			return b
		})},
		{name: "signature-of-zeros", build: altered(zeroSignature)},
	} {
		v.check = audit.ReadingSignature
		out = append(out, v)
	}
	return append(out, standingVectors()...)
}

// placed has the peers read a record that a transaction of another block wrote.
func placed(c *world.Call, key string, block uint64) {
	for _, read := range c.Reads {
		if read.GetKey() == key {
			read.Version.BlockNum = block
		}
	}
}

// zeroSignature gives a reading zeros for a signature.
func zeroSignature(b []byte) []byte {
	return append(b[:len(b)-cose.SignatureSize], make([]byte, cose.SignatureSize)...)
}

func standingVectors() []vector {
	rotate := func(reason string, since int64) func(s *scene) {
		return func(s *scene) { s.RotateDevice(s.device, world.EdDSA(s.t, "pump-1 second").Key(), reason, since) }
	}
	other := name.New("Org1MSP", "pump-9")
	out := []vector{
		{name: "key-ended-more-than-the-grace-before", build: readBy(signerOf("pump-1"), func(s *scene) {
			rotate("", 0)(s)
			s.Pass(25 * world.Hour)
		}, nil)},
		{name: "key-put-in-later", build: readBy(signerOf("pump-1 second"), nil, rotate("", 0))},
		{name: "key-replaced-as-stolen-and-clock-set-back", build: func(s *scene) []byte {
			s.Pass(world.Hour)
			rotate("stolen", 0)(s)
			forged := world.Reading(s.t, s.pump, s.device, 77, world.Begin)
			b := s.Anchor(s.stream, s.bridge, s.read(world.EdDSA(s.t, "pump-1 second")), forged)
			return s.statement(b, s.whole(b))
		}},
		{name: "registered-later", build: func(s *scene) []byte {
			s.device = other
			return readBy(itself, nil, func(s *scene) { s.Register(other, s.pump.Key()) })(s)
		}},
		{name: "suspended", build: readBy(itself, func(s *scene) { s.Suspend(s.device) }, nil)},
		{name: "suspended-and-resumed-later", build: readBy(itself, func(s *scene) { s.Suspend(s.device) }, func(s *scene) { s.Resume(s.device) })},
		{name: "revoked", build: readBy(itself, func(s *scene) { s.Revoke(s.device, "scrapped", 0) }, nil)},
		{name: "revoked-with-a-compromise-dated-back", build: readBy(itself, func(s *scene) { s.Revoke(s.device, "stolen", world.Begin) }, nil)},
		{name: "transferred", build: readBy(itself, func(s *scene) { s.Transfer(s.device, name.New("Org2MSP", "pump-7"), s.pump.Key()) }, nil)},
		{name: "new-owners-record-of-a-reading-before-the-transfer", build: func(s *scene) []byte {
			from, to := s.device, name.New("Org2MSP", "pump-7")
			s.device = to
			return readBy(itself, nil, func(s *scene) { s.Transfer(from, to, s.pump.Key()) })(s)
		}},
		{name: "revoked-by-a-later-date-and-an-earlier-place", build: func(s *scene) []byte {
			s.ChangeDeviceAt(s.device, "devices:Revoke", s.Clock+world.Hour, world.Revoked("scrapped", 0))
			b := s.anchor()
			return s.statement(b, world.Attested(s.attest(b)))
		}},
		{name: "stopped-by-a-later-date-and-an-earlier-place", build: func(s *scene) []byte {
			s.StopAt(s.device, s.Clock+world.Hour, "stolen")
			b := s.anchor()
			return s.statement(b, world.Attested(s.attest(b)))
		}},
		{name: "revoked-before-in-the-same-block", build: func(s *scene) []byte {
			s.Holding = true
			s.ChangeDeviceAt(s.device, "devices:Revoke", s.Clock+world.Hour, world.Revoked("scrapped", 0))
			b := s.anchor()
			return s.statement(b, s.whole(b))
		}},
	}
	for i := range out {
		out[i].check = audit.ReadingStanding
	}
	return out
}

func receiptVectors() []vector {
	var out []vector
	add := func(id audit.ID, name string, build func(*scene) []byte) {
		out = append(out, vector{check: id, name: name, build: build})
	}
	changed := func(change func(s *scene, p *world.Proof)) func(*scene) []byte {
		return func(s *scene) []byte { return s.proof(func(p *world.Proof) { change(s, p) }) }
	}
	add(audit.ReceiptKey, "never-the-streams", changed(func(s *scene, p *world.Proof) { p.Signer = world.EdDSA(s.t, "mallory") }))
	add(audit.ReceiptKey, "the-devices", changed(func(s *scene, p *world.Proof) { p.Signer = s.pump }))
	add(audit.ReceiptKey, "not-a-key", answering(func(a *record.Attestation) { a.Stream.Keys[0].Public = "AAAA" }))
	add(audit.ReceiptSignature, "forged-eddsa", changed(func(s *scene, p *world.Proof) {
		p.Signer = world.Forger{Signer: world.EdDSA(s.t, "mallory"), As: s.bridge.Key()}
	}))
	out = append(out, vector{check: audit.ReceiptSignature, name: "forged-es256", es256: true, build: changed(func(s *scene, p *world.Proof) {
		p.Signer = world.Forger{Signer: world.ES256(s.t, "mallory"), As: s.bridge.Key()}
	})})
	add(audit.ReceiptSignature, "of-another-root", changed(func(_ *scene, p *world.Proof) { p.Root[0] ^= 1 }))
	add(audit.ReceiptLedger, "another-channel", changed(func(_ *scene, p *world.Proof) { p.Claims.Ledger = "otherchannel/anchorline" }))
	add(audit.ReceiptLedger, "another-chaincode", changed(func(_ *scene, p *world.Proof) { p.Claims.Ledger = "mychannel/other" }))
	add(audit.ReceiptStanding, "key-replaced-as-stolen", func(s *scene) []byte {
		s.RotateStream(s.stream, world.EdDSA(s.t, "bridge-1 second").Key(), "stolen", 0)
		return all(s)
	})
	add(audit.ReceiptStanding, "key-ended-more-than-the-grace-before", func(s *scene) []byte {
		s.RotateStream(s.stream, world.EdDSA(s.t, "bridge-1 second").Key(), "", 0)
		s.Pass(25 * world.Hour)
		return all(s)
	})
	add(audit.ReceiptStanding, "opened-later", func(s *scene) []byte {
		return s.asked(func(q *world.Question) {
			q.OnAnswer = func(a *record.Attestation) {
				a.Stream.Opened.Time += 24 * world.Hour
				a.Stream.Updated = a.Stream.Opened
			}
			q.OnCall = func(c *world.Call) { placed(c, record.StreamKey(s.stream), 99) }
		})
	})
	add(audit.AnchorHash, "another-batch", changed(func(s *scene, p *world.Proof) { p.Anchor = s.anchor().Bytes }))
	add(audit.AnchorHash, "altered", changed(func(_ *scene, p *world.Proof) {
		p.Anchor = bytes.Replace(p.Anchor, []byte(`"gaps":0`), []byte(`"gaps":1`), 1)
	}))
	add(audit.AnchorHash, "not-canonical", changed(func(_ *scene, p *world.Proof) { p.Anchor = append([]byte(" "), p.Anchor...) }))
	add(audit.AnchorHash, "named-and-not-canonical", func(s *scene) []byte {
		b := s.anchor()
		p := b.Proof(s.t, 1, world.Attested(s.Attest(world.Question{Stream: s.stream, Devices: []name.Name{s.device}})))
		p.Anchor = append([]byte(" "), p.Anchor...)
		p.Claims.Anchor = sha256.Sum256(p.Anchor)
		return p.Statement(s.t)
	})
	add(audit.AnchorContent, "another-number", func(s *scene) []byte {
		b := s.anchor()
		s.anchor()
		p := b.Proof(s.t, 1, receipt.Evidence{Attestations: [][]byte{s.Attest(world.Question{Stream: s.stream, Devices: []name.Name{s.device}})}})
		p.Claims.Number = 2
		return p.Statement(s.t)
	})
	add(audit.AnchorContent, "another-stream", func(s *scene) []byte {
		other := name.New("Org1MSP", "bridge-2")
		s.Open(other, s.bridge.Key())
		s.Anchor(other, s.bridge, s.read(s.pump))
		b := s.anchor()
		p := b.Proof(s.t, 1, receipt.Evidence{Attestations: [][]byte{s.Attest(world.Question{Stream: other, Devices: []name.Name{s.device}})}})
		p.Claims.Stream = other
		return p.Statement(s.t)
	})
	add(audit.InclusionPath, "wrong-hash", changed(func(_ *scene, p *world.Proof) { p.Path[0][31] ^= 1 }))
	add(audit.InclusionPath, "wrong-index", changed(func(_ *scene, p *world.Proof) { p.Index = 0 }))
	add(audit.InclusionPath, "wrong-size", changed(func(_ *scene, p *world.Proof) { p.Size = 4 }))
	add(audit.InclusionPath, "reading-of-another-batch", changed(func(s *scene, p *world.Proof) { p.Reading = s.read(s.pump) }))
	add(audit.InclusionPath, "reading-of-the-same-batch", func(s *scene) []byte {
		b := s.anchor()
		p := b.Proof(s.t, 1, s.whole(b))
		p.Reading = b.Readings[0]
		return p.Statement(s.t)
	})
	return out
}
