// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/anchorline/anchorline/audit/fabric"
	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

type evidenceCmd struct {
	profileFlag
	Stream  nameArg `help:"The bridge's stream." default:"bridge-1"`
	Archive string  `help:"The bridge's archive." default:"anchorline-data/bridge/archive" type:"existingdir" placeholder:"DIR"`
}

// Run adds the block of its anchor's transaction to each batch that has no evidence.
func (c *evidenceCmd) Run(ctx context.Context, s streams) error {
	a, err := archive.Open(c.Archive)
	if err != nil {
		return err
	}
	l, err := c.connect()
	if err != nil {
		return err
	}
	defer l.Close()
	stream, err := c.Stream.of(l)
	if err != nil {
		return err
	}
	last, err := a.Last()
	if err != nil {
		return err
	}
	added := 0
	for n := uint64(1); n <= last; n++ {
		has, err := a.HasEvidence(n)
		if err != nil {
			return err
		}
		if has {
			continue
		}
		if err := putBlock(ctx, a, l, stream, n); err != nil {
			return err
		}
		added++
	}
	_, err = fmt.Fprintf(s.out, "%s: evidence of %d of %d batches added\n", c.Archive, added, last)
	return err
}

// putBlock stores the block that holds a batch's anchor.
func putBlock(ctx context.Context, a *archive.Archive, l *ledger.Client, stream name.Name, n uint64) error {
	entry, err := l.Anchor(ctx, stream, n)
	if err != nil {
		return err
	}
	raw, err := l.BlockOf(ctx, entry.TxID)
	if err != nil {
		return err
	}
	block, err := fabric.Trim(raw)
	if err != nil {
		return err
	}
	return a.PutEvidence(n, receipt.Evidence{Blocks: [][]byte{block}})
}
