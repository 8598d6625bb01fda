// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"fmt"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/internal/world"
	"github.com/anchorline/anchorline/chaincode/record"
)

// askedWith is a statement whose attestation's call is changed.
func askedWith(change func(s *scene, c *world.Call)) func(*scene) []byte {
	return func(s *scene) []byte {
		return s.asked(func(q *world.Question) { q.OnCall = func(c *world.Call) { change(s, c) } })
	}
}

func attestedVectors() []vector {
	var out []vector
	add := func(id audit.ID, name string, build func(*scene) []byte) {
		out = append(out, vector{check: id, name: name, build: build})
	}
	for name, change := range faultsOfForm() {
		add(audit.AttestedTransaction, name, askedWith(change))
	}
	add(audit.AttestedTransaction, "another-channel", askedWith(func(_ *scene, c *world.Call) {
		c.OnHeader = func(h *common.ChannelHeader) { h.ChannelId = "otherchannel" }
	}))
	add(audit.AttestedProposal, "answer-to-another", askedWith(func(_ *scene, c *world.Call) { c.OnAnswered = ofAnother }))
	add(audit.AttestedProposal, "time-changed-after-the-answer", askedWith(timeChanged))
	add(audit.AttestedAnswer, "another-ledger", answering(func(a *record.Attestation) { a.Ledger = "otherchannel/anchorline" }))
	add(audit.AttestedAnswer, "another-type", answering(func(a *record.Attestation) { a.Type = "statement" }))
	add(audit.AttestedAnswer, "later-version", answering(func(a *record.Attestation) { a.Version = 2 }))
	add(audit.AttestedAnswer, "no-nonce", answering(func(a *record.Attestation) { a.Nonce = "" }))
	add(audit.AttestedAnswer, "anchor-beyond-the-head", answering(func(a *record.Attestation) { a.Head.Number = 0 }))
	add(audit.AttestedAnswer, "hash-not-the-anchors", answering(func(a *record.Attestation) { a.Anchors[0].Hash = record.ZeroHash }))
	add(audit.AttestedAnswer, "another-nonce", answering(func(a *record.Attestation) { a.Nonce = record.ZeroHash }))
	for name, request := range map[string]string{
		"unasked-batch":          `{"devices":["Org1MSP/pump-1"],"nonce":"%s","stream":"Org1MSP/bridge-1"}`,
		"unasked-device":         `{"from":1,"nonce":"%s","stream":"Org1MSP/bridge-1","to":1}`,
		"question-of-another":    `{"devices":["Org1MSP/pump-1"],"from":1,"nonce":"%s","stream":"Org1MSP/bridge-2","to":1}`,
		"question-with-more":     `{"devices":["Org1MSP/pump-1"],"from":1,"more":1,"nonce":"%s","stream":"Org1MSP/bridge-1","to":1}`,
		"question-with-null":     `{"devices":["Org1MSP/pump-1"],"from":1,"nonce":"%s","stream":"Org1MSP/bridge-1","to":null}`,
		"question-with-fraction": `{"devices":["Org1MSP/pump-1"],"from":1.0,"nonce":"%s","stream":"Org1MSP/bridge-1","to":1}`,
	} {
		add(audit.AttestedAnswer, name, askedWith(func(s *scene, c *world.Call) { c.Args = []string{fmt.Sprintf(request, nonceOf(s.t, c))} }))
	}
	add(audit.AttestedAnswer, "device-twice", answering(func(a *record.Attestation) { a.Devices = append(a.Devices, a.Devices[0]) }))
	for name, change := range map[string]func(answer []byte) []byte{
		"not-canonical": func(answer []byte) []byte { return append([]byte(" "), answer...) },
		"unknown-field": func(answer []byte) []byte { return append([]byte(`{"aaa":1,`), answer[1:]...) },
		"not-json":      func(answer []byte) []byte { return answer[:len(answer)-1] },
		"nothing":       func([]byte) []byte { return nil },
	} {
		add(audit.AttestedAnswer, name, askedWith(func(_ *scene, c *world.Call) {
			c.Response = &peer.Response{Status: 200, Payload: change(c.Response.GetPayload())}
		}))
	}
	for name, change := range faultsOfEndorsers() {
		out = append(out, vector{check: audit.AttestedSignatures, name: name, says: reasonsOfEndorsers()[name],
			build: askedWith(func(s *scene, c *world.Call) { change(s, c, 2) })})
	}
	add(audit.AttestedSignatures, "two-peers-of-one-organisation", askedWith(func(s *scene, c *world.Call) {
		c.Endorsers = []*world.Member{s.Org("Org1MSP").Peer, s.Org("Org1MSP").Issuing.Issue(s.t, "peer1", []string{"peer"})}
	}))
	entry := func(change func(e *record.AnchorEntry)) func(*scene) []byte {
		return answering(func(a *record.Attestation) { change(&a.Anchors[0]) })
	}
	add(audit.AttestedAnchor, "another-transaction", entry(func(e *record.AnchorEntry) { e.TxID = record.ZeroHash }))
	add(audit.AttestedAnchor, "another-time", entry(func(e *record.AnchorEntry) { e.LedgerTime += world.Second }))
	add(audit.AttestedAnchor, "another-anchor", entry(func(e *record.AnchorEntry) { e.Anchor.Gaps++; e.Hash, _ = e.Anchor.HashText() }))
	claims := func(change func(p *world.Proof)) func(*scene) []byte {
		return func(s *scene) []byte {
			b := s.anchor()
			p := b.Proof(s.t, 1, world.Attested(s.attest(b)))
			change(&p)
			return p.Statement(s.t)
		}
	}
	add(audit.AttestedAnchor, "receipt-of-a-false-transaction", claims(func(p *world.Proof) { p.Claims.Transaction[0] ^= 1 }))
	add(audit.AttestedAnchor, "receipt-of-a-false-time", claims(func(p *world.Proof) { p.Claims.LedgerTime -= world.Second }))
	add(audit.AttestedAnchor, "receipt-of-another-anchor-under-the-number", otherAnchor)
	return sorted(out)
}

