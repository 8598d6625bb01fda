// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
)

type consortiumCmd struct {
	Show    consortiumShowCmd    `cmd:"" help:"Show the terms in force and what each organisation approves."`
	Approve consortiumApproveCmd `cmd:"" help:"Approve terms for our organisation."`
}

// Help is the long description.
func (consortiumCmd) Help() string {
	return "The terms say who the organisations are, and how many of them, beside the owner of a record, must endorse " +
		"each change of it. They are in force when all that they name, and all of the terms before, have approved the same."
}

type consortiumShowCmd struct{ ledgerFlags }

// Run shows the terms.
func (c *consortiumShowCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (ledger.Consortium, error) {
		return l.Consortium(ctx)
	}, showConsortium)
}

type consortiumApproveCmd struct {
	Organisations []string `arg:"" help:"MSP IDs of all organisations."`
	Others        int      `help:"How many organisations beside a record's owner must endorse each change of it." required:"" placeholder:"N"`
	ledgerFlags
}

// Run approves terms.
func (c *consortiumApproveCmd) Run(ctx context.Context, s streams) error {
	terms := record.Terms{Organisations: c.Organisations, Others: c.Others}
	if err := terms.Validate(); err != nil {
		return fmt.Errorf("organisations and --others: %w", err)
	}
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (ledger.Consortium, error) {
		return l.ApproveTerms(ctx, terms)
	}, showConsortium)
}

func showConsortium(out io.Writer, c ledger.Consortium) error {
	inForce := "none: the chaincode's endorsement policy governs every record"
	if c.Terms != nil {
		inForce = fmt.Sprintf("%s; the owner of a record and %d other(s) endorse each change of it",
			strings.Join(c.Terms.Organisations, ", "), c.Terms.Others)
	}
	fmt.Fprintf(out, "terms in force: %s\n\n", inForce)
	return table(out, "approvals", "MSP\tAPPROVED\tORGANISATIONS\tOTHERS", c.Approvals, func(a record.Approval) []any {
		return []any{a.MSP, stamp(a.Updated), strings.Join(a.Terms.Organisations, ", "), a.Terms.Others}
	})
}
