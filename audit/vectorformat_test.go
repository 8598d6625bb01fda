// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"crypto/elliptic"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/internal/world"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/receipt"
)

// Parts of CBOR, written by hand so that they can be written wrongly.
func cborBytes(content []byte) []byte {
	head := []byte{0x59, byte(len(content) >> 8), byte(len(content))}
	switch {
	case len(content) < 24:
		head = []byte{byte(0x40 + len(content))}
	case len(content) < 256:
		head = []byte{0x58, byte(len(content))}
	}
	return slices.Concat(head, content)
}

// Labels of the unprotected header: 394, -70010 and -70011; and one that is unknown, -70012.
func labelReceipts() []byte { return []byte{0x19, 0x01, 0x8a} }
func labelAnchor() []byte   { return []byte{0x3a, 0x00, 0x01, 0x11, 0x79} }
func labelEvidence() []byte { return []byte{0x3a, 0x00, 0x01, 0x11, 0x7a} }
func labelUnknown() []byte  { return []byte{0x3a, 0x00, 0x01, 0x11, 0x7b} }

// pieces are what the unprotected header of an honest statement is made of.
type pieces struct {
	message         cose.Message
	receipt, anchor []byte
	evidence        []byte
}

func (s *scene) pieces() pieces {
	s.t.Helper()
	b := s.anchor()
	e := world.Attested(s.attest(b))
	p := b.Proof(s.t, 1, e)
	m, err := cose.Parse(p.Reading)
	require.NoError(s.t, err)
	encoded, err := e.Encode()
	require.NoError(s.t, err)
	return pieces{message: m, receipt: p.Receipt(s.t), anchor: p.Anchor, evidence: encoded}
}

// with puts an unprotected header of n pairs into bytes.
func (p pieces) with(n int, parts ...[]byte) []byte {
	p.message.Unprotected = slices.Concat([]byte{byte(0xa0 + n)}, slices.Concat(parts...))
	return p.message.Encode()
}

func (p pieces) honest() []byte {
	return p.with(3, labelReceipts(), []byte{0x81}, cborBytes(p.receipt), labelAnchor(), cborBytes(p.anchor), labelEvidence(), cborBytes(p.evidence))
}

// assembled is a statement put together by hand.
func assembled(how func(p pieces) []byte) func(*scene) []byte {
	return func(s *scene) []byte { return how(s.pieces()) }
}

// withEvidence is a statement with evidence put together by hand.
func withEvidence(how func(p pieces) []byte) func(*scene) []byte {
	return assembled(func(p pieces) []byte {
		p.evidence = how(p)
		return p.honest()
	})
}

func TestTheHandMadeStatementIsTheHonestOne(t *testing.T) {
	s := plain(t)
	data := s.pieces().honest()
	parsed, err := receipt.ParseStatement(data)
	require.NoError(t, err)
	again, err := parsed.Bytes()
	require.NoError(t, err)
	require.Equal(t, again, data)
	require.NoError(t, s.verify(data).Err())
}

func formatVectors() []vector {
	out := []vector{
		{name: "truncated", says: "too early", build: assembled(func(p pieces) []byte { b := p.honest(); return b[:len(b)-1] })},
		{name: "a-byte-too-many", says: "1 bytes follow", build: assembled(func(p pieces) []byte { return append(p.honest(), 0) })},
		{name: "not-tagged", says: "does not start with tag 18", build: assembled(func(p pieces) []byte { return p.honest()[1:] })},
		{name: "reading-alone", says: "label 394 is missing", build: assembled(func(p pieces) []byte { return p.message.Encode() })},
		{name: "no-anchor", says: "label -70010 is missing", build: assembled(func(p pieces) []byte { return p.with(1, labelReceipts(), []byte{0x81}, cborBytes(p.receipt)) })},
		{name: "no-receipt", says: "label 394 is missing", build: assembled(func(p pieces) []byte { return p.with(1, labelAnchor(), cborBytes(p.anchor)) })},
		{name: "empty-anchor", says: "anchor is empty", build: assembled(func(p pieces) []byte {
			return p.with(2, labelReceipts(), []byte{0x81}, cborBytes(p.receipt), labelAnchor(), []byte{0x40})
		})},
		{name: "two-receipts", says: "2 receipts, not 1", build: assembled(func(p pieces) []byte {
			return p.with(2, labelReceipts(), []byte{0x82}, cborBytes(p.receipt), cborBytes(p.receipt), labelAnchor(), cborBytes(p.anchor))
		})},
		{name: "labels-disordered", says: "sort keys bytewise", build: assembled(func(p pieces) []byte {
			return p.with(2, labelAnchor(), cborBytes(p.anchor), labelReceipts(), []byte{0x81}, cborBytes(p.receipt))
		})},
		{name: "label-twice", says: "duplicate map key", build: assembled(func(p pieces) []byte {
			return p.with(3, labelReceipts(), []byte{0x81}, cborBytes(p.receipt), labelAnchor(), cborBytes(p.anchor), labelAnchor(), cborBytes(p.anchor))
		})},
		{name: "unknown-label", says: "only 2 belong here", build: assembled(func(p pieces) []byte {
			return p.with(3, labelReceipts(), []byte{0x81}, cborBytes(p.receipt), labelAnchor(), cborBytes(p.anchor), labelUnknown(), []byte{0x00})
		})},
		{name: "length-not-shortest", says: "use the shortest form", build: assembled(func(p pieces) []byte {
			long := append([]byte{0x5a, 0, 0}, cborBytes(p.anchor)[1:]...)
			return p.with(2, labelReceipts(), []byte{0x81}, cborBytes(p.receipt), labelAnchor(), long)
		})},
		{name: "evidence-without-anything", says: "it is empty", build: withEvidence(func(pieces) []byte { return []byte{0xa0} })},
		{name: "evidence-unknown-key", says: "unknown key", build: withEvidence(func(p pieces) []byte { return append([]byte{0xa1, 0x04}, p.evidence[2:]...) })},
		{name: "evidence-empty-list", says: "0 items, not 1 to", build: withEvidence(func(pieces) []byte { return []byte{0xa1, 0x03, 0x80} })},
		{name: "evidence-empty-attestation", says: "item 0: malformed: it is empty", build: withEvidence(func(pieces) []byte { return []byte{0xa1, 0x03, 0x81, 0x40} })},
		{name: "evidence-keys-disordered", says: "map key 01 after 03", build: withEvidence(func(p pieces) []byte {
			return slices.Concat([]byte{0xa2}, p.evidence[1:], []byte{0x01}, cborBytes([]byte("an envelope")))
		})},
		{name: "evidence-a-byte-too-many", says: "1 bytes follow the item", build: withEvidence(func(p pieces) []byte { return append(bytes.Clone(p.evidence), 0) })},
		{name: "reading-of-another-type", says: "wrong message type", build: func(s *scene) []byte {
			return bytes.Replace(s.pieces().honest(), []byte("anchorline-reading+cose"), []byte("anchorline-writing+cose"), 1)
		}},
		{name: "receipt-with-high-s", says: "larger s", es256: true, build: assembled(func(p pieces) []byte {
			p.receipt = highS(p.receipt)
			return p.honest()
		})},
	}
	for i := range out {
		out[i].check = audit.StatementFormat
	}
	return out
}

// highS gives a message, whose last bytes are an ES256 signature, the other value of s.
func highS(message []byte) []byte {
	out := bytes.Clone(message)
	at := out[len(out)-cose.SignatureSize/2:]
	new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(at)).FillBytes(at)
	return out
}
