// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/internal/ledgertest"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/receipt"
)

// batch is an anchored batch of readings with everything that proves them.
type batch struct {
	stream   cose.Signer
	ledger   string // channel and chaincode, as receipts name them
	readings [][]byte
	tree     *merkle.Tree
	anchor   record.Anchor
	entry    record.AnchorEntry
}

// anchoredBatch anchors readings of pump-1 as number 1 of stream bridge-1.
func (w *world) anchoredBatch(size int) batch {
	w.t.Helper()
	device := w.device("pump-1")
	b := batch{stream: w.stream(w.bridge1, "bridge-1"), ledger: w.ledger.Channel + "/" + w.ledger.Chaincode}
	b.fill(w.t, device, size)
	b.entry = decode[record.AnchorEntry](w.t, w.submit(w.bridge1, "anchors:Anchor", canonical(w.t, b.anchor)))
	return b
}

// fill makes the readings of pump-1, their tree and their anchor.
func (b *batch) fill(t testing.TB, device cose.Signer, size int) {
	t.Helper()
	var leaves []merkle.Hash
	for i := range size {
		signed, err := reading.Sign(device, reading.Claims{Device: our("pump-1"), Subject: "pump-1", Sequence: uint64(i + 1), Time: 1_700_000_000_000},
			cose.ContentFormat(110), []byte(`[{"n":"t","v":21}]`))
		require.NoError(t, err)
		b.readings = append(b.readings, signed)
		leaves = append(leaves, merkle.LeafHash(signed))
	}
	b.tree = merkle.New(leaves)
	b.anchor = anchor("bridge-1", 1, record.ZeroHash)
	b.anchor.Size, b.anchor.Root = uint64(size), b.tree.Root().String()
	b.anchor.Counts = map[string]uint64{record.DeviceSigned: uint64(size)}
}

// claims is what a receipt of the batch says.
func (b batch) claims(t testing.TB) receipt.Claims {
	t.Helper()
	tx, err := hex.DecodeString(b.entry.TxID)
	require.NoError(t, err)
	hash, err := b.anchor.Hash()
	require.NoError(t, err)
	return receipt.Claims{
		Stream: our("bridge-1"), Ledger: b.ledger, Number: 1, Anchor: hash,
		Transaction: [32]byte(tx), LedgerTime: b.entry.LedgerTime,
	}
}

// receipt is the receipt of the i-th reading, signed with these claims.
func (b batch) receipt(t testing.TB, signer cose.Signer, claims receipt.Claims, i uint64) []byte {
	t.Helper()
	signed, err := receipt.Sign(signer, b.tree.Root(), claims)
	require.NoError(t, err)
	path, err := b.tree.Inclusion(i)
	require.NoError(t, err)
	return signed.Receipt(b.tree.Size(), i, path)
}

// path is the bare inclusion proof of the i-th reading.
func (b batch) path(t testing.TB, size, i uint64) []byte {
	t.Helper()
	hashes, err := b.tree.Inclusion(i)
	require.NoError(t, err)
	list := [][]byte{}
	for _, h := range hashes {
		list = append(list, h[:])
	}
	data, err := cbor.Marshal([]any{size, i, list})
	require.NoError(t, err)
	return data
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func TestEveryReadingOfABatchIsIncludedByReceiptAndByBareProof(t *testing.T) {
	for _, size := range []int{1, 2, 5, 8} {
		w := newWorld(t)
		b := w.anchoredBatch(size)
		for i, r := range b.readings {
			for n, proof := range [][]byte{b.receipt(t, b.stream, b.claims(t), uint64(i)), b.path(t, uint64(size), uint64(i))} {
				answer := decode[call.Inclusion](t, w.query(w.admin2, "anchors:VerifyInclusion", "Org1MSP/bridge-1", "1", b64(r), b64(proof)))
				require.True(t, answer.Included, answer.Reason)
				require.Empty(t, answer.Reason)
				require.Equal(t, n == 0, answer.Receipt != nil && answer.Receipt.Verified)
				require.True(t, answer.Signed)
				require.Equal(t, standing.OK, answer.Standing.Reason)
				require.Equal(t, our("pump-1"), answer.Device)
				require.Equal(t, uint64(i+1), answer.Sequence)
				require.Equal(t, b.entry.Hash, answer.Hash)
				require.Equal(t, b.entry.TxID, answer.TxID)
			}
		}
	}
}

func TestAReadingThatIsNotInTheBatchIsNotIncluded(t *testing.T) {
	w := newWorld(t)
	b := w.anchoredBatch(5)
	stranger := newSigner(t, "EdDSA")
	foreign, err := reading.Sign(stranger, reading.Claims{Device: our("pump-9"), Subject: "pump-9", Sequence: 1, Time: 1}, cose.ContentFormat(110), nil)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		reading, proof []byte
		reason         string
	}{
		"another reading":              {b.readings[1], b.path(t, 5, 0), "lead to the root"},
		"a foreign reading":            {foreign, b.path(t, 5, 0), "lead to the root"},
		"another size":                 {b.readings[0], b.path(t, 6, 0), "batch of 6"},
		"a receipt of another reading": {b.readings[1], b.receipt(t, b.stream, b.claims(t), 0), "lead to the root"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := decode[call.Inclusion](t, w.query(w.admin2, "anchors:VerifyInclusion", "Org1MSP/bridge-1", "1", b64(c.reading), b64(c.proof)))
			require.False(t, answer.Included)
			require.Contains(t, answer.Reason, c.reason)
		})
	}
	answer := decode[call.Inclusion](t, w.query(w.admin2, "anchors:VerifyInclusion", "Org1MSP/bridge-1", "1", b64(foreign), b64(b.path(t, 5, 0))))
	require.False(t, answer.Signed)
	require.Contains(t, answer.SignatureReason, "not registered")
}

