// SPDX-License-Identifier: Apache-2.0

package world

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// EdDSA is the Ed25519 signer of a name: the same in every run.
func EdDSA(t testing.TB, name string) cose.Signer {
	t.Helper()
	seed := sha256.Sum256([]byte("anchorline test key: " + name))
	s, err := cose.NewSigner(ed25519.NewKeyFromSeed(seed[:]))
	require.NoError(t, err)
	return s
}

// ES256 is the P-256 signer of a name: the same in every run.
func ES256(t testing.TB, name string) cose.Signer {
	t.Helper()
	s, err := cose.NewSigner(ECDSA(t, name))
	require.NoError(t, err)
	return s
}

// Forger signs with a key of its own under the name of another.
type Forger struct {
	cose.Signer          // who signs
	As          cose.Key // who is said to
}

// Key is the key that is said to sign.
func (f Forger) Key() cose.Key { return f.As }

// Reading signs a reading: claims and a payload in SenML.
func Reading(t testing.TB, signer cose.Signer, device name.Name, sequence uint64, at int64) []byte {
	t.Helper()
	payload := fmt.Appendf(nil, `[{"bn":"%s","n":"temperature","u":"Cel","v":%d.5}]`, device.ID, 20+sequence%10)
	encoded, err := reading.Sign(signer, reading.Claims{Device: device, Sequence: sequence, Time: at}, reading.SenMLJSON, payload)
	require.NoError(t, err)
	return encoded
}

// Open opens a stream.
func (w *World) Open(n name.Name, key cose.Key) {
	w.t.Helper()
	c := w.Call(w.Org(n.Owner).Admin, "anchors:OpenStream")
	now := w.moment(c)
	s := record.Stream{
		Type: record.StreamType, Version: record.Version, Owner: n.Owner, ID: n.ID, Bridge: record.ZeroHash,
		Keys: []record.Key{newKey(key, now)}, Opened: now, Updated: now,
	}
	c.Reads, c.Writes = []*kvrwset.KVRead{w.read(record.StreamKey(n))}, []*kvrwset.KVWrite{w.Write(record.StreamKey(n), s)}
	w.Submit(c)
}

// RotateStream gives a stream its next key; see [Replace].
func (w *World) RotateStream(n name.Name, next cose.Key, reason string, since int64) record.Moment {
	w.t.Helper()
	c, s := w.Call(w.Org(n.Owner).Admin, "anchors:RotateStreamKey"), w.Stream(n)
	now := w.moment(c)
	s.Keys, s.Updated = Replace(s.Keys, next, now, reason, since), now
	c.Reads, c.Writes = []*kvrwset.KVRead{w.read(record.StreamKey(n))}, []*kvrwset.KVWrite{w.Write(record.StreamKey(n), s)}
	w.Submit(c)
	return now
}

// Batch is an anchored batch, and the transaction that anchored it.
type Batch struct {
	Anchor record.Anchor
	Bytes  []byte // canonical
	Entry  record.AnchorEntry
	Call   Call
	Tx     string
	Block  uint64
	Index  uint64
	// Signer signs receipts.
	Signer   cose.Signer
	Readings [][]byte
	tree     *merkle.Tree
}

// Anchor anchors the next batch of a stream.
func (w *World) Anchor(stream name.Name, signer cose.Signer, readings ...[]byte) *Batch {
	w.t.Helper()
	return w.AnchorBy(w.Org(stream.Owner).Bridge, stream, signer, readings...)
}

// AnchorBy is Anchor by another member than the stream's bridge, which an honest peer refuses.
func (w *World) AnchorBy(creator *Member, stream name.Name, signer cose.Signer, readings ...[]byte) *Batch {
	w.t.Helper()
	c := w.Call(creator, "anchors:Anchor")
	return w.anchored(c, stream, signer, record.Span{First: c.Time - 5*Second, Last: c.Time - 4*Second}, readings)
}

// AnchorSpan is Anchor of readings that are between two times by their device's clock.
func (w *World) AnchorSpan(stream name.Name, signer cose.Signer, first, last int64, readings ...[]byte) *Batch {
	w.t.Helper()
	c := w.Call(w.Org(stream.Owner).Bridge, "anchors:Anchor")
	return w.anchored(c, stream, signer, record.Span{First: first, Last: last}, readings)
}

