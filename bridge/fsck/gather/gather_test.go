// SPDX-License-Identifier: Apache-2.0

package gather_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/trust"
	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/fsck"
	"github.com/anchorline/anchorline/bridge/fsck/gather"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/internal/testnet"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

func TestMain(m *testing.M) { testnet.Main(m) }

var stream, device = name.New("Org1MSP", "s"), name.New("Org1MSP", "d")

// world is a network, on which a bridge anchored batches and collected nothing.
type world struct {
	*ledger.Client
	t            *testing.T
	archive      *archive.Archive
	pump, signer cose.Signer
	previous     string
	sequence     uint64
}

func key(t *testing.T, seed byte) cose.Signer {
	s, err := cose.NewSigner(ed25519.NewKeyFromSeed(append(make([]byte, 31), seed)))
	require.NoError(t, err)
	return s
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Client: testnet.Start(t).Connect("Org1MSP", "User1"), t: t, pump: key(t, 1), signer: key(t, 9), previous: record.ZeroHash}
	var err error
	w.archive, err = archive.Open(t.TempDir())
	require.NoError(t, err)
	_, err = w.RegisterDevice(t.Context(), ledger.Registration{ID: "d", Key: w.pump.Key().Text(), Proof: w.proof(w.pump, reading.DeviceKey, device)})
	require.NoError(t, err)
	_, err = w.OpenStream(t.Context(), ledger.StreamRegistration{ID: "s", Key: w.signer.Key().Text(), Proof: w.proof(w.signer, reading.StreamKey, stream)})
	require.NoError(t, err)
	return w
}

func (w *world) proof(s cose.Signer, kind reading.Kind, n name.Name) string {
	token, err := reading.SignPossession(s, reading.Subject{Kind: kind, Name: n, Channel: w.Profile().Channel})
	require.NoError(w.t, err)
	return base64.RawURLEncoding.EncodeToString(token)
}

// anchor archives and anchors a batch of one reading.
func (w *world) anchor() {
	w.t.Helper()
	w.sequence++
	data, err := reading.Sign(w.pump, reading.Claims{Device: device, Sequence: w.sequence, Time: 5}, reading.SenMLJSON, []byte("[]"))
	require.NoError(w.t, err)
	b := &archive.Batch{Number: w.sequence, Entries: []archive.Entry{{Received: 6, Reading: data}}}
	a := record.Anchor{
		Type: record.AnchorType, Version: record.Version, Stream: stream, Number: w.sequence, Previous: w.previous,
		Root: b.Tree().Root().String(), Size: 1, Counts: map[string]uint64{record.DeviceSigned: 1},
		BridgeTime: record.Span{First: 6, Last: 6}, DeviceTime: record.Span{First: 5, Last: 5},
	}
	b.Anchor, err = a.Encode()
	require.NoError(w.t, err)
	require.NoError(w.t, w.archive.Put(b))
	p, err := w.PrepareAnchor(w.t.Context(), b.Anchor)
	require.NoError(w.t, err)
	_, err = w.Submit(w.t.Context(), p.Bytes)
	require.NoError(w.t, err)
	hash, err := a.Hash()
	require.NoError(w.t, err)
	tx, err := hex.DecodeString(p.TxID)
	require.NoError(w.t, err)
	signed, err := receipt.Sign(w.signer, b.Tree().Root(), receipt.Claims{
		Stream: stream, Ledger: w.Profile().Ledger(), Number: w.sequence, Anchor: hash, Transaction: [32]byte(tx), LedgerTime: p.Entry.LedgerTime,
	})
	require.NoError(w.t, err)
	require.NoError(w.t, w.archive.PutReceipt(w.sequence, signed))
	w.previous = hex.EncodeToString(hash[:])
}

func (w *world) collect(ctx context.Context, step func(done, total int)) (gather.Done, error) {
	if step == nil {
		step = func(int, int) {}
	}
	return gather.Evidence(ctx, w.archive, w, stream, []string{"Org1MSP", "Org2MSP"}, step)
}

func (w *world) verifier() *audit.Verifier {
	w.t.Helper()
	block, err := w.ConfigBlock(w.t.Context())
	require.NoError(w.t, err)
	t, err := trust.FromConfigBlock(block, w.Profile().Ledger(), 2)
	require.NoError(w.t, err)
	v, err := audit.NewVerifier(t, audit.Requirement{})
	require.NoError(w.t, err)
	return v
}

