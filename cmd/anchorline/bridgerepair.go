// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/reading/name"
)

// spoolPath is the spool's file in a data folder.
func spoolPath(dir string) string { return filepath.Join(dir, "spool.db") }

type bridgeCheckCmd struct {
	bridgeData
	JSON bool `help:"Print the report as JSON." name:"json"`
}

// errDamagedSpool makes the command fail after its report was printed.
var errDamagedSpool = errors.New("the spool is damaged: anchorline bridge salvage keeps what is intact")

// Run says what the file holds and what is damaged.
func (c *bridgeCheckCmd) Run(s streams) error {
	report, err := spool.Check(spoolPath(c.Data))
	if err != nil {
		return err
	}
	if err := output(s, c.JSON, report, showSpoolReport); err != nil {
		return err
	}
	if !report.OK() {
		return errDamagedSpool
	}
	return nil
}

func showSpoolReport(out io.Writer, r *spool.Report) error {
	fmt.Fprintf(out, "stream %s: %d readings accepted, %d anchored, %d waiting\n", r.Stream, r.Books.Accepted, r.Books.Anchored, r.Books.Pending())
	for _, bucket := range slices.Sorted(maps.Keys(r.Intact)) {
		fmt.Fprintf(out, "%s: %d rows intact\n", bucket, r.Intact[bucket])
	}
	return table(out, "damage", "BUCKET\tKEY\tWHAT IS WRONG", r.Faults, func(f spool.Fault) []any {
		return []any{f.Bucket, f.Key, f.Detail}
	})
}

type bridgeSalvageCmd struct {
	bridgeData
	Stream name.Name `help:"The stream that the bridge writes, as in Org1MSP/bridge-1." required:"" placeholder:"STREAM"`
	JSON   bool      `help:"Print the report as JSON." name:"json"`
}

// Run salvages the file and says what is lost.
func (c *bridgeSalvageCmd) Run(s streams) error {
	saved, err := spool.Salvaged(spoolPath(c.Data), c.Stream)
	if err != nil {
		return err
	}
	return output(s, c.JSON, saved, func(out io.Writer, saved *spool.Salvage) error {
		if err := showSpoolReport(out, &saved.Report); err != nil {
			return err
		}
		if saved.Rebuilt {
			fmt.Fprintln(out, "the books were counted anew: what was received twice or refused before is not in them any more")
		}
		fmt.Fprintf(out, "the damaged file is kept as %s\n", saved.Kept)
		return nil
	})
}

type bridgeGapsCmd struct {
	bridgeData
	Limit int  `help:"Gaps to list." default:"1000"`
	JSON  bool `help:"Print the gaps as JSON." name:"json"`
}

// Run lists which device skipped which numbers, and since when that is known.
func (c *bridgeGapsCmd) Run(s streams) error {
	if c.Limit < 1 {
		return fmt.Errorf("--limit %d: want at least 1", c.Limit)
	}
	gaps := []spool.OpenGap{}
	err := spool.GapsOf(spoolPath(c.Data), func(g spool.OpenGap) bool {
		gaps = append(gaps, g)
		return len(gaps) < c.Limit
	})
	if err != nil {
		return err
	}
	return output(s, c.JSON, gaps, func(out io.Writer, gaps []spool.OpenGap) error {
		return table(out, "gaps", "DEVICE\tFROM\tTO\tFOUND IN BATCH\tSINCE", gaps, func(g spool.OpenGap) []any {
			return []any{g.Device, g.From, g.To, g.Batch, stamp(g.Since)}
		})
	})
}