func TestAReceiptThatIsNotTheStreamsWordLeavesThePathAsItIs(t *testing.T) {
	w := newWorld(t)
	b := w.anchoredBatch(5)
	otherNumber, otherAnchor := b.claims(t), b.claims(t)
	otherNumber.Number, otherAnchor.Anchor[0] = 2, otherAnchor.Anchor[0]^1
	for name, c := range map[string]struct {
		receipt []byte
		reason  string
	}{
		"of another number":   {b.receipt(t, b.stream, otherNumber, 0), "number 2"},
		"over another anchor": {b.receipt(t, b.stream, otherAnchor, 0), "ReportEquivocation"},
		"by a stranger":       {b.receipt(t, newSigner(t, "EdDSA"), b.claims(t), 0), "not a key of stream"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := decode[call.Inclusion](t, w.query(w.admin2, "anchors:VerifyInclusion", "Org1MSP/bridge-1", "1", b64(b.readings[0]), b64(c.receipt)))
			require.True(t, answer.Included)
			require.True(t, answer.Signed)
			require.False(t, answer.Receipt.Verified)
			require.Contains(t, answer.Receipt.Reason, c.reason)
		})
	}
}

func TestMalformedReadingsAndProofsAreRefused(t *testing.T) {
	w := newWorld(t)
	b := w.anchoredBatch(2)
	r, p := b64(b.readings[0]), b64(b.path(t, 2, 0))
	for _, args := range [][]any{
		{"Org1MSP/bridge-1", "1", "", p},
		{"Org1MSP/bridge-1", "1", "!", p},
		{"Org1MSP/bridge-1", "1", b64([]byte("hello")), p},
		{"Org1MSP/bridge-1", "1", r, ""},
		{"Org1MSP/bridge-1", "1", r, b64([]byte{0x83, 0x01})},
		{"Org1MSP/bridge-1", "1", r, b64([]byte{0x83, 0x02, 0x00, 0x81, 0x41, 0x00})},
		{"Org1MSP/bridge-1", "1", r, b64(append([]byte{0x83, 0x18, 0x02}, b.path(t, 2, 0)[2:]...))},
		{"Org1MSP/bridge-1", "1", r, b64([]byte{0xd2, 0x84})},
		{"Org1MSP/bridge-1", "x", r, p},
		{"bridge-1", "1", r, p},
	} {
		w.refused(record.InvalidArgument, w.admin1, "anchors:VerifyInclusion", args...)
	}
	w.refused(record.NotFound, w.admin1, "anchors:VerifyInclusion", "Org1MSP/bridge-1", "2", r, p)
}

