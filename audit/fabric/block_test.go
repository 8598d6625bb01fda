// SPDX-License-Identifier: Apache-2.0

package fabric_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/anchorline/anchorline/audit/fabric"
	"github.com/anchorline/anchorline/audit/fabric/fabrictest"
	"github.com/anchorline/anchorline/audit/trust"
)

// trimmed is a block as evidence has it.
func trimmed(t testing.TB, full []byte) []byte {
	t.Helper()
	block, err := fabric.Trim(full)
	require.NoError(t, err)
	return block
}

func blockOf(t testing.TB, full []byte) *fabric.Block {
	t.Helper()
	b, err := fabric.ParseBlock(trimmed(t, full))
	require.NoError(t, err)
	return b
}

// rebuilt changes a block in evidence's form.
func rebuilt(t testing.TB, block []byte, change func(*common.Block)) []byte {
	t.Helper()
	b := &common.Block{}
	require.NoError(t, unmarshal(block, b))
	change(b)
	return fabrictest.Encode(t, b)
}

func TestABlockIsReadAndItsTransactionsAreFound(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	n.Trust.ConfigurationBlock = 3
	envelopes := [][]byte{n.Envelope(t, anchoring(), n.Peer1), n.Envelope(t, anchoring(), n.Peer2), n.Envelope(t, anchoring())}
	envelopes = append(envelopes, envelopes[1]) // submitted twice
	b := blockOf(t, n.Block(t, 9, envelopes, n.Orderers[0]))
	require.EqualValues(t, 9, b.Number)
	require.EqualValues(t, 3, b.Configuration)
	require.Equal(t, "mychannel", b.Channel)
	require.NoError(t, b.VerifyData())
	signers, err := b.VerifySignatures(n.Verifier(t))
	require.NoError(t, err)
	require.Equal(t, []string{"OrdererMSP orderer1"}, signers)
	for i, envelope := range envelopes[:3] {
		want := parsed(t, envelope)
		index, tx, err := b.Find(want.ID)
		require.NoError(t, err)
		require.Equal(t, i, index)
		require.Equal(t, want, tx)
	}
	_, _, err = b.Find("00")
	require.ErrorIs(t, err, fabric.ErrNoTransaction)
	_, _, err = b.Find("")
	require.ErrorIs(t, err, fabric.ErrNoTransaction)
	hash, err := b.Hash()
	require.NoError(t, err)
	want := sha256.Sum256(fabrictest.HeaderBytes(t, fabrictest.Header(9, envelopes...)))
	require.Equal(t, want[:], hash)
}

func TestAnIdThatIsNotItsCreatorsIsNotFound(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	real := n.Envelope(t, anchoring(), n.Peer1)
	p := takeApart(t, n.Envelope(t, anchoring(), n.Peer1))
	p.channel.TxId = parsed(t, real).ID
	squatter := p.together(t, n.Client)
	index, _, err := blockOf(t, n.Block(t, 1, [][]byte{squatter, real}, n.Orderers[0])).Find(parsed(t, real).ID)
	require.NoError(t, err)
	require.Equal(t, 1, index, "no peer finds the one before valid")
}

func TestTrimLeavesOnlyWhatOrderersSign(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	full := n.Block(t, 1, [][]byte{n.Envelope(t, anchoring(), n.Peer1)}, n.Orderers[0])
	_, err := fabric.ParseBlock(full)
	require.ErrorIs(t, err, fabric.ErrFormat, "a peer's block holds what no orderer signed")
	b := &common.Block{}
	require.NoError(t, unmarshal(trimmed(t, full), b))
	require.Len(t, b.GetMetadata().GetMetadata(), 1)
	require.Equal(t, trimmed(t, full), trimmed(t, trimmed(t, full)))
	for _, wrong := range [][]byte{nil, []byte("x"), fabrictest.Encode(t, &common.Block{Header: &common.BlockHeader{}}), make([]byte, fabric.MaxBlock+1)} {
		_, err := fabric.Trim(wrong)
		require.ErrorIs(t, err, fabric.ErrFormat)
	}
}

