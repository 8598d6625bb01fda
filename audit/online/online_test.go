// SPDX-License-Identifier: Apache-2.0

package online_test

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/online"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/receipt"
)

const block, ledgerTime = 4, 9000

func signer(t *testing.T, seed byte) cose.Signer {
	t.Helper()
	s, err := cose.NewSigner(ed25519.NewKeyFromSeed(append(make([]byte, 31), seed)))
	require.NoError(t, err)
	return s
}

// fake is a ledger that holds one device, one stream and one anchor.
type fake struct {
	device record.Device
	stream record.Stream
	anchor record.AnchorEntry
	err    map[string]error // by method
}

// Device returns the device.
func (f *fake) Device(context.Context, string) (record.Device, error) {
	return f.device, f.err["device"]
}

// Stream returns the stream.
func (f *fake) Stream(context.Context, string) (record.Stream, error) {
	return f.stream, f.err["stream"]
}

// Anchor returns the anchor.
func (f *fake) Anchor(context.Context, string, uint64) (record.AnchorEntry, error) {
	return f.anchor, f.err["anchor"]
}

// Status says in which block it stands.
func (f *fake) Status(_ context.Context, txID string) (ledger.Commit, error) {
	return ledger.Commit{TxID: txID, Block: block}, f.err["status"]
}

// made returns a statement over a batch of one reading, and the ledger that holds it.
func made(t *testing.T) ([]byte, *fake) {
	t.Helper()
	device, stream := signer(t, 1), signer(t, 2)
	data, err := reading.Sign(device, reading.Claims{Device: "d", Sequence: 1, Time: 5000}, reading.SenMLJSON, []byte("[]"))
	require.NoError(t, err)
	tree := merkle.New([]merkle.Hash{merkle.LeafHash(data)})
	anchor := record.Anchor{
		Type: record.AnchorType, Version: record.Version, Stream: "s", Number: 1, Previous: record.ZeroHash,
		Root: tree.Root().String(), Size: 1, Counts: map[string]uint64{record.DeviceSigned: 1},
	}
	text, err := anchor.Encode()
	require.NoError(t, err)
	claims := receipt.Claims{Stream: "s", Ledger: "c/cc", Number: 1, Anchor: anchor.Hash(), Transaction: [32]byte{7}, Block: block, LedgerTime: ledgerTime}
	signed, err := receipt.Sign(stream, tree.Root(), claims)
	require.NoError(t, err)
	path, err := tree.Inclusion(0)
	require.NoError(t, err)
	statement, err := receipt.NewStatement(data, signed.Receipt(1, 0, path), text)
	require.NoError(t, err)
	key := func(s cose.Signer) []record.Key {
		return []record.Key{{ID: s.Key().ID().String(), Public: s.Key().Text()}}
	}
	return statement, &fake{
		device: record.Device{ID: "d", Status: record.Active, Keys: key(device)},
		stream: record.Stream{ID: "s", Keys: key(stream)},
		anchor: record.AnchorEntry{
			Anchor: anchor, Hash: anchor.HashText(), LedgerTime: ledgerTime,
			TxID: hex.EncodeToString(append([]byte{7}, make([]byte, 31)...)),
		},
		err: map[string]error{},
	}
}

// verify does what a caller does.
func verify(t *testing.T, l *fake, statement []byte) (*audit.Report, *online.Evidence, error) {
	t.Helper()
	pins, err := online.Pins(t.Context(), l, "c/cc", statement)
	if err != nil {
		return nil, nil, err
	}
	report := audit.Verify(statement, pins)
	evidence, err := online.Compare(t.Context(), l, report)
	return report, evidence, err
}

func TestAStatementIsProvenWithWhatTheLedgerHas(t *testing.T) {
	statement, l := made(t)
	report, evidence, err := verify(t, l, statement)
	require.NoError(t, err)
	require.NoError(t, report.Err())
	require.Equal(t, audit.StepLedger, report.Steps[len(report.Steps)-1].Name)
	require.Equal(t, &online.Evidence{Anchor: l.anchor, Block: block}, evidence)
}

func TestWhatTheLedgerDoesNotHaveIsAFaultOfTheStatement(t *testing.T) {
	for method, step := range map[string]string{"device": audit.StepDevice, "stream": audit.StepReceipt, "anchor": audit.StepLedger} {
		statement, l := made(t)
		l.err[method] = ledger.ErrNotFound
		report, evidence, err := verify(t, l, statement)
		require.NoError(t, err)
		require.Nil(t, evidence)
		require.False(t, report.OK)
		require.Equal(t, step, report.Steps[len(report.Steps)-1].Name)
	}
	_, l := made(t)
	report, evidence, err := verify(t, l, []byte("no statement"))
	require.NoError(t, err)
	require.Nil(t, evidence)
	require.Equal(t, audit.StepFormat, report.Steps[0].Name)
}

func TestAnotherAnchorOnTheLedgerIsFound(t *testing.T) {
	statement, l := made(t)
	l.anchor.Hash = record.ZeroHash
	report, evidence, err := verify(t, l, statement)
	require.NoError(t, err)
	require.NotNil(t, evidence, "it shows what the ledger has instead")
	require.ErrorContains(t, report.Err(), "the anchor hash")
}

func TestALedgerThatDoesNotAnswerProvesNothingAndRefutesNothing(t *testing.T) {
	for _, method := range []string{"device", "stream", "anchor", "status"} {
		statement, l := made(t)
		l.err[method] = errors.New("away")
		_, _, err := verify(t, l, statement)
		require.ErrorContains(t, err, "away", method)
	}
}
