// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"context"
	"errors"
	"fmt"

	"github.com/anchorline/anchorline/audit/fabric"
	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/receipt"
)

// MaxBlock is the length in bytes of the largest block that is kept: it is in every statement of its
// batch. Of a larger one the anchor's own transaction is kept, without the orderers' signatures.
const MaxBlock = 4 << 20

// keepBlocks keeps the blocks of batches that have none yet, up to last.
func (w *Witness) keepBlocks(ctx context.Context, last uint64) {
	if !w.blocks.due() {
		return
	}
	for range blocksAtOnce {
		if w.blocks.done >= last || ctx.Err() != nil {
			return
		}
		number := w.blocks.done + 1
		err := w.keepBlock(ctx, number)
		switch {
		case ctx.Err() != nil:
			return
		case hopeless(err):
			w.logger.Warn("no evidence that the anchor is in a block", "batch", number, "error", err)
		case err != nil:
			if w.blocks.failed(w.cfg.Interval) {
				w.logger.Warn("blocks are not collected; tried again later", "batch", number, "error", err)
			}
			return
		}
		if w.blocks.worked() {
			w.logger.Info("blocks are collected again", "batch", number)
		}
		w.blocks.done = number
	}
}

// hopeless reports whether trying again cannot help: the peer does not have the block or serves one
// that is none, or the archive has other evidence.
func hopeless(err error) bool {
	for _, lasting := range []error{ledger.ErrNotFound, fabric.ErrFormat, fabric.ErrNoTransaction, fabric.ErrProposal, archive.ErrConflict} {
		if errors.Is(err, lasting) {
			return true
		}
	}
	return false
}

func (w *Witness) keepBlock(ctx context.Context, number uint64) error {
	b, err := w.batches.Batch(number)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	block, err := w.ledger.BlockOf(ctx, b.Commit.TransactionID)
	if err != nil {
		return err
	}
	evidence, err := evidenceOf(block, b.Commit.TransactionID)
	if err != nil {
		return fmt.Errorf("block with transaction %s: %w", b.Commit.TransactionID, err)
	}
	return w.archive.PutEvidence(number, evidence)
}

// evidenceOf takes out of a block what proves that the transaction is in it.
func evidenceOf(block []byte, txID string) (receipt.Evidence, error) {
	trimmed, err := fabric.Trim(block)
	if err != nil {
		return receipt.Evidence{}, err
	}
	parsed, err := fabric.ParseBlock(trimmed)
	if err != nil {
		return receipt.Evidence{}, err
	}
	index, _, err := parsed.Find(txID)
	if err != nil {
		return receipt.Evidence{}, err
	}
	if len(trimmed) > MaxBlock {
		return receipt.Evidence{Envelope: parsed.Entries[index].Envelope}, nil
	}
	return receipt.Evidence{Blocks: [][]byte{trimmed}}, nil
}
