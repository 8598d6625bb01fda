// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/online"
	"github.com/anchorline/anchorline/audit/trust"
	"github.com/anchorline/anchorline/ledger"
)

type auditCmd struct {
	Verify       verifyCmd       `cmd:"" help:"Verify statements and exports, offline, and say what they prove."`
	Trust        trustCmd        `cmd:"" help:"Write whom to trust, from the channel's configuration, to trust.json."`
	Statement    statementCmd    `cmd:"" help:"Make a reading's statement from a bridge's archive."`
	Export       exportCmd       `cmd:"" help:"Write a device's readings of a range, with all that proves them, to one file."`
	Completeness completenessCmd `cmd:"" help:"Say whether a device's readings of a range are all there."`
	Evidence     evidenceCmd     `cmd:"" help:"Collect what organisations signed about batches of an archive."`
	Archive      archiveCmd      `cmd:"" help:"Check a bridge's whole archive against the ledger."`
	Report       reportCmd       `cmd:"" help:"Say who signed the report of such a check."`
}

// The exit statuses of a verdict; what cannot be done at all ends with status 1, a wrong command line
// with 2.
const (
	statusRefuted    = 3 // a check failed
	statusCannotTell = 4 // no check failed, and something that was required is not there
)

// A verdict ends a command with a status of its own, after it has said everything.
type verdict int

// Error is never printed.
func (v verdict) Error() string { return fmt.Sprintf("ends with status %d", int(v)) }

// verdictOf is the status for a report.
func verdictOf(r *audit.Report) error {
	switch {
	case r.OK:
		return nil
	case r.Refuted():
		return verdict(statusRefuted)
	default:
		return verdict(statusCannotTell)
	}
}

// ledgerFlag names a network that may be asked for evidence.
type ledgerFlag struct {
	Ledger string `help:"Connection profile: also ask this network for evidence of now." placeholder:"FILE"`
}

// connect returns nothing when no network is to be asked.
func (f ledgerFlag) connect() (*ledger.Client, error) {
	if f.Ledger == "" {
		return nil, nil
	}
	p, err := ledger.ReadProfile(f.Ledger)
	if err != nil {
		return nil, err
	}
	return ledger.Connect(p)
}

// verifierFlags say whom to trust and what to ask for.
type verifierFlags struct {
	Trust   string      `help:"Whom to trust, made by 'audit trust'." placeholder:"FILE"`
	Require requirement `help:"What must be reached: signed, received, endorsed, ordered, attested or unrepudiated, with how many organisations, as in attested:2." default:"unrepudiated" placeholder:"LEVEL[:N]"`
}

// A requirement is a level, and a number of organisations, in a flag.
type requirement struct{ audit.Requirement }

// UnmarshalText reads LEVEL or LEVEL:N.
func (r *requirement) UnmarshalText(text []byte) (err error) {
	r.Requirement, err = audit.ParseRequirement(string(text))
	return err
}

// verifier returns a verifier and what its trust rests on. Without a file the ledger is asked, whose
// word it then is.
func (f verifierFlags) verifier(ctx context.Context, l *ledger.Client) (*audit.Verifier, string, error) {
	t, from, err := f.trust(ctx, l)
	if err != nil {
		return nil, "", err
	}
	v, err := audit.NewVerifier(t, f.Require.Requirement)
	return v, from, err
}

func (f verifierFlags) trust(ctx context.Context, l *ledger.Client) (trust.Trust, string, error) {
	if f.Trust != "" {
		data, err := os.ReadFile(f.Trust)
		if err != nil {
			return trust.Trust{}, "", err
		}
		t, err := trust.Parse(data)
		if err != nil {
			err = fmt.Errorf("%s: %w", f.Trust, err)
		}
		return t, f.Trust, err
	}
	if l == nil {
		return trust.Trust{}, "", fmt.Errorf("say whom to trust: --trust FILE, which 'anchorline audit trust' makes, or --ledger FILE, a network whose word is taken for it")
	}
	t, err := online.Trust(ctx, l, l.Profile().Ledger(), 0)
	return t, "the word of the peer " + l.Profile().Endpoint + " about the channel's members; keep it with 'anchorline audit trust' and compare it with the organisations", err
}