func TestBatchesWithoutEvidenceGetWhatAnAuditorNeeds(t *testing.T) {
	w := newWorld(t)
	const batches = record.MaxAttestedAnchors + 3
	for range batches {
		w.anchor()
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := w.collect(ctx, func(done, _ int) {
		if done == record.MaxAttestedAnchors+1 {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	done, err := w.collect(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, gather.Done{Batches: batches, Ordered: 2, Attested: 3}, done, "it goes on where it was")
	done, err = w.collect(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, gather.Done{Batches: batches}, done)

	v := w.verifier()
	for _, n := range []uint64{1, record.MaxAttestedAnchors, batches} {
		statement, err := w.archive.Statement(n, 0)
		require.NoError(t, err)
		r := v.Verify(statement)
		require.True(t, r.OK, "%v", r.Err())
		require.True(t, r.Has(audit.Ordered))
		require.True(t, r.Has(audit.Unrepudiated))
	}
}

func TestWhatThePeerDoesNotHaveAnyMoreIsCounted(t *testing.T) {
	w := newWorld(t)
	w.anchor()
	done, err := gather.Evidence(t.Context(), w.archive, pruned{w}, stream, []string{"Org1MSP"}, func(int, int) {})
	require.NoError(t, err)
	require.Equal(t, gather.Done{Batches: 1, Attested: 1, Lost: 1}, done)
}

// pruned is a ledger whose peer began from a snapshot.
type pruned struct{ *world }

// BlockOf has no block.
func (pruned) BlockOf(context.Context, string) ([]byte, error) { return nil, ledger.ErrNotFound }

// elsewhere is a ledger on which the stream has another batch.
type elsewhere struct{ *world }

// Anchors changes the hashes.
func (e elsewhere) Anchors(ctx context.Context, stream name.Name, from uint64, limit int) ([]record.AnchorEntry, error) {
	entries, err := e.world.Anchors(ctx, stream, from, limit)
	for i := range entries {
		entries[i].Hash = record.ZeroHash
	}
	return entries, err
}

func TestNothingIsAttestedOfAnotherBatchThanTheArchives(t *testing.T) {
	w := newWorld(t)
	w.anchor()
	_, err := gather.Evidence(t.Context(), w.archive, elsewhere{w}, stream, []string{"Org1MSP"}, func(int, int) {})
	require.ErrorIs(t, err, gather.ErrOther)
	e, err := w.archive.Evidence(1)
	require.NoError(t, err)
	require.Empty(t, e.Attestations)
}

func TestAnArchiveIsCheckedAgainstANetwork(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.anchor()
	}
	r, err := fsck.Check(t.Context(), w.archive, w, stream)
	require.NoError(t, err)
	require.True(t, r.OK(), "%v", r.Faults)
	require.EqualValues(t, 3, r.Readings)

	_, err = w.SuspendDevice(t.Context(), "d", "in repair")
	require.NoError(t, err)
	w.anchor()
	_, err = w.ResumeDevice(t.Context(), "d", "repaired")
	require.NoError(t, err)
	w.anchor()
	d, err := w.Device(t.Context(), device)
	require.NoError(t, err)
	_, err = w.RevokeDevice(t.Context(), "d", "opened by a stranger", d.Registered.Time)
	require.NoError(t, err)
	w.anchor()
	w.anchor()
	r, err = fsck.Check(t.Context(), w.archive, w, stream)
	require.NoError(t, err)
	require.Len(t, r.Faults, 2, "%v", r.Faults)
	require.Equal(t, fsck.Range{From: 4, To: 4}, r.Faults[0].Batches)
	require.Contains(t, r.Faults[0].What, "suspended")
	require.Equal(t, fsck.Range{From: 6, To: 7}, r.Faults[1].Batches)
	require.Contains(t, r.Faults[1].What, "revoked")
	require.EqualValues(t, 4, r.Devices[0].Repudiated)
	require.Len(t, r.Unchecked, 4, "every change was located: %v", r.Unchecked)
}

func TestALedgerThatIsAwayIsAnError(t *testing.T) {
	w := newWorld(t)
	w.anchor()
	_, err := gather.Evidence(t.Context(), w.archive, away{w}, stream, []string{"Org1MSP"}, func(int, int) {})
	require.ErrorIs(t, err, errAway)
}

var errAway = errors.New("away")

type away struct{ *world }

// Head does not answer.
func (away) Head(context.Context, name.Name) (record.Head, error) { return record.Head{}, errAway }