// anchored makes the next batch and submits the call that anchors it.
func (w *World) anchored(c Call, stream name.Name, signer cose.Signer, times record.Span, readings [][]byte) *Batch {
	w.t.Helper()
	head := record.Head{Type: record.HeadType, Version: record.Version, Stream: stream, Hash: record.ZeroHash}
	if _, there := w.state[record.HeadKey(stream)]; there {
		head = load[record.Head](w, record.HeadKey(stream))
	}
	b := &Batch{Signer: signer, Readings: readings, tree: Tree(readings)}
	b.Anchor = record.Anchor{
		Type: record.AnchorType, Version: record.Version, Stream: stream, Number: head.Number + 1, Previous: head.Hash,
		Root: b.tree.Root().String(), Size: uint64(len(readings)),
		BridgeTime: record.Span{First: c.Time - 3*Second, Last: c.Time - Second}, DeviceTime: times,
		Counts: map[string]uint64{record.DeviceSigned: uint64(len(readings))},
	}
	w.submitAnchor(b, c, head)
	return b
}

// Tree is the tree over readings.
func Tree(readings [][]byte) *merkle.Tree {
	var leaves []merkle.Hash
	for _, r := range readings {
		leaves = append(leaves, merkle.LeafHash(r))
	}
	return merkle.New(leaves)
}

// submitAnchor fills in what the contract answers and writes, and submits it.
func (w *World) submitAnchor(b *Batch, c Call, head record.Head) {
	w.t.Helper()
	stream := b.Anchor.Stream
	var err error
	b.Bytes, err = b.Anchor.Encode()
	require.NoError(w.t, err)
	hash, err := b.Anchor.HashText()
	require.NoError(w.t, err)
	b.Tx = c.ID(w.t)
	b.Entry = record.AnchorEntry{
		Type: record.AnchorEntryType, Version: record.Version, Anchor: b.Anchor, Hash: hash,
		TxID: b.Tx, LedgerTime: c.Time, Creator: c.Creator.MSPID,
	}
	head.Number, head.Hash, head.LedgerTime = b.Anchor.Number, hash, c.Time
	entry := w.Write(record.AnchorKey(stream, b.Anchor.Number), b.Entry)
	c.Args = []string{string(b.Bytes)}
	c.Response = &peer.Response{Status: 200, Payload: entry.GetValue()}
	c.Event = &peer.ChaincodeEvent{EventName: "anchored", Payload: entry.GetValue()}
	c.Reads = []*kvrwset.KVRead{
		w.read(record.StreamKey(stream)), w.read(record.HeadKey(stream)), w.read(record.AnchorKey(stream, b.Anchor.Number)),
	}
	c.Writes = []*kvrwset.KVWrite{
		entry, w.Write(record.HeadKey(stream), head),
		{Key: record.AnchorDayKey(b.Anchor), Value: []byte(`{"type":"index","version":1}`)},
	}
	b.Call = c
	b.Block, b.Index = w.Submit(c)
}

// Claims are what an honest receipt says.
func (b *Batch) Claims() receipt.Claims {
	c := receipt.Claims{
		Stream: b.Anchor.Stream, Ledger: Ledger, Number: b.Anchor.Number,
		Anchor: sha256.Sum256(b.Bytes), LedgerTime: b.Entry.LedgerTime,
	}
	tx, err := hex.DecodeString(b.Tx)
	if err == nil {
		copy(c.Transaction[:], tx)
	}
	return c
}

// Proof is a statement before it is put into bytes. A copy with something changed is what an attacker
// would make.
type Proof struct {
	Reading  []byte
	Signer   cose.Signer // of the receipt
	Claims   receipt.Claims
	Root     merkle.Hash // which the receipt signs
	Size     uint64
	Index    uint64
	Path     []merkle.Hash
	Anchor   []byte
	Evidence receipt.Evidence
}

// Proof is what an honest bridge makes for the i-th reading of the batch, counted from 0.
func (b *Batch) Proof(t testing.TB, i int, evidence receipt.Evidence) Proof {
	t.Helper()
	path, err := b.tree.Inclusion(uint64(i))
	require.NoError(t, err)
	return Proof{
		Reading: b.Readings[i], Signer: b.Signer, Claims: b.Claims(), Root: b.tree.Root(),
		Size: b.tree.Size(), Index: uint64(i), Path: path, Anchor: b.Bytes, Evidence: evidence,
	}
}

// Receipt puts the receipt into bytes.
func (p Proof) Receipt(t testing.TB) []byte {
	t.Helper()
	signed, err := receipt.Sign(p.Signer, p.Root, p.Claims)
	require.NoError(t, err)
	return signed.Receipt(p.Size, p.Index, p.Path)
}

// Statement puts the statement into bytes.
func (p Proof) Statement(t testing.TB) []byte {
	t.Helper()
	data, err := receipt.NewStatement(p.Reading, p.Receipt(t), p.Anchor, p.Evidence)
	require.NoError(t, err)
	return data
}
