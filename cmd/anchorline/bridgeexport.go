// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/bridge/ops"
	"github.com/anchorline/anchorline/bridge/spool"
)

type bridgeExportCmd struct {
	bridgeData
	Out string `help:"File to write, a line of JSON for each reading." required:"" placeholder:"FILE"`
}

// Help is the long description.
func (bridgeExportCmd) Help() string {
	return "For a data folder that no bridge can go on with: an older copy, a lost stream key, a damaged spool. What its archive holds is not exported: that is anchored, or on its way."
}

// Run writes the readings that the spool still holds.
func (c *bridgeExportCmd) Run(s streams) error {
	f, err := os.OpenFile(c.Out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	lines, n := json.NewEncoder(w), 0
	damaged, err := spool.Export(spoolPath(c.Data), func(r spool.Row) error {
		n++
		return lines.Encode(bridge.Exported{Received: r.Received, Reading: r.Reading})
	})
	if err = errors.Join(err, w.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%d readings written to %s\n", n, c.Out)
	if damaged > 0 {
		return fmt.Errorf("%d readings are damaged and not among them", damaged)
	}
	return nil
}

type bridgeImportCmd struct {
	bridgeData
	File string `arg:"" help:"File that anchorline bridge export wrote." placeholder:"FILE"`
}

// importAtOnce is how many readings are handed over in one request.
const importAtOnce = 256

// Run hands the readings to the running bridge. It may be run again: what is there is a duplicate.
func (c *bridgeImportCmd) Run(ctx context.Context, s streams) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	running, err := ops.Control(ctx, c.Data)
	if err != nil {
		return fmt.Errorf("readings are taken in by a bridge that runs: %w", err)
	}
	counts, err := handOver(running, f)
	for _, outcome := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(s.out, "%s: %d\n", outcome, counts[outcome])
	}
	return errors.Join(err, running.Close())
}

// handOver returns how many readings had which outcome.
func handOver(to *ops.Client, from io.Reader) (map[string]int, error) {
	counts := map[string]int{}
	lines := json.NewDecoder(bufio.NewReader(from))
	for more := true; more; {
		var batch []bridge.Exported
		for len(batch) < importAtOnce {
			var e bridge.Exported
			err := lines.Decode(&e)
			if errors.Is(err, io.EOF) {
				more = false
				break
			}
			if err != nil {
				return counts, fmt.Errorf("not a file of exported readings: %w", err)
			}
			batch = append(batch, e)
		}
		if len(batch) == 0 {
			break
		}
		outcomes, err := to.TakeIn(batch)
		if err != nil {
			return counts, err
		}
		for _, o := range outcomes {
			counts[o]++
		}
	}
	return counts, nil
}
