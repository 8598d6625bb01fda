// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
)

type deviceImportCmd struct {
	File   string `arg:"" help:"The file; - is standard input."`
	Format string `help:"csv or jsonl (default: by the file's ending)." enum:",csv,jsonl" default:"" placeholder:"FORMAT"`
	DryRun bool   `help:"Check every line, the proofs too, and register nothing."`
	ledgerFlags
}

// Help is the long description.
func (deviceImportCmd) Help() string {
	return "JSON Lines: on each line what 'device request' prints. CSV: a heading with the columns id, key and proof, and if " +
		"wanted type, profile, reporting-period (as 10m) and attribute.NAME. The devices are registered for our organisation.\n\n" +
		"Every line is checked before the first device is registered. Devices are registered by up to 200 in a transaction, " +
		"all or none of them. Run it again after a failure: what is registered already stays as it is. " +
		"The time limit is for one transaction."
}

// An importResult says what became of the devices of a file.
type importResult struct {
	File       string `json:"file"`
	Devices    int    `json:"devices"`
	Registered int    `json:"registered"`
	Unchanged  int    `json:"unchanged"` // were registered before
}

// Run registers the devices of a file.
func (c *deviceImportCmd) Run(ctx context.Context, s streams) error {
	profile, err := c.profile()
	if err != nil {
		return err
	}
	rows, err := c.rows(s, profile)
	if err != nil {
		return err
	}
	if c.DryRun {
		return output(s, c.JSON, importResult{File: c.File, Devices: len(rows)}, func(out io.Writer, r importResult) error {
			_, err := fmt.Fprintf(out, "%s: %s, good to be registered for %s on %s\n", r.File, count(r.Devices, "device"), profile.MSPID, profile.Ledger())
			return err
		})
	}
	l, err := ledger.Connect(profile)
	if err != nil {
		return err
	}
	defer l.Close()
	result, err := c.register(ctx, s, l, rows)
	if err != nil {
		return fmt.Errorf("%w\n%d of %d devices are registered; mend that and run the command again, what is registered stays as it is", err, result.Registered+result.Unchanged, len(rows))
	}
	return output(s, c.JSON, result, func(out io.Writer, r importResult) error {
		_, err := fmt.Fprintf(out, "%s: %s registered, %d were before\n", r.File, count(r.Registered, "device"), r.Unchanged)
		return err
	})
}

// rows reads and checks the whole file.
func (c *deviceImportCmd) rows(s streams, p ledger.Profile) ([]importRow, error) {
	in, name := s.in, "standard input"
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in, name = f, c.File
	}
	return readRows(in, name, c.Format, p)
}

// register registers rows batch by batch. On an error the result counts what was registered.
func (c *deviceImportCmd) register(ctx context.Context, s streams, l *ledger.Client, rows []importRow) (importResult, error) {
	result := importResult{File: c.File, Devices: len(rows)}
	progress := newProgress(s.err, len(rows), "devices")
	defer progress.end()
	for rest := rows; len(rest) > 0; {
		n := batchOf(rest)
		done, err := c.registerBatch(ctx, l, rest[:n])
		if err != nil {
			return result, err
		}
		result.Registered += len(done.Registered)
		result.Unchanged += len(done.Unchanged)
		rest = rest[n:]
		progress.show(len(rows) - len(rest))
	}
	return result, nil
}

func (c *deviceImportCmd) registerBatch(ctx context.Context, l *ledger.Client, rows []importRow) (ledger.Registered, error) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	devices := make([]ledger.Registration, len(rows))
	for i, r := range rows {
		devices[i] = r.Registration
	}
	done, err := l.RegisterDevices(ctx, devices)
	return done, located(err, rows)
}

// maxBatchBytes is the size of the rows of one request: the rest of a document is for their frame.
const maxBatchBytes = record.MaxDocument - 4096

// batchOf is how many of the rows fit into one request.
func batchOf(rows []importRow) int {
	size := 0
	for i, r := range rows {
		if size += r.size + 1; i == ledger.MaxRegistrations || (i > 0 && size > maxBatchBytes) {
			return i
		}
	}
	return len(rows)
}

// located says on which line the device is that the ledger refused.
func located(err error, rows []importRow) error {
	if err == nil {
		return nil
	}
	var refusal *record.Error
	if errors.As(err, &refusal) {
		if i, known := refusal.Index(); known && i < len(rows) {
			_, field, _ := strings.Cut(refusal.Field, "].") // of the row
			return fmt.Errorf("%s (device %s): %w", rows[i].place, rows[i].ID, &record.Error{Code: refusal.Code, Field: field, Message: refusal.Message})
		}
	}
	return fmt.Errorf("%s to line %d: %w", rows[0].place, rows[len(rows)-1].line, err)
}

// sizeOf is the length of a registration in a request, in bytes.
func sizeOf(r ledger.Registration) int {
	text, err := json.Marshal(r)
	if err != nil {
		return 0
	}
	return len(text)
}
