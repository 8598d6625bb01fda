// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/fsck"
)

type archiveCmd struct {
	profileFlag
	Stream  nameArg `help:"The bridge's stream." default:"bridge-1"`
	Archive string  `help:"The bridge's archive." default:"anchorline-data/bridge/archive" type:"existingdir" placeholder:"DIR"`
	JSON    bool    `help:"Print the report as JSON." name:"json"`
}

// Run re-derives every root and compares it with the ledger's.
func (c *archiveCmd) Run(ctx context.Context, s streams) error {
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
	report, err := fsck.Check(ctx, a, l, stream)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(s.out, report)
	} else {
		fmt.Fprintf(s.out, "%d batches, %d readings of %s compared with the ledger, %d pending\n",
			report.Batches, report.Readings, count(len(report.Devices), "device"), report.Pending)
		for _, f := range report.Faults {
			fmt.Fprintf(s.out, "FAIL  batch %d  %s\n", f.Batches.From, printableLines(f.What))
		}
	}
	if !report.OK() {
		err = errors.Join(err, verdict(statusRefuted))
	}
	return err
}
