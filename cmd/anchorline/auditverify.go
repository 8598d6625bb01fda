// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/export"
	"github.com/anchorline/anchorline/audit/online"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/receipt"
)

type verifyCmd struct {
	Files []string `arg:"" help:"Statements, or exports of many readings."`
	verifierFlags
	ledgerFlag
	JSON bool `help:"Print the reports as JSON." name:"json"`
}

// Help gives examples.
func (verifyCmd) Help() string {
	return "Examples:\n" +
		"  anchorline audit verify pump-1-10.cose --trust trust.json\n" +
		"  anchorline audit verify pump-1-10.cose --trust trust.json --ledger profile.json --require attested:3\n" +
		"Exit status: 0 proven, 3 refuted, 4 cannot tell, 1 for anything else that went wrong."
}

// A reported is the report on one statement.
type reported struct {
	File   string        `json:"file"`
	Report *audit.Report `json:"report"`
}

// Run verifies every file; the exit status is that of the worst.
func (c *verifyCmd) Run(ctx context.Context, io streams) error {
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
	statements, err := c.read(io)
	if err != nil {
		return err
	}
	reports, err := c.verify(ctx, io, v, l, statements)
	if err != nil {
		return err
	}
	if err := c.print(io, from, reports); err != nil {
		return err
	}
	return worst(reports)
}

// A handed is a statement that was handed in, with the evidence that came beside it.
type handed struct {
	name     string
	data     []byte
	evidence receipt.Evidence
}

