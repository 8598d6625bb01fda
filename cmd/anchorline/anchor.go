// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
)

type anchorCmd struct {
	Streams anchorStreamsCmd `cmd:"" help:"List the streams."`
	List    anchorListCmd    `cmd:"" help:"List the anchors of a stream."`
	Show    anchorShowCmd    `cmd:"" help:"Show one anchor."`
	Head    anchorHeadCmd    `cmd:"" help:"Show the number and the hash of a stream's last anchor."`
}

type anchorStreamsCmd struct {
	profileFlag
	JSON bool `help:"Print the streams as JSON." name:"json"`
}

// Run lists the streams.
func (c *anchorStreamsCmd) Run(ctx context.Context, io streams) error {
	return withLedger(c.profileFlag, func(l *ledger.Client) error {
		all, err := l.Streams(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(io.out, all)
		}
		return table(io.out, "STREAM\tOWNER\tKEY\tOPENED", all, func(w *tabwriter.Writer, s record.Stream) {
			k, _ := record.CurrentKey(s.Keys)
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.ID, s.Owner, k.ID, stamp(s.Opened))
		})
	})
}

type anchorListCmd struct {
	Stream string `arg:"" help:"Stream id."`
	From   uint64 `help:"Number of the first." default:"1"`
	Limit  int    `help:"Anchors at most, up to 1000." default:"20"`
	profileFlag
	JSON bool `help:"Print the anchors as JSON." name:"json"`
}

// Run lists anchors.
func (c *anchorListCmd) Run(ctx context.Context, io streams) error {
	return withLedger(c.profileFlag, func(l *ledger.Client) error {
		entries, err := l.Anchors(ctx, c.Stream, c.From, c.Limit)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(io.out, entries)
		}
		return table(io.out, "NUMBER\tREADINGS\tGAPS\tQUARANTINED\tRECEIVED UNTIL\tROOT\tTRANSACTION", entries,
			func(w *tabwriter.Writer, e record.AnchorEntry) {
				a := e.Anchor
				fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%s\t%.16s…\t%.16s…\n", a.Number, a.Size, a.Gaps, a.Quarantined, stamp(a.BridgeTime.Last), a.Root, e.TxID)
			})
	})
}

type anchorShowCmd struct {
	Stream string `arg:"" help:"Stream id."`
	Number uint64 `arg:"" help:"Number of the batch."`
	profileFlag
}

// Run shows one anchor, as JSON: every field counts.
func (c *anchorShowCmd) Run(ctx context.Context, io streams) error {
	return withLedger(c.profileFlag, func(l *ledger.Client) error {
		e, err := l.Anchor(ctx, c.Stream, c.Number)
		if err != nil {
			return err
		}
		return printJSON(io.out, e)
	})
}

type anchorHeadCmd struct {
	Stream string `arg:"" help:"Stream id."`
	profileFlag
	JSON bool `help:"Print it as JSON." name:"json"`
}

// Run shows a stream's head.
func (c *anchorHeadCmd) Run(ctx context.Context, io streams) error {
	return withLedger(c.profileFlag, func(l *ledger.Client) error {
		h, err := l.Head(ctx, c.Stream)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(io.out, h)
		}
		_, err = fmt.Fprintf(io.out, "%s stands at batch %d, anchor %s\n", h.Stream, h.Number, h.Hash)
		return err
	})
}