func TestAReceiptOverAnotherAnchorIsEvidenceThatStaysOnTheLedger(t *testing.T) {
	w := newWorld(t)
	b := w.anchoredBatch(3)
	auditor := w.org2.Member(t, "auditor", []string{"client", "auditors"}, nil)
	lie := b.claims(t)
	lie.Anchor[0] ^= 1
	request := object{"receipt": b64(b.receipt(t, b.stream, lie, 0)), "root": b.tree.Root().String()}
	w.refused(record.Forbidden, auditor, "anchors:ReportEquivocation", request)
	w.submit(w.admin2, "roles:Grant", object{"role": "auditor", "unit": "auditors"})

	report := decode[record.EquivocationReport](t, w.submit(auditor, "anchors:ReportEquivocation", request))
	require.Equal(t, b.entry.Hash, report.Anchored)
	require.Equal(t, hex.EncodeToString(lie.Anchor[:]), report.Claimed)
	require.Equal(t, "Org2MSP", report.By)
	events := w.ledger.Events()
	require.Equal(t, call.EquivocationReported, events[len(events)-1].Name)
	p := w.ledger.Propose(w.cc, auditor, "anchors:ReportEquivocation", text(t, request))
	require.Empty(t, p.Response.GetMessage())
	require.Empty(t, p.Stub.Writes)

	type list struct {
		Equivocations []record.EquivocationReport `json:"equivocations"`
		Bookmark      string                      `json:"bookmark"`
	}
	require.Equal(t, []record.EquivocationReport{report},
		decode[list](t, w.query(w.admin1, "anchors:ListEquivocations", object{"stream": "Org1MSP/bridge-1"})).Equivocations)
}

func TestWhatIsNoEvidenceOfEquivocationIsRefused(t *testing.T) {
	w := newWorld(t)
	b := w.anchoredBatch(3)
	w.submit(w.admin1, "roles:Grant", object{"role": "auditor", "unit": "admin"})
	root := b.tree.Root().String()
	lie, elsewhere := b.claims(t), b.claims(t)
	lie.Anchor[0] ^= 1
	elsewhere.Anchor[0] ^= 1
	elsewhere.Ledger = "other/" + ledgertest.Chaincode
	for name, c := range map[string]struct {
		code    record.Code
		request object
	}{
		"an honest receipt":           {record.Conflict, object{"receipt": b64(b.receipt(t, b.stream, b.claims(t), 0)), "root": root}},
		"a stranger's receipt":        {record.InvalidArgument, object{"receipt": b64(b.receipt(t, newSigner(t, "EdDSA"), lie, 0)), "root": root}},
		"a receipt of another ledger": {record.InvalidArgument, object{"receipt": b64(b.receipt(t, b.stream, elsewhere, 0)), "root": root}},
		"another root":                {record.InvalidArgument, object{"receipt": b64(b.receipt(t, b.stream, lie, 0)), "root": strings.Repeat("0", 64)}},
		"nothing":                     {record.InvalidArgument, object{}},
		"no root":                     {record.InvalidArgument, object{"receipt": "AA"}},
		"no receipt":                  {record.InvalidArgument, object{"receipt": "AA", "root": root}},
	} {
		t.Run(name, func(t *testing.T) {
			w.refused(c.code, w.admin1, "anchors:ReportEquivocation", c.request)
		})
	}
}

func TestABridgeThatIsRefusedForEquivocationLeavesAnEventByReportingIt(t *testing.T) {
	w := newWorld(t)
	b := w.anchoredBatch(3)
	other := b.anchor
	other.Gaps = 7
	w.refused(record.Equivocation, w.bridge1, "anchors:Anchor", canonical(t, other))
	request := object{"anchor": canonical(t, other)}
	w.refused(record.Forbidden, w.admin2, "anchors:ReportEquivocation", request)
	report := decode[record.EquivocationReport](t, w.submit(w.bridge1, "anchors:ReportEquivocation", request))
	require.Equal(t, hashOf(t, other), report.Claimed)
	require.Equal(t, &other, report.Anchor)
	events := w.ledger.Events()
	require.Equal(t, call.EquivocationReported, events[len(events)-1].Name)
	w.refused(record.Conflict, w.bridge1, "anchors:ReportEquivocation", object{"anchor": canonical(t, b.anchor)})
}

func TestAStreamsKeyIsRotatedByItsBridgeOrItsAdmin(t *testing.T) {
	w := newWorld(t)
	first := w.stream(w.bridge1, "bridge-1")
	second, third := newSigner(t, "ES256"), newSigner(t, "EdDSA")
	w.refused(record.Forbidden, w.admin1, "anchors:RotateStreamKey", w.streamRotation("bridge-1", "Org1MSP", first, second))
	s := decode[record.Stream](t, w.submit(w.bridge1, "anchors:RotateStreamKey", w.streamRotation("bridge-1", "Org1MSP", first, second)))
	require.Len(t, s.Keys, 2)
	lost := object{
		"id": "bridge-1", "key": third.Key().Text(), "reason": "lost",
		"proof": streamPossession(t, third, "bridge-1", "Org1MSP", w.ledger.Channel),
	}
	w.refused(record.Forbidden, w.bridge1, "anchors:RotateStreamKey", lost)
	w.refused(record.NotFound, w.admin2, "anchors:RotateStreamKey", lost)
	w.refused(record.Forbidden, w.admin2, "anchors:RotateStreamKey", lost.with("owner", "Org1MSP"))
	s = decode[record.Stream](t, w.submit(w.admin1, "anchors:RotateStreamKey", lost))
	require.Equal(t, "lost", s.Keys[1].Reason)
	require.Nil(t, s.Keys[2].Until)

	open := func(signer cose.Signer) object {
		return object{"id": "bridge-1", "key": signer.Key().Text(), "proof": streamPossession(t, signer, "bridge-1", "Org1MSP", w.ledger.Channel)}
	}
	require.Contains(t, w.refused(record.Conflict, w.bridge1, "anchors:OpenStream", open(first)), third.Key().ID().String())
	p := w.ledger.Propose(w.cc, w.bridge1, "anchors:OpenStream", text(t, open(third)))
	require.Empty(t, p.Response.GetMessage())
	require.Empty(t, p.Stub.Writes)
}