// read reads every statement of every file.
func (c *verifyCmd) read(io streams) ([]handed, error) {
	var all []handed
	for _, file := range c.Files {
		data, err := io.readLimited(file, maxExport)
		if err != nil {
			return nil, err
		}
		from := len(all)
		header, err := export.Read(bytes.NewReader(data), collect(&all))
		for i := from; i < len(all); i++ {
			all[i].name = file
		}
		switch {
		case err == nil:
		case header.Device.IsZero(): // it is no export
			all = append(all, handed{name: file, data: data})
		default:
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return all, nil
}

// collect gathers the statements of an export.
func collect(all *[]handed) func(statement []byte, evidence receipt.Evidence) error {
	return func(statement []byte, evidence receipt.Evidence) error {
		*all = append(*all, handed{data: statement, evidence: evidence})
		return nil
	}
}

// maxExport is the size in bytes of the largest file that is read.
const maxExport = 4 << 30

// verify verifies statements on all processors.
func (c *verifyCmd) verify(ctx context.Context, io streams, v *audit.Verifier, l *ledger.Client, statements []handed) ([]reported, error) {
	reports := make([]reported, len(statements))
	bar := newProgress(io.err, len(statements), "statements")
	defer bar.end()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range statements {
		g.Go(func() error {
			evidence, err := c.evidence(ctx, v, l, s)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			reports[i] = reported{File: s.name, Report: v.Verify(s.data, evidence...)}
			bar.add(1)
			return ctx.Err()
		})
	}
	return reports, g.Wait()
}

// evidence is what came beside a statement, and what the ledger has of now if it is to be asked. That
// the ledger does not have the batch, or cannot be asked about it, leaves the statement as it is.
func (c *verifyCmd) evidence(ctx context.Context, v *audit.Verifier, l *ledger.Client, s handed) ([]receipt.Evidence, error) {
	evidence := []receipt.Evidence{s.evidence}
	if l == nil {
		return evidence, nil
	}
	parsed, err := receipt.ParseStatement(s.data)
	if err != nil {
		return evidence, nil // the report says what is wrong with it
	}
	fresh, err := online.Evidence(ctx, l, v.Trust(), parsed)
	if errors.Is(err, ledger.ErrNotFound) {
		return evidence, fmt.Errorf("the ledger does not know it: %w", err)
	}
	return append(evidence, fresh), err
}

// worst is the exit status for several reports: refuted before cannot tell before proven.
func worst(reports []reported) error {
	var found error
	for _, r := range reports {
		var v verdict
		if err := verdictOf(r.Report); errors.As(err, &v) && (found == nil || v == statusRefuted) {
			found = err
		}
	}
	return found
}

func (c *verifyCmd) print(io streams, from string, reports []reported) error {
	switch {
	case c.JSON && len(reports) == 1:
		return printJSON(io.out, reports[0].Report)
	case c.JSON:
		return printJSON(io.out, reports)
	}
	fmt.Fprintf(io.out, "trust  %s\n", from)
	if len(reports) == 1 {
		printReport(io, reports[0])
		return nil
	}
	proven := 0
	for _, r := range reports {
		if r.Report.OK {
			proven++
			continue
		}
		fmt.Fprintf(io.out, "%s  %s, reading %d of %s: %v\n", strings.ToUpper(verdictWord(r.Report)), r.File, r.Report.Sequence, r.Report.Device, r.Report.Err())
	}
	_, err := fmt.Fprintf(io.out, "%d of %d statements proven\n", proven, len(reports))
	return err
}

func verdictWord(r *audit.Report) string {
	switch {
	case r.OK:
		return "proven"
	case r.Refuted():
		return "refuted"
	default:
		return "cannot tell"
	}
}

// printReport shows one report to a person.
func printReport(io streams, one reported) {
	r := one.Report
	marks := map[audit.Outcome]string{audit.Passed: "ok  ", audit.Failed: "FAIL", audit.Skipped: "-   "}
	for _, check := range r.Checks {
		fmt.Fprintf(io.out, "%s  %-21s  %s\n", marks[check.Outcome], check.ID, printableLines(check.Detail))
	}
	fmt.Fprintf(io.out, "\n%s: %s\n", strings.ToUpper(verdictWord(r)), one.File)
	for _, p := range r.Proven {
		fmt.Fprintln(io.out, "  +", printableLines(p))
	}
	for _, m := range r.Missing {
		fmt.Fprintln(io.out, "  required and not reached:", printableLines(m))
	}
	fmt.Fprintln(io.out, "Not proven:")
	for _, p := range r.NotProven {
		fmt.Fprintln(io.out, "  -", printableLines(p))
	}
	for _, n := range r.Notes {
		fmt.Fprintln(io.out, "note:", printableLines(n))
	}
	if r.Reading != nil && strings.HasSuffix(mediaType(r.Reading.ContentType()), "json") {
		fmt.Fprintf(io.out, "The payload:\n  %s\n", printableLines(string(r.Reading.Payload())))
	}
}

func mediaType(ct reading.ContentType) string {
	if ct == reading.SenMLJSON {
		return "application/senml+json"
	}
	return string(ct)
}

type trustCmd struct {
	profileFlag
	Attestations int    `help:"How many organisations must attest (default: more than half of them)." placeholder:"N"`
	Out          string `help:"File to write." default:"trust.json" placeholder:"FILE"`
}

// Help gives an example.
func (trustCmd) Help() string {
	return "Example:\n  anchorline audit trust --profile profile.json --attestations 2\n" +
		"Compare the certificates in the file with those that the organisations publish: it is all that a verification rests on."
}

// Run writes the channel's members to a file.
func (c *trustCmd) Run(ctx context.Context, io streams) error {
	l, err := c.connect()
	if err != nil {
		return err
	}
	defer l.Close()
	t, err := online.Trust(ctx, l, l.Profile().Ledger(), c.Attestations)
	if err != nil {
		return err
	}
	text, err := t.Encode()
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Out, text, 0o644); err != nil {
		return err
	}
	var names []string
	for _, o := range t.Organisations {
		names = append(names, o.MSPID)
	}
	slices.Sort(names)
	_, err = fmt.Fprintf(io.out, "%s: %d of %s must attest; blocks are ordered by %s. From configuration block %d of %s.\n",
		c.Out, t.Attestations, strings.Join(names, ", "), t.Orderers.Consensus, t.ConfigurationBlock, t.Ledger)
	return err
}
