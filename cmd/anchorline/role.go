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

type roleCmd struct {
	Grant  roleGrantCmd  `cmd:"" help:"Grant a role inside our organisation."`
	Revoke roleRevokeCmd `cmd:"" help:"Take a role back."`
	List   roleListCmd   `cmd:"" help:"List the grants of an organisation."`
	Whoami roleWhoamiCmd `cmd:"" help:"Show who we are to the ledger, and our roles."`
}

// Help is the long description.
func (roleCmd) Help() string {
	return "Organisations grant roles to identities of their own: admin (grants roles, writes policies), " +
		"registrar (registers and changes devices), bridge (writes streams) and auditor (reports equivocation). " +
		"An identity with the organisational unit admin (NodeOUs) needs no grant."
}

// grantArgs say which role, and whose.
type grantArgs struct {
	Role        string     `arg:"" help:"admin, registrar, bridge or auditor." enum:"admin,registrar,bridge,auditor"`
	Certificate string     `help:"The identity with this certificate: a PEM file, or the SHA-256 of its DER." placeholder:"FILE" xor:"who" required:""`
	Unit        string     `help:"Identities with this organisational unit." xor:"who" required:"" placeholder:"NAME"`
	Attribute   *attribute `help:"Identities with this attribute from Fabric's CA." xor:"who" required:"" placeholder:"NAME=VALUE"`
	ledgerFlags
}

func (a *grantArgs) request() (ledger.RoleRequest, error) {
	r := ledger.RoleRequest{Role: record.Role(a.Role), Unit: a.Unit}
	if a.Attribute != nil {
		r.Attribute = &a.Attribute.Attribute
	}
	var err error
	if a.Certificate != "" {
		r.Certificate, err = certificateHash(a.Certificate)
	}
	return r, err
}

func (a *grantArgs) change(
	ctx context.Context, s streams, f func(*ledger.Client, context.Context, ledger.RoleRequest) (record.Grant, error),
) error {
	r, err := a.request()
	if err != nil {
		return err
	}
	return ask(ctx, s, a.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Grant, error) {
		return f(l, ctx, r)
	}, func(out io.Writer, g record.Grant) error { return showGrants(out, []record.Grant{g}) })
}

type roleGrantCmd struct{ grantArgs }

// Run grants a role.
func (c *roleGrantCmd) Run(ctx context.Context, s streams) error {
	return c.change(ctx, s, (*ledger.Client).GrantRole)
}

type roleRevokeCmd struct{ grantArgs }

// Run takes a role back.
func (c *roleRevokeCmd) Run(ctx context.Context, s streams) error {
	return c.change(ctx, s, (*ledger.Client).RevokeRole)
}

type roleListCmd struct {
	MSP  string `help:"Organisation, by MSP ID (default: ours)." placeholder:"ID"`
	Role string `help:"Only this role." enum:",admin,registrar,bridge,auditor" default:"" placeholder:"ROLE"`
	ledgerFlags
}

// Run lists grants.
func (c *roleListCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) ([]record.Grant, error) {
		return l.Grants(ctx, c.MSP, record.Role(c.Role))
	}, showGrants)
}

func showGrants(out io.Writer, grants []record.Grant) error {
	return table(out, "grants", "MSP\tROLE\tGRANTED TO\tIN FORCE\tUPDATED", grants, func(g record.Grant) []any {
		return []any{g.MSP, g.Role, subject(g.Subject), yes(g.Active), stamp(g.Updated)}
	})
}

func subject(s record.Subject) string {
	switch {
	case s.Certificate != "":
		return "certificate " + s.Certificate
	case s.Unit != "":
		return "unit " + s.Unit
	case s.Attribute != nil:
		return "attribute " + s.Attribute.Name + "=" + s.Attribute.Value
	}
	return ""
}

type roleWhoamiCmd struct{ ledgerFlags }

// Run shows what a grant can name.
func (c *roleWhoamiCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (ledger.Self, error) {
		return l.WhoAmI(ctx)
	}, func(out io.Writer, self ledger.Self) error {
		return details(out,
			field{"organisation", self.MSP}, field{"identity", self.Identity}, field{"certificate", self.Certificate},
			field{"units", strings.Join(self.Units, ", ")}, field{"attributes", pairs(self.Attributes)},
			field{"roles", roleNames(self.Roles)})
	})
}

func roleNames(roles []record.Role) string {
	if len(roles) == 0 {
		return "none"
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(roles), " ", ", "), "[]")
}
