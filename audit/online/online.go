// SPDX-License-Identifier: Apache-2.0

// Package online verifies a statement against a ledger that can be asked: what package audit takes
// from pins, it reads from the ledger. In come a statement's bytes, out go the pins that it needs
// and the ledger's word on its anchor. It trusts the peer that answers, and keeps nothing.
package online

import (
	"context"
	"errors"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/receipt"
)

// A Ledger answers with its records, or ledger.ErrNotFound.
type Ledger interface {
	Device(ctx context.Context, id string) (record.Device, error)
	Stream(ctx context.Context, id string) (record.Stream, error)
	Anchor(ctx context.Context, stream string, number uint64) (record.AnchorEntry, error)
	Status(ctx context.Context, txID string) (ledger.Commit, error)
}

// Pins asks for the device and the stream that a statement names; name is the ledger's,
// channel/chaincode. What the ledger does not know, or the statement does not say, is left out:
// audit.Verify says then what is wrong.
func Pins(ctx context.Context, l Ledger, name string, statement []byte) (audit.Pins, error) {
	pins := audit.Pins{Ledger: name, Devices: []record.Device{}, Streams: []record.Stream{}}
	s, err := receipt.ParseStatement(statement)
	if err != nil {
		return pins, nil
	}
	device, err := l.Device(ctx, s.Reading.Claims().Device)
	if err == nil {
		pins.Devices = append(pins.Devices, device)
	} else if !errors.Is(err, ledger.ErrNotFound) {
		return pins, err
	}
	stream, err := l.Stream(ctx, s.Receipt.Claims.Stream)
	if err == nil {
		pins.Streams = append(pins.Streams, stream)
	} else if !errors.Is(err, ledger.ErrNotFound) {
		return pins, err
	}
	return pins, nil
}

// Evidence is what the ledger holds of a statement's batch.
type Evidence struct {
	Anchor record.AnchorEntry `json:"anchor"`
	Block  uint64             `json:"block"` // where it stands
}

// Compare adds the ledger's word to the report of a statement that is otherwise proven. It returns
// nil for one that is not, and for a batch that the ledger does not have.
func Compare(ctx context.Context, l Ledger, report *audit.Report) (*Evidence, error) {
	if !report.OK {
		return nil, nil
	}
	claims := report.Receipt.Claims
	entry, err := l.Anchor(ctx, claims.Stream, claims.Number)
	if errors.Is(err, ledger.ErrNotFound) {
		report.LacksAnchor()
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	commit, err := l.Status(ctx, entry.TxID)
	if err != nil {
		return nil, err
	}
	report.CompareLedger(entry, commit.Block)
	return &Evidence{Anchor: entry, Block: commit.Block}, nil
}
