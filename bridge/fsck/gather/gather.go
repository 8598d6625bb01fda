// SPDX-License-Identifier: Apache-2.0

// Package gather gives the batches of an archive the evidence that they lack: the block that holds the
// anchor, under the orderers' signatures, and what organisations attest of it now. A bridge collects it
// while it runs; this is for archives of a bridge that did not.
//
// An archive and a ledger come in; files of evidence beside the batches go out. What is there is left as
// it is. After a crash, or an interruption, calling it again goes on where it was. Nothing is verified
// but that an attestation is about the archive's batches: signatures are for package audit.
package gather

import (
	"context"
	"errors"
	"fmt"

	"github.com/anchorline/anchorline/audit/fabric"
	"github.com/anchorline/anchorline/audit/online"
	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/witness"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// A Ledger has the anchors and hands out what was signed about them. BlockOf returns
// ledger.ErrNotFound where the peer does not have the block.
type Ledger interface {
	online.Ledger
	Head(ctx context.Context, stream name.Name) (record.Head, error)
	Anchors(ctx context.Context, stream name.Name, from uint64, limit int) ([]record.AnchorEntry, error)
}

// ErrOther is returned where the ledger or an attestation has another batch than the archive.
var ErrOther = errors.New("gather: it is not the archive of this stream; see 'anchorline audit archive'")

// Done is what was collected.
type Done struct {
	// Batches are those that were looked at: those that archive and ledger have.
	Batches uint64
	// Ordered of them were given a block or a transaction, Attested an attestation.
	Ordered, Attested uint64
	// Lost is how many lack a block that the peer does not have any more.
	Lost uint64
}

// A gatherer goes over the batches in order.
type gatherer struct {
	archive       *archive.Archive
	ledger        Ledger
	stream        name.Name
	organisations []string
	done          Done
	// run are batches in a row that lack an attestation.
	run []record.AnchorEntry
}

// Evidence collects what the batches of a stream lack; organisations are asked to attest. step is called
// with how many batches were looked at, of how many.
func Evidence(
	ctx context.Context, a *archive.Archive, l Ledger, stream name.Name, organisations []string, step func(done, total int),
) (Done, error) {
	c := &gatherer{archive: a, ledger: l, stream: stream, organisations: organisations}
	last, err := a.Last()
	if err != nil {
		return c.done, err
	}
	head, err := l.Head(ctx, stream)
	if err != nil {
		return c.done, err
	}
	last = min(last, head.Number)
	for n := uint64(1); n <= last; {
		entries, err := l.Anchors(ctx, stream, n, int(min(last-n+1, anchorsAtOnce)))
		if err != nil {
			return c.done, err
		}
		if len(entries) == 0 || entries[0].Anchor.Number != n {
			return c.done, fmt.Errorf("the peer's ledger has no anchor %d, and a head at %d", n, head.Number)
		}
		for _, entry := range entries {
			if err := c.batch(ctx, entry); err != nil {
				return c.done, fmt.Errorf("batch %d: %w", entry.Anchor.Number, err)
			}
			step(int(c.done.Batches), int(last))
		}
		n += uint64(len(entries))
	}
	return c.done, c.attest(ctx)
}

// anchorsAtOnce is how many anchors are asked for at once.
const anchorsAtOnce = 100

// batch gives one batch its block, and notes it if it lacks an attestation.
func (c *gatherer) batch(ctx context.Context, entry record.AnchorEntry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n := entry.Anchor.Number
	if err := c.order(ctx, entry); err != nil {
		return err
	}
	c.done.Batches++
	have, err := c.archive.Evidence(n)
	if err != nil {
		return err
	}
	if len(have.Attestations) == 0 {
		c.run = append(c.run, entry)
	}
	if len(have.Attestations) > 0 || len(c.run) == record.MaxAttestedAnchors {
		return c.attest(ctx)
	}
	return nil
}

// order stores the block that holds the anchor, unless the archive has it. Of a block that is too large
// for a statement the transaction is kept.
func (c *gatherer) order(ctx context.Context, entry record.AnchorEntry) error {
	n := entry.Anchor.Number
	has, err := c.archive.HasEvidence(n)
	if err != nil || has {
		return err
	}
	raw, err := c.ledger.BlockOf(ctx, entry.TxID)
	if errors.Is(err, ledger.ErrNotFound) {
		c.done.Lost++
		return nil
	}
	if err != nil {
		return err
	}
	block, err := fabric.Trim(raw)
	if err != nil {
		return err
	}
	parsed, err := fabric.ParseBlock(block)
	if err != nil {
		return err
	}
	index, _, err := parsed.Find(entry.TxID)
	if err != nil {
		return err
	}
	evidence := receipt.Evidence{Blocks: [][]byte{block}}
	if len(block) > witness.MaxBlock {
		evidence = receipt.Evidence{Envelope: parsed.Entries[index].Envelope}
	}
	if err := c.archive.PutEvidence(n, evidence); err != nil {
		return err
	}
	c.done.Ordered++
	return nil
}
