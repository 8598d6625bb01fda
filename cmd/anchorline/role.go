// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
)

type roleCmd struct {
	Grant   roleGrantCmd   `cmd:"" help:"Grant a role inside our organisation."`
	Revoke  roleRevokeCmd  `cmd:"" help:"Take a role back."`
	List    roleListCmd    `cmd:"" help:"List the grants of an organisation."`
	Whoami  roleWhoamiCmd  `cmd:"" help:"Show how the contracts see the identity of the profile."`
	Approve roleApproveCmd `cmd:"" help:"Approve the terms on which the organisations sign each other's changes."`
	Terms   roleTermsCmd   `cmd:"" help:"Show the terms in force and what each organisation approves."`
}

// grantArgs say which role, and whose.
type grantArgs struct {
	Role        string `arg:"" help:"admin, registrar, bridge or auditor." enum:"admin,registrar,bridge,auditor"`
	Certificate string `help:"Of the identity with this certificate: a PEM file, or the SHA-256 of its DER." placeholder:"FILE" xor:"who" required:""`
	Unit        string `help:"Of identities with this organisational unit." xor:"who" required:"" placeholder:"NAME"`
	Attribute   string `help:"Of identities with this attribute from Fabric's CA." xor:"who" required:"" placeholder:"NAME=VALUE"`
	profileFlag
	JSON bool `help:"Print the grant as JSON." name:"json"`
}

func (a *grantArgs) request() (ledger.RoleRequest, error) {
	r := ledger.RoleRequest{Role: record.Role(a.Role), Unit: a.Unit}
	if a.Attribute != "" {
		name, value, ok := strings.Cut(a.Attribute, "=")
		if !ok {
			return r, fmt.Errorf("--attribute %q: want NAME=VALUE", a.Attribute)
		}
		r.Attribute = &record.Attribute{Name: name, Value: value}
	}
	var err error
	if a.Certificate != "" {
		r.Certificate, err = certificateHash(a.Certificate)
	}
	return r, err
}

// certificateHash takes a hash as it is, and hashes the certificate of a PEM file.
func certificateHash(s string) (string, error) {
	if record.CheckHash("certificate", s) == nil {
		return s, nil
	}
	text, err := os.ReadFile(s)
	if err != nil {
		return "", fmt.Errorf("--certificate: neither 64 hexadecimal digits nor a file: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return "", fmt.Errorf("--certificate %s: no PEM certificate", s)
	}
	sum := sha256.Sum256(block.Bytes)
	return hex.EncodeToString(sum[:]), nil
}

func (a *grantArgs) change(io streams, f func(*ledger.Client, ledger.RoleRequest) (record.Grant, error)) error {
	r, err := a.request()
	if err != nil {
		return err
	}
	return withLedger(a.profileFlag, func(l *ledger.Client) error {
		g, err := f(l, r)
		if err != nil {
			return err
		}
		if a.JSON {
			return printJSON(io.out, g)
		}
		return table(io.out, "MSP\tROLE\tGRANTED TO\tIN FORCE", []record.Grant{g}, grantRow)
	})
}

func grantRow(w *tabwriter.Writer, g record.Grant) {
	fmt.Fprintf(w, "%s\t%s\t%s\t%t\n", g.MSP, g.Role, subject(g.Subject), g.Active)
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

type roleGrantCmd struct{ grantArgs }

// Run grants a role.
func (c *roleGrantCmd) Run(ctx context.Context, io streams) error {
	return c.change(io, func(l *ledger.Client, r ledger.RoleRequest) (record.Grant, error) { return l.GrantRole(ctx, r) })
}

type roleRevokeCmd struct{ grantArgs }

// Run revokes a role.
func (c *roleRevokeCmd) Run(ctx context.Context, io streams) error {
	return c.change(io, func(l *ledger.Client, r ledger.RoleRequest) (record.Grant, error) { return l.RevokeRole(ctx, r) })
}

type roleListCmd struct {
	MSP string `help:"Organisation, by MSP ID (default: ours)." placeholder:"ID"`
	profileFlag
	JSON bool `help:"Print the grants as JSON." name:"json"`
}

// Run lists grants.
func (c *roleListCmd) Run(ctx context.Context, io streams) error {
	return withLedger(c.profileFlag, func(l *ledger.Client) error {
		grants, err := l.Grants(ctx, c.MSP)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(io.out, grants)
		}
		return table(io.out, "MSP\tROLE\tGRANTED TO\tIN FORCE", grants, grantRow)
	})
}

type roleWhoamiCmd struct {
	profileFlag
	JSON bool `help:"Print it as JSON." name:"json"`
}

// Run shows what a grant can name.
func (c *roleWhoamiCmd) Run(ctx context.Context, io streams) error {
	return withLedger(c.profileFlag, func(l *ledger.Client) error {
		self, err := l.WhoAmI(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(io.out, self)
		}
		w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "organisation\t%s\nidentity\t%s\ncertificate\t%s\nunits\t%s\n",
			self.MSP, self.Identity, self.Certificate, strings.Join(self.Units, ", "))
		for name, value := range self.Attributes {
			fmt.Fprintf(w, "attribute\t%s=%s\n", name, value)
		}
		fmt.Fprintf(w, "roles\t%v\n", self.Roles)
		return w.Flush()
	})
}

type roleApproveCmd struct {
	Organisations []string `arg:"" help:"MSP IDs of all organisations."`
	Others        int      `help:"How many organisations beside a record's owner must endorse each change of it." required:""`
	profileFlag
}

// Run approves terms.
func (c *roleApproveCmd) Run(ctx context.Context, io streams) error {
	if len(c.Organisations) == 0 {
		return errors.New("name the organisations")
	}
	return withLedger(c.profileFlag, func(l *ledger.Client) error {
		out, err := l.ApproveTerms(ctx, record.Terms{Organisations: c.Organisations, Others: c.Others})
		if err != nil {
			return err
		}
		return printRaw(io.out, out)
	})
}

type roleTermsCmd struct{ profileFlag }

// Run shows the terms.
func (c *roleTermsCmd) Run(ctx context.Context, io streams) error {
	return withLedger(c.profileFlag, func(l *ledger.Client) error {
		out, err := l.Terms(ctx)
		if err != nil {
			return err
		}
		return printRaw(io.out, out)
	})
}