// TestABlockCannotBeCutIntoOtherTransactions shows that the header's hash alone would allow it.
func TestABlockCannotBeCutIntoOtherTransactions(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	// Endorsed, and never ordered; but its bytes are an argument of one that was.
	hidden := n.Envelope(t, anchoring(), n.Peer1, n.Peer2)
	c := anchoring()
	c.Args = []string{string(hidden)}
	carrier, other := n.Envelope(t, c, n.Peer1), n.Envelope(t, anchoring(), n.Peer1)
	block := trimmed(t, n.Block(t, 1, [][]byte{carrier, other}, n.Orderers[0]))
	at := bytes.Index(carrier, hidden)
	require.Positive(t, at)
	for name, data := range map[string][][]byte{
		"the hidden one taken out": {carrier[:at], hidden, carrier[at+len(hidden):], other},
		"two made one":             {slices.Concat(carrier, other)},
		"everything in one":        {slices.Concat(carrier, other), {}},
		"one cut in two":           {carrier[:10], carrier[10:], other},
	} {
		cut := rebuilt(t, block, func(b *common.Block) { b.Data.Data = data })
		sum := sha256.Sum256(slices.Concat(data...))
		require.Equal(t, fabrictest.Header(1, carrier, other).GetDataHash(), sum[:], "the hash is the same")
		_, err := fabric.ParseBlock(cut)
		require.ErrorIs(t, err, fabric.ErrFormat, name)
	}
}

func TestMalformedBlocksAreRefused(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	envelope := n.Envelope(t, anchoring(), n.Peer1)
	unsigned := anchoring()
	unsigned.Unsigned = true
	elsewhere := anchoring()
	elsewhere.Channel = "other"
	block := trimmed(t, n.Block(t, 1, [][]byte{envelope}, n.Orderers[0]))
	for why, change := range map[string]func(*common.Block){
		"no header":        func(b *common.Block) { b.Header = nil },
		"no transaction":   func(b *common.Block) { b.Data = nil },
		"has 0 metadata":   func(b *common.Block) { b.Metadata = nil },
		"has 2 metadata":   func(b *common.Block) { b.Metadata.Metadata = append(b.Metadata.Metadata, nil) },
		"block signatures": func(b *common.Block) { b.Metadata.Metadata[0] = []byte("x") },
		"257 signatures": func(b *common.Block) {
			m := &common.Metadata{}
			for range fabric.MaxSignatures + 1 {
				m.Signatures = append(m.Signatures, &common.MetadataSignature{})
			}
			b.Metadata.Metadata[0] = fabrictest.Encode(t, m)
		},
		"transaction 0: fabric":       func(b *common.Block) { b.Data.Data[0] = []byte("x") },
		"lacks payload or signature":  func(b *common.Block) { b.Data.Data = append(b.Data.Data, n.Envelope(t, unsigned)) },
		"transaction 1 is of channel": func(b *common.Block) { b.Data.Data = append(b.Data.Data, n.Envelope(t, elsewhere)) },
		"headers": func(b *common.Block) {
			b.Data.Data = [][]byte{fabrictest.Encode(t, &common.Envelope{Payload: []byte("x"), Signature: []byte("y")})}
		},
		"is not in its one encoding": func(b *common.Block) {
			b.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 9, protowire.VarintType), 1))
		},
	} {
		_, err := fabric.ParseBlock(rebuilt(t, block, change))
		require.ErrorIs(t, err, fabric.ErrFormat, why)
		require.ErrorContains(t, err, why)
	}
	_, err := fabric.ParseBlock(make([]byte, fabric.MaxBlock+1))
	require.ErrorIs(t, err, fabric.ErrFormat)
}

func TestOtherTransactionsThanTheHeadersAreFound(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	envelopes := [][]byte{n.Envelope(t, anchoring(), n.Peer1), n.Envelope(t, anchoring(), n.Peer1)}
	block := trimmed(t, n.Block(t, 1, envelopes, n.Orderers[0]))
	for name, data := range map[string][][]byte{
		"one less": envelopes[:1], "swapped": {envelopes[1], envelopes[0]}, "one more": append(envelopes[:2:2], envelopes[0]),
		"another": {envelopes[0], n.Envelope(t, anchoring(), n.Peer1)},
	} {
		b, err := fabric.ParseBlock(rebuilt(t, block, func(b *common.Block) { b.Data.Data = data }))
		require.NoError(t, err)
		require.ErrorIs(t, b.VerifyData(), fabric.ErrData, name)
	}
}

