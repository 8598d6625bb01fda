// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/anchorline/anchorline/chaincode/policy"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
)

type policyCmd struct {
	Put     policyPutCmd     `cmd:"" help:"Put a Cedar policy over our organisation's devices."`
	List    policyListCmd    `cmd:"" help:"List the policies."`
	Show    policyShowCmd    `cmd:"" help:"Show a policy's text."`
	History policyHistoryCmd `cmd:"" help:"List the revisions of a policy, newest first."`
	Revoke  policyRevokeCmd  `cmd:"" help:"Revoke a policy; its revisions are kept."`
	Check   policyCheckCmd   `cmd:"" help:"Check a policy file as the ledger would."`
	Test    policyTestCmd    `cmd:"" help:"Test policy files against a table of requests and expected decisions, without a ledger."`
	Schema  policySchemaCmd  `cmd:"" help:"Print the schema that policies are written over."`
}

// Help is the long description.
func (policyCmd) Help() string {
	return "Policies say who may do what to an organisation's devices, in the Cedar language (https://cedarpolicy.com). " +
		"Ask for a decision with: anchorline access."
}

type policyPutCmd struct {
	ID   string `arg:"" help:"Policy id."`
	File string `arg:"" help:"Its text in the Cedar language; - is standard input."`
	ledgerFlags
}

// Run checks a policy here, where the fault can be shown, and puts it.
func (c *policyPutCmd) Run(ctx context.Context, s streams) error {
	text, err := s.readPolicy(c.File)
	if err != nil {
		return err
	}
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Policy, error) {
		s.warn(c.File, text, l.Profile().MSPID)
		return l.PutPolicy(ctx, c.ID, text)
	}, showPolicy)
}

// readPolicy reads a policy and parses it; the fault names file, line and column.
func (s streams) readPolicy(file string) (string, error) {
	text, err := s.readLimited(file, record.MaxPolicyText)
	if err != nil {
		return "", err
	}
	if _, err := policy.Parse(string(text)); err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return string(text), nil
}

// warn says what may surprise the author of a policy that is accepted.
func (s streams) warn(file, text, owner string) {
	for _, w := range policy.Lint(text, owner) {
		fmt.Fprintf(s.err, "%s: warning: %s\n", file, printable(w.String()))
	}
}

type policyListCmd struct {
	Owner string `help:"Only of this organisation, by MSP ID." placeholder:"ID"`
	ledgerFlags
}

// Run lists policies.
func (c *policyListCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) ([]record.Policy, error) {
		return l.Policies(ctx, c.Owner)
	}, showPolicies)
}

func showPolicy(out io.Writer, p record.Policy) error { return showPolicies(out, []record.Policy{p}) }

func showPolicies(out io.Writer, policies []record.Policy) error {
	return table(out, "policies", "POLICY\tREVISION\tIN FORCE\tUPDATED\tREASON", policies, func(p record.Policy) []any {
		return []any{name.New(p.Owner, p.ID), p.Revision, yes(p.Active), stamp(p.Updated), p.Reason}
	})
}

// policyArgs name a policy.
type policyArgs struct {
	Policy nameArg `arg:"" help:"Policy: Org1MSP/readers, or readers of our own organisation."`
	ledgerFlags
}

type policyShowCmd struct {
	policyArgs
	Revision uint64 `help:"This revision instead of the latest." placeholder:"N"`
}

// Run shows a policy's text.
func (c *policyShowCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Policy, error) {
		policy, err := c.Policy.of(l)
		if err != nil {
			return record.Policy{}, err
		}
		if c.Revision != 0 {
			return l.PolicyRevision(ctx, policy, c.Revision)
		}
		return l.Policy(ctx, policy)
	}, func(out io.Writer, p record.Policy) error {
		if !p.Active {
			_, err := fmt.Fprintf(out, "// revoked in revision %d: %s\n", p.Revision, printable(p.Reason))
			return err
		}
		_, err := fmt.Fprintln(out, printableLines(strings.TrimRight(p.Text, "\n")))
		return err
	})
}

type policyHistoryCmd struct{ policyArgs }

// Run lists a policy's revisions.
func (c *policyHistoryCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) ([]record.Policy, error) {
		policy, err := c.Policy.of(l)
		if err != nil {
			return nil, err
		}
		return l.PolicyHistory(ctx, policy)
	}, showPolicies)
}

type policyRevokeCmd struct {
	ID     string `arg:"" help:"Policy id."`
	Reason reason `help:"Why; kept on the ledger." required:"" placeholder:"TEXT"`
	ledgerFlags
}

// Run revokes a policy.
func (c *policyRevokeCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Policy, error) {
		return l.RevokePolicy(ctx, c.ID, string(c.Reason))
	}, showPolicy)
}

// onlineFlag turns a command that needs no ledger into one that asks it.
type onlineFlag struct {
	Ledger  string        `help:"Connection profile: ask this ledger, whose chaincode may be of another version." placeholder:"FILE"`
	Timeout time.Duration `help:"How long the ledger may take." default:"2m" placeholder:"TIME"`
}

func (f onlineFlag) flags() ledgerFlags {
	return ledgerFlags{profileFlag: profileFlag{Profile: f.Ledger}, Timeout: f.Timeout}
}

// Validate refuses a time limit within which nothing can be asked.
func (f onlineFlag) Validate() error { return f.flags().Validate() }

type policyCheckCmd struct {
	File string `arg:"" help:"A policy in the Cedar language; - is standard input."`
	onlineFlag
}

// Run checks a policy; the exit status is 1 when the ledger would refuse it.
func (c *policyCheckCmd) Run(ctx context.Context, s streams) error {
	text, err := s.readLimited(c.File, record.MaxPolicyText)
	if err != nil {
		return err
	}
	by, owner := "this program", ""
	if c.Ledger == "" {
		_, err = policy.Parse(string(text))
	} else {
		by = c.Ledger
		err = withLedger(ctx, c.flags(), func(ctx context.Context, l *ledger.Client) error {
			owner = l.Profile().MSPID
			_, err := l.CheckPolicy(ctx, string(text))
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	s.warn(c.File, string(text), owner)
	_, err = fmt.Fprintf(s.out, "%s is good, checked by %s\n", c.File, by)
	return err
}

type policySchemaCmd struct{ onlineFlag }

// Run prints the schema.
func (c *policySchemaCmd) Run(ctx context.Context, s streams) error {
	schema := policy.Schema
	if c.Ledger != "" {
		if err := withLedger(ctx, c.flags(), func(ctx context.Context, l *ledger.Client) (err error) {
			schema, err = l.PolicySchema(ctx)
			return err
		}); err != nil {
			return err
		}
	}
	_, err := fmt.Fprint(s.out, schema)
	return err
}