// nonceOf is the nonce of an answer.
func nonceOf(t testing.TB, c *world.Call) string {
	t.Helper()
	said, err := record.ParseAttestation(c.Response.GetPayload())
	require.NoError(t, err)
	return said.Nonce
}

// otherAnchor is a statement of a batch that the stream stands for beside the one that it anchored.
func otherAnchor(s *scene) []byte {
	anchored := s.anchor()
	shadow := plain(s.t)
	shadow.next = 50
	other := shadow.anchor()
	p := other.Proof(s.t, 1, world.Attested(s.attest(anchored)))
	p.Claims.Transaction, p.Claims.LedgerTime = anchored.Claims().Transaction, anchored.Entry.LedgerTime
	return p.Statement(s.t)
}

func repudiatedVectors() []vector {
	var out []vector
	add := func(name string, happen func(s *scene, b *world.Batch)) {
		out = append(out, vector{check: audit.Repudiated, name: name, build: func(s *scene) []byte {
			b := s.anchor()
			happen(s, b)
			return s.statement(b, s.whole(b))
		}})
	}
	add("device-compromised", func(s *scene, b *world.Batch) {
		s.Pass(world.Hour)
		s.Revoke(s.device, "stolen", b.Entry.LedgerTime-world.Second)
	})
	add("device-compromised-since-the-anchor", func(s *scene, b *world.Batch) { s.Revoke(s.device, "stolen", b.Entry.LedgerTime) })
	add("key-compromised", func(s *scene, b *world.Batch) {
		s.Pass(world.Hour)
		s.RotateDevice(s.device, world.EdDSA(s.t, "pump-1 second").Key(), "stolen", b.Entry.LedgerTime-world.Second)
	})
	add("stream-key-compromised", func(s *scene, b *world.Batch) {
		s.Pass(world.Hour)
		s.RotateStream(s.stream, world.EdDSA(s.t, "bridge-1 second").Key(), "stolen", b.Entry.LedgerTime-world.Second)
	})
	add("former-owner-after-the-transfer", func(s *scene, b *world.Batch) {
		s.ChangeDevice(s.device, "devices:Revoke", func(d *record.Device, now record.Moment) {
			d.Transferred = &record.Moment{Time: now.Time - world.Second/2, Tx: record.ZeroHash}
			world.Revoked("was stolen before it was sold", b.Entry.LedgerTime)(d, now)
		})
	})
	out = append(out, vector{check: audit.Repudiated, name: "evidence-against-the-batch", build: func(s *scene) []byte {
		b := s.anchor()
		return s.statement(b, world.Attested(s.attest(b, func(q *world.Question) { q.Reports = report(s.t, b, b.Anchor.Number) })))
	}})
	return out
}
