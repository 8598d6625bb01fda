// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/anchorline/anchorline/audit/online"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/internal/durable"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// trustFile has whom an auditor of this folder's statements trusts.
const trustFile = "trust.json"

// writeTrust writes the channel's organisations and orderers, of which most must attest.
func (w *world) writeTrust(ctx context.Context) error {
	t, err := online.Trust(ctx, w.ledger, w.profile.Ledger(), 0)
	if err != nil {
		return fmt.Errorf("read whom to trust from the channel's configuration: %w", err)
	}
	text, err := t.Encode()
	if err != nil {
		return err
	}
	w.trust = t
	return durable.WriteFile(w.path(trustFile), text, 0o644)
}

const (
	// keepEvery is how often statements are written, and keepAtOnce how many of them: each asks the
	// organisations to sign.
	keepEvery  = 2 * time.Second
	keepAtOnce = 10
	// keepTimeout bounds the time that all of them take.
	keepTimeout = 20 * time.Second
)

// keepStatements keeps a statement of each device's latest proven reading on disk, to be looked
// at and verified.
func (w *world) keepStatements(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.saveStatements()
		}
	}
}

// saveStatements writes some of the statements that are due.
func (w *world) saveStatements() {
	ctx, cancel := context.WithTimeout(context.Background(), keepTimeout)
	defer cancel()
	due := map[string]device.Verified{}
	w.mu.Lock()
	for id, v := range w.verified {
		if len(due) < keepAtOnce {
			due[id] = v
			delete(w.verified, id)
		}
	}
	w.mu.Unlock()
	for id, v := range due {
		if err := w.saveStatement(ctx, name.New(w.profile.MSPID, id), v.Sequence); err != nil && !errors.Is(err, os.ErrNotExist) {
			w.cfg.Logger.Warn("statement not written", "device", id, "sequence", v.Sequence, "error", err)
		}
	}
}

// saveStatement writes the statement of a reading with what the organisations attest now, so that it
// can be verified offline.
func (w *world) saveStatement(ctx context.Context, device name.Name, sequence uint64) error {
	data, err := w.bridge.Statement(device, sequence)
	if err != nil {
		return err
	}
	s, err := receipt.ParseStatement(data)
	if err != nil {
		return err
	}
	evidence, err := online.Evidence(ctx, w.ledger, w.trust, s)
	if err != nil {
		return err
	}
	// The attestations of now say all that older ones in the archive do.
	evidence.Blocks = append(s.Evidence.Blocks, evidence.Blocks...)
	if len(evidence.Blocks) == 0 { // else one of them holds it
		evidence.Envelope = s.Evidence.Envelope
	}
	data, err = receipt.NewStatement(s.Reading.Bytes(), s.Receipt.Bytes(), s.Anchor, evidence)
	if err != nil {
		return err
	}
	return durable.WriteFile(w.path("statements", device.ID+".cose"), data, 0o640)
}
