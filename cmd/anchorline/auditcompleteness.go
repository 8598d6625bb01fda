// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/export"
	"github.com/anchorline/anchorline/reading/name"
)

type completenessCmd struct {
	Device name.Name `arg:"" optional:"" help:"The device, as in Org1MSP/pump-1; an export says whose it is."`
	Export string    `help:"An export, made by 'audit export', instead of archives." type:"existingfile" placeholder:"FILE"`
	rangeFlags
	verifierFlags
	ledgerFlag
	JSON bool `help:"Print the findings as JSON." name:"json"`
}

// Help gives examples.
func (completenessCmd) Help() string {
	return "Examples:\n" +
		"  anchorline audit completeness Org1MSP/pump-1 --from 100 --to 200 --trust trust.json\n" +
		"  anchorline audit completeness --export january.readings --trust trust.json\n" +
		"Exit status: 0 all there and proven, 3 something is missing or refuted, 4 cannot tell."
}

// Validate wants a device or an export.
func (c *completenessCmd) Validate() error {
	if c.Device.IsZero() == (c.Export == "") {
		return errors.New("name a device, or give --export FILE")
	}
	return c.rangeFlags.Validate()
}

// Run verifies every reading of the range and judges the whole.
func (c *completenessCmd) Run(ctx context.Context, s streams) error {
	l, err := c.connect()
	if err != nil {
		return err
	}
	if l != nil {
		defer l.Close()
	}
	v, from, err := c.verifier(ctx, l)
	if err != nil {
		return err
	}
	file, header, err := c.file(ctx, s)
	if err != nil {
		return err
	}
	check := verifyCmd{ledgerFlag: c.ledgerFlag}
	var statements []handed
	if _, err := export.Read(bytes.NewReader(file), collect(&statements)); err != nil {
		return err
	}
	reports, err := check.verify(ctx, s, v, l, statements)
	if err != nil {
		return err
	}
	q := audit.Range{Device: header.Device, Numbers: audit.Run{From: header.From, To: header.To}}
	all := make([]*audit.Report, len(reports))
	for i, r := range reports {
		all[i] = r.Report
		q.ReportingPeriod = max(q.ReportingPeriod, r.Report.ReportingPeriod)
	}
	found := audit.Complete(q, all)
	if c.JSON {
		err = printJSON(s.out, found)
	} else {
		err = printCompleteness(s, from, found)
	}
	return errors.Join(err, completenessVerdict(found))
}

// file is the export that is judged: the one that was handed in, or one made of the archives.
func (c *completenessCmd) file(ctx context.Context, s streams) ([]byte, export.Header, error) {
	if c.Export != "" {
		data, err := s.readLimited(c.Export, maxExport)
		if err != nil {
			return nil, export.Header{}, err
		}
		header, err := export.Read(bytes.NewReader(data), collect(new([]handed)))
		if err != nil {
			err = fmt.Errorf("%s: %w", c.Export, err)
		}
		return data, header, err
	}
	found, err := c.selection(ctx, s, c.Device)
	if err != nil {
		return nil, export.Header{}, err
	}
	var file bytes.Buffer
	err = writeExport(&file, c.Device, found)
	return file.Bytes(), export.Header{Device: c.Device, From: found.From, To: found.To}, err
}

func completenessVerdict(c audit.Completeness) error {
	switch {
	case c.OK():
		return nil
	case c.Integrity.Answer == audit.Refuted || c.Completeness.Answer == audit.Refuted || c.Coverage.Answer == audit.Refuted:
		return verdict(statusRefuted)
	default:
		return verdict(statusCannotTell)
	}
}

func printCompleteness(s streams, from string, c audit.Completeness) error {
	fmt.Fprintf(s.out, "trust  %s\n", from)
	fmt.Fprintf(s.out, "%s, readings %s: %d proven\n", c.Device, c.Asked, c.Readings)
	for _, f := range []struct {
		name string
		audit.Finding
	}{{"integrity", c.Integrity}, {"completeness", c.Completeness}, {"coverage", c.Coverage}} {
		fmt.Fprintf(s.out, "%-12s  %s: %s\n", f.name, strings.ToUpper(string(f.Answer)), printableLines(f.Detail))
		for _, fault := range f.Faults {
			fmt.Fprintln(s.out, "  -", printableLines(fault))
		}
	}
	for _, hole := range c.Holes {
		fmt.Fprintln(s.out, "missing:", hole)
	}
	for _, silence := range c.Silences {
		fmt.Fprintf(s.out, "silent after reading %d: from %s to %s\n", silence.After, stamp(silence.From), stamp(silence.Until))
	}
	_, err := fmt.Fprintf(s.out, "just outside: before %s, after %s\n", outside(c.First), outside(c.Last))
	return err
}

// outside names the reading next to the range, by which nothing can hide at its end.
func outside(sequence uint64) string {
	if sequence == 0 {
		return "none is there: what came then, if anything, is not proven"
	}
	return fmt.Sprintf("reading %d", sequence)
}