func TestAStreamMovesToAnotherBridge(t *testing.T) {
	w := newWorld(t)
	w.stream(w.bridge1, "bridge-1")
	next := w.org1.Member(t, "bridge-b", []string{"client", "bridges"}, nil)
	a := canonical(t, anchor("bridge-1", 1, record.ZeroHash))
	w.refused(record.Forbidden, next, "anchors:Anchor", a)
	move := object{"id": "bridge-1", "bridge": w.whoAmI(next).Identity}
	w.refused(record.Forbidden, next, "anchors:SetBridge", move)
	w.refused(record.NotFound, w.admin2, "anchors:SetBridge", move)
	w.submit(w.admin1, "anchors:SetBridge", move)
	w.refused(record.Forbidden, w.bridge1, "anchors:Anchor", a)
	w.submit(next, "anchors:Anchor", a)
}

func TestABridgeWhoseRoleIsRevokedAnchorsNoMore(t *testing.T) {
	w := newWorld(t)
	w.stream(w.bridge1, "bridge-1")
	w.submit(w.admin1, "roles:Revoke", object{"role": "bridge", "unit": "bridges"})
	w.refused(record.Forbidden, w.bridge1, "anchors:Anchor", canonical(t, anchor("bridge-1", 1, record.ZeroHash)))
}

func TestAnchorsAreListedByTheDayTheyBegan(t *testing.T) {
	type list struct {
		Anchors  []record.AnchorEntry `json:"anchors"`
		Bookmark string               `json:"bookmark"`
	}
	w := newWorld(t)
	day := time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC)
	for _, stream := range []string{"s1", "s2"} {
		w.stream(w.bridge1, stream)
		previous := record.ZeroHash
		for n := uint64(1); n <= 3; n++ {
			a := anchor(stream, n, previous)
			begin := day.Add(time.Duration(n-1) * time.Second).UnixMilli()
			a.BridgeTime = record.Span{First: begin, Last: begin}
			w.submit(w.bridge1, "anchors:Anchor", canonical(t, a))
			previous = hashOf(t, a)
		}
	}
	all := func(request object) (found []string) {
		for bookmark := ""; ; {
			page := decode[list](t, w.query(w.admin2, "anchors:ListByDay", request.with("bookmark", bookmark)))
			for _, e := range page.Anchors {
				found = append(found, fmt.Sprint(e.Anchor.Stream.ID, "/", e.Anchor.Number))
			}
			if bookmark = page.Bookmark; bookmark == "" {
				return found
			}
		}
	}
	require.Equal(t, []string{"s1/1", "s2/1"}, all(object{"day": "2024-02-29"}))
	require.Equal(t, []string{"s1/2", "s1/3", "s2/2", "s2/3"}, all(object{"day": "2024-03-01", "pageSize": 1}))
	require.Equal(t, []string{"s2/2", "s2/3"}, all(object{"day": "2024-03-01", "stream": "Org1MSP/s2"}))
	require.Empty(t, all(object{"day": "2024-03-02"}))
	w.refused(record.InvalidArgument, w.admin1, "anchors:ListByDay", object{"day": "2024-02-30"})
	type streams struct {
		Streams  []record.Stream `json:"streams"`
		Bookmark string          `json:"bookmark"`
	}
	require.Len(t, decode[streams](t, w.query(w.admin1, "anchors:ListStreams", object{})).Streams, 2)
}

// otherTree is the tree of the batch without its last reading.
func (w *world) otherTree(b batch) *merkle.Tree {
	w.t.Helper()
	var leaves []merkle.Hash
	for _, r := range b.readings[:len(b.readings)-1] {
		leaves = append(leaves, merkle.LeafHash(r))
	}
	return merkle.New(leaves)
}