func TestOnlyOrderersSignRaftBlocks(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	v := n.Verifier(t)
	envelopes := [][]byte{n.Envelope(t, anchoring(), n.Peer1)}
	stranger := fabrictest.NewAuthority(t, "OrdererMSP").Issue(t, "orderer1", []string{"orderer"})
	for name, signer := range map[string]*fabrictest.Member{
		"a peer": n.Peer1, "a peer as the orderers'": n.Peer1.As("OrdererMSP"), "an administrator of theirs": n.Ordering.Issue(t, "Admin", []string{"admin"}),
		"another CA's of the same MSP": stranger, "an orderer as a peer's": n.Orderers[0].As("Org1MSP"),
	} {
		_, err := blockOf(t, n.Block(t, 1, envelopes, signer)).VerifySignatures(v)
		require.ErrorIs(t, err, fabric.ErrSignatures, name)
		require.ErrorIs(t, err, trust.ErrNotTrusted, name)
		signers, err := blockOf(t, n.Block(t, 1, envelopes, signer, n.Orderers[0])).VerifySignatures(v)
		require.NoError(t, err, "the orderer's own counts")
		require.Len(t, signers, 1)
	}
	_, err := blockOf(t, n.Block(t, 1, envelopes)).VerifySignatures(v)
	require.ErrorIs(t, err, fabric.ErrSignatures)
	n.Trust.Orderers.Organisations[0].Revoked = []string{n.Ordering.Revoke(t, n.Orderers[0])}
	_, err = blockOf(t, n.Block(t, 1, envelopes, n.Orderers[0])).VerifySignatures(n.Verifier(t))
	require.ErrorIs(t, err, fabric.ErrSignatures)
}

func TestABFTBlockNeedsAQuorumOfDifferentConsenters(t *testing.T) {
	n := fabrictest.NewNetwork(t, 4)
	v := n.Verifier(t)
	envelopes, o := [][]byte{n.Envelope(t, anchoring(), n.Peer1)}, n.Orderers
	signers, err := blockOf(t, n.Block(t, 1, envelopes, o[0], o[2], o[3])).VerifySignatures(v)
	require.NoError(t, err)
	require.Equal(t, []string{"consenter 1: OrdererMSP orderer1", "consenter 3: OrdererMSP orderer3", "consenter 4: OrdererMSP orderer4"}, signers)
	for name, by := range map[string][]*fabrictest.Member{
		"two": {o[0], o[1]}, "one three times": {o[0], o[0], o[0]}, "two and one again": {o[0], o[1], o[1]},
		"two and a stranger": {o[0], o[1], n.Ordering.Issue(t, "orderer5", []string{"orderer"})}, "none": nil,
	} {
		_, err := blockOf(t, n.Block(t, 1, envelopes, by...)).VerifySignatures(v)
		require.ErrorIs(t, err, fabric.ErrSignatures, name)
	}
	revoked := *n
	revoked.Trust.Orderers.Organisations = []trust.Organisation{n.Ordering.Organisation("orderer")}
	revoked.Trust.Orderers.Organisations[0].Revoked = []string{n.Ordering.Revoke(t, o[3])}
	_, err = blockOf(t, n.Block(t, 1, envelopes, o[0], o[2], o[3])).VerifySignatures(revoked.Verifier(t))
	require.ErrorIs(t, err, fabric.ErrSignatures, "a revoked consenter does not count")
	signers, err = blockOf(t, n.Block(t, 1, envelopes, o[0], o[1], o[2])).VerifySignatures(revoked.Verifier(t))
	require.NoError(t, err, "the others go on")
	require.Len(t, signers, 3)
	// A consenter cannot sign for another, and a Raft orderer's signature is none here.
	forged := rebuilt(t, trimmed(t, n.Block(t, 1, envelopes, o[0], o[1], o[2])), func(b *common.Block) {
		m := &common.Metadata{}
		require.NoError(t, unmarshal(b.GetMetadata().GetMetadata()[0], m))
		m.Signatures[2].IdentifierHeader = fabrictest.Encode(t, &common.IdentifierHeader{Identifier: 4, Nonce: []byte("nonce")})
		b.Metadata.Metadata[0] = fabrictest.Encode(t, m)
	})
	b, err := fabric.ParseBlock(forged)
	require.NoError(t, err)
	_, err = b.VerifySignatures(v)
	require.ErrorIs(t, err, fabric.ErrSignatures)
	raft := *n
	raft.Trust.Orderers = trust.Orderers{Consensus: trust.Raft, Signatures: 1, Organisations: n.Trust.Orderers.Organisations}
	_, err = blockOf(t, raft.Block(t, 1, envelopes, o...)).VerifySignatures(v)
	require.ErrorIs(t, err, fabric.ErrSignatures)
	_, err = blockOf(t, n.Block(t, 1, envelopes, o...)).VerifySignatures(raft.Verifier(t))
	require.ErrorIs(t, err, fabric.ErrSignatures)
}

