// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/receipt"
)

type equivocationCmd struct {
	List   equivocationListCmd   `cmd:"" help:"List the evidence on the ledger."`
	Report equivocationReportCmd `cmd:"" help:"Report a statement whose receipt contradicts the ledger, or another anchor of our own stream."`
}

// Help is the long description.
func (equivocationCmd) Help() string {
	return "A stream equivocates when it stands for something else than the ledger has: another anchor under the same number, the " +
		"same anchor by another transaction or at another time, or an anchor that is not there. Its signature is under that. " +
		"A report puts the evidence on the ledger, never the reading."
}

type equivocationListCmd struct {
	Stream nameArg `help:"Only against this stream: Org1MSP/bridge-1, or bridge-1 of our own organisation." placeholder:"STREAM"`
	ledgerFlags
}

// Run lists evidence.
func (c *equivocationListCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) ([]record.EquivocationReport, error) {
		stream, err := c.Stream.of(l)
		if err != nil {
			return nil, err
		}
		return l.Equivocations(ctx, stream)
	}, showEquivocations)
}

type equivocationReportCmd struct {
	Statement string `arg:"" optional:"" help:"A statement, as devices and archives keep them; it needs an auditor, a bridge or an admin."`
	Anchor    string `help:"Instead: the other anchor in canonical form, as the stream's own bridge." placeholder:"FILE"`
	ledgerFlags
}

// Run reports evidence.
func (c *equivocationReportCmd) Run(ctx context.Context, s streams) error {
	evidence, err := c.evidence(s)
	if err != nil {
		return err
	}
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.EquivocationReport, error) {
		return l.ReportEquivocation(ctx, evidence)
	}, func(out io.Writer, r record.EquivocationReport) error {
		return showEquivocations(out, []record.EquivocationReport{r})
	})
}

func (c *equivocationReportCmd) evidence(s streams) (ledger.Equivocation, error) {
	var none ledger.Equivocation
	if (c.Statement == "") == (c.Anchor == "") {
		return none, fmt.Errorf("give either a statement or --anchor")
	}
	if c.Anchor != "" {
		data, err := s.readLimited(c.Anchor, receipt.MaxAnchorSize)
		if err != nil {
			return none, err
		}
		if _, err := record.ParseAnchor(data); err != nil {
			return none, fmt.Errorf("%s: %w", c.Anchor, err)
		}
		return ledger.Equivocation{Anchor: string(data)}, nil
	}
	statement, err := s.readStatement(c.Statement)
	if err != nil {
		return none, err
	}
	root, err := statement.Root()
	if err != nil {
		return none, fmt.Errorf("%s: %w", c.Statement, err)
	}
	return ledger.Equivocation{
		Receipt: base64.RawURLEncoding.EncodeToString(statement.Receipt.Bytes()), Root: root.String(),
	}, nil
}

// readStatement reads a statement; nothing in it is verified.
func (s streams) readStatement(path string) (*receipt.Statement, error) {
	data, err := s.readLimited(path, receipt.MaxStatementSize)
	if err != nil {
		return nil, err
	}
	statement, err := receipt.ParseStatement(data)
	if err != nil {
		return nil, fmt.Errorf("%s is no statement: %w", path, err)
	}
	return statement, nil
}

func showEquivocations(out io.Writer, all []record.EquivocationReport) error {
	const heading = "STREAM\tNUMBER\tCONTRADICTION\tANCHORED\tCLAIMED\tEVIDENCE\tREPORTED BY\tREPORTED\tTRANSACTION"
	return table(out, "evidence of equivocation", heading, all, func(r record.EquivocationReport) []any {
		evidence := "receipt"
		if r.Anchor != nil {
			evidence = "the bridge's own anchor"
		}
		if r.KeyReason != "" {
			evidence += ", by a key that was replaced: " + r.KeyReason
		}
		return []any{
			r.Stream, r.Number, r.Contradiction, short(r.Anchored), short(r.Claimed), evidence, r.By, stamp(r.Reported.Time), short(r.Reported.Tx),
		}
	})
}
