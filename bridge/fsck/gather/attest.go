// SPDX-License-Identifier: Apache-2.0

package gather

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/anchorline/anchorline/audit/fabric"
	"github.com/anchorline/anchorline/audit/online"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/name"
)

// attest has the organisations attest the batches that are noted. An attestation names the devices of
// its batches; where they are more than one has room for, there are several.
func (c *gatherer) attest(ctx context.Context) error {
	run := c.run
	c.run = nil
	if len(run) == 0 {
		return nil
	}
	from, to := run[0].Anchor.Number, run[len(run)-1].Anchor.Number
	devices, err := c.devices(run)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(devices, record.MaxAttestedDevices) {
		envelopes, err := online.Attest(ctx, c.ledger, c.organisations, online.Question{Stream: c.stream, From: from, To: to, Devices: part})
		if err != nil {
			return fmt.Errorf("attestation of batches %d to %d: %w", from, to, err)
		}
		for _, envelope := range envelopes {
			if err := checkAnswer(envelope, run); err != nil {
				return err
			}
			if err := c.archive.PutAttestation(from, to, envelope); err != nil {
				return err
			}
		}
	}
	c.done.Attested += uint64(len(run))
	return nil
}

// devices are those of the readings of batches, sorted. The batches must be the ledger's.
func (c *gatherer) devices(run []record.AnchorEntry) ([]name.Name, error) {
	found := map[name.Name]bool{}
	for _, entry := range run {
		b, err := c.archive.Get(entry.Anchor.Number)
		if err != nil {
			return nil, err
		}
		if sum := sha256.Sum256(b.Anchor); hex.EncodeToString(sum[:]) != entry.Hash {
			return nil, fmt.Errorf("%w: batch %d is another one on the ledger", ErrOther, b.Number)
		}
		for i, e := range b.Entries {
			r, err := reading.Parse(e.Reading)
			if err != nil {
				return nil, fmt.Errorf("batch %d, entry %d: %w", b.Number, i, err)
			}
			found[r.Claims().Device] = true
		}
	}
	devices := make([]name.Name, 0, len(found))
	for d := range found {
		devices = append(devices, d)
	}
	slices.SortFunc(devices, name.Compare)
	return devices, nil
}

// checkAnswer returns an error unless an attestation is about exactly these anchors.
func checkAnswer(envelope []byte, run []record.AnchorEntry) error {
	t, err := fabric.ParseTransaction(envelope)
	if err != nil {
		return err
	}
	said, err := record.ParseAttestation(t.Response)
	if err != nil {
		return err
	}
	same := len(said.Anchors) == len(run)
	for i := 0; same && i < len(run); i++ {
		same = said.Anchors[i].Hash == run[i].Hash && said.Anchors[i].Anchor.Number == run[i].Anchor.Number
	}
	if !same {
		return fmt.Errorf("%w: the attestation of batches %d to %d is of others", ErrOther, run[0].Anchor.Number, run[len(run)-1].Anchor.Number)
	}
	return nil
}