func TestABlockOfAnotherChannelOfTheSameOrderersIsNotVouchedFor(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	c := anchoring()
	c.Channel = "other"
	b := blockOf(t, n.Block(t, 1, [][]byte{n.Envelope(t, c, n.Peer1)}, n.Orderers[0]))
	_, err := b.VerifySignatures(n.Verifier(t))
	require.ErrorIs(t, err, fabric.ErrChannel)
}

// vector reads a file of Fabric's own that lies beside the module.
func vector(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "vectors", "fabric-blocks", name))
	if os.IsNotExist(err) {
		t.Skipf("SKIPPED, nothing was checked: %v", err)
	}
	require.NoError(t, err)
	return content
}

// within finds the CA of a name among the certificates in a message.
func within(t testing.TB, content []byte, name string) string {
	t.Helper()
	for at := bytes.Index(content, []byte("-----BEGIN")); at >= 0; at = bytes.Index(content, []byte("-----BEGIN")) {
		block, rest := pem.Decode(content[at:])
		require.NotNil(t, block)
		cert, err := x509.ParseCertificate(block.Bytes)
		if err == nil && cert.IsCA && cert.Subject.CommonName == name {
			return string(pem.EncodeToMemory(block))
		}
		content = rest
	}
	require.FailNow(t, "no such CA", name)
	return ""
}

// TestFabricsOwnBlockIsVerifiedByItsOrderersCAAlone takes a block of Fabric 1, whose MSPs had no
// NodeOUs. The CA that signed its orderer is in the block; the CAs beside it have the same names and
// other keys.
func TestFabricsOwnBlockIsVerifiedByItsOrderersCAAlone(t *testing.T) {
	content := vector(t, "block3.pb")
	b := blockOf(t, content)
	require.EqualValues(t, 3, b.Number)
	require.NoError(t, b.VerifyData())
	verify := func(orderersCA string) ([]string, error) {
		v, err := trust.NewVerifier(trust.Trust{
			Ledger: b.Channel + "/anchorline", Attestations: 1,
			Organisations: []trust.Organisation{{MSPID: "Org1MSP", Roots: []string{within(t, content, "ca.org1.example.com")}}},
			Orderers: trust.Orderers{
				Consensus: trust.Raft, Signatures: 1,
				Organisations: []trust.Organisation{{MSPID: "OrdererMSP", Roots: []string{orderersCA}}},
			},
		})
		require.NoError(t, err)
		return b.VerifySignatures(v)
	}
	signers, err := verify(within(t, content, "ca.example.com"))
	require.NoError(t, err)
	require.Equal(t, []string{"OrdererMSP orderer.example.com"}, signers)
	for _, file := range []string{"ca.example.com-cert.pem", "ca.org1.example.com-cert.pem"} {
		_, err = verify(string(vector(t, file)))
		require.ErrorIs(t, err, fabric.ErrSignatures)
		require.ErrorIs(t, err, trust.ErrNotTrusted)
	}
}
