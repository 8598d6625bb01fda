// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/anchorline/anchorline/chaincode/policy"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
)

type policyCmd struct {
	Put    policyPutCmd    `cmd:"" help:"Put a Cedar policy over our organisation's devices."`
	List   policyListCmd   `cmd:"" help:"List the policies."`
	Show   policyShowCmd   `cmd:"" help:"Show a policy's text."`
	Revoke policyRevokeCmd `cmd:"" help:"Revoke a policy; its revisions are kept."`
	Schema policySchemaCmd `cmd:"" help:"Print the schema that policies are written over."`
	Test   policyTestCmd   `cmd:"" help:"Test policy files against a table of requests and expected decisions, without a ledger."`
	Decide policyDecideCmd `cmd:"" help:"Ask the ledger for a decision, as the identity of the profile."`
}

type policyPutCmd struct {
	ID   string `arg:"" help:"Policy id."`
	File string `arg:"" help:"Its text in the Cedar language; - is standard input."`
	profileFlag
	JSON bool `help:"Print the policy as JSON." name:"json"`
}

// Run checks a policy here, where the fault can be shown, and puts it.
func (c *policyPutCmd) Run(ctx context.Context, io streams) error {
	text, err := readLimited(c.File, record.MaxPolicyText)
	if err != nil {
		return err
	}
	if _, err := policy.Parse(string(text)); err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	return withLedger(c.profileFlag, func(l *ledger.Client) error {
		p, err := l.PutPolicy(ctx, c.ID, string(text))
		if err != nil {
			return err
		}
		return showPolicies(io, []record.Policy{p}, c.JSON)
	})
}

type policyListCmd struct {
	Owner string `help:"Only of this organisation, by MSP ID." placeholder:"ID"`
	profileFlag
	JSON bool `help:"Print the policies as JSON." name:"json"`
}

// Run lists policies.
func (c *policyListCmd) Run(ctx context.Context, io streams) error {
	return withLedger(c.profileFlag, func(l *ledger.Client) error {
		policies, err := l.Policies(ctx, c.Owner)
		if err != nil {
			return err
		}
		return showPolicies(io, policies, c.JSON)
	})
}

func showPolicies(io streams, policies []record.Policy, asJSON bool) error {
	if asJSON {
		return printJSON(io.out, policies)
	}
	return table(io.out, "OWNER\tPOLICY\tREVISION\tIN FORCE\tUPDATED", policies, func(w *tabwriter.Writer, p record.Policy) {
		fmt.Fprintf(w, "%s\t%s\t%d\t%t\t%s\n", p.Owner, p.ID, p.Revision, p.Active, stamp(p.Updated))
	})
}

type policyShowCmd struct {
	Owner string `arg:"" help:"MSP ID of the owner."`
	ID    string `arg:"" help:"Policy id."`
	profileFlag
	JSON bool `help:"Print the policy as JSON." name:"json"`
}

// Run shows a policy's latest revision.
func (c *policyShowCmd) Run(ctx context.Context, io streams) error {
	return withLedger(c.profileFlag, func(l *ledger.Client) error {
		p, err := l.Policy(ctx, c.Owner, c.ID)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(io.out, p)
		}
		_, err = fmt.Fprintln(io.out, p.Text)
		return err
	})
}

type policyRevokeCmd struct {
	ID     string `arg:"" help:"Policy id."`
	Reason string `help:"Why; kept on the ledger." required:""`
	profileFlag
	JSON bool `help:"Print the policy as JSON." name:"json"`
}

// Run revokes a policy.
func (c *policyRevokeCmd) Run(ctx context.Context, io streams) error {
	return withLedger(c.profileFlag, func(l *ledger.Client) error {
		p, err := l.RevokePolicy(ctx, c.ID, c.Reason)
		if err != nil {
			return err
		}
		return showPolicies(io, []record.Policy{p}, c.JSON)
	})
}

type policySchemaCmd struct{}

// Run prints the schema.
func (policySchemaCmd) Run(io streams) error {
	_, err := fmt.Fprint(io.out, policy.Schema)
	return err
}

type policyDecideCmd struct {
	Action  string `arg:"" help:"read, subscribe, command or configure." enum:"read,subscribe,command,configure"`
	Device  string `arg:"" help:"Device id."`
	Purpose string `help:"What for." placeholder:"TEXT"`
	profileFlag
	JSON bool `help:"Print the decision as JSON." name:"json"`
}

// Run asks for a decision; the exit status is 1 when it is no.
func (c *policyDecideCmd) Run(ctx context.Context, io streams) error {
	return withLedger(c.profileFlag, func(l *ledger.Client) error {
		d, err := l.Decide(ctx, record.AccessQuery{
			Action: c.Action, Resource: record.AccessResource{Device: c.Device}, Context: record.AccessContext{Purpose: c.Purpose},
		})
		if err != nil {
			return err
		}
		if c.JSON {
			err = printJSON(io.out, d)
		} else {
			for _, one := range d.Devices {
				fmt.Fprintf(io.out, "%s: %s may %s %s%s\n", verdict(one.Allowed), d.Subject, c.Action, one.Device, because(one, nil))
			}
		}
		if err == nil && !d.Allowed {
			err = errSilent
		}
		return err
	})
}

func verdict(allowed bool) string {
	if allowed {
		return "allow"
	}
	return "deny"
}

// because says what decided; reasons say, by policy id, why one could not be evaluated, where that
// is known.
func because(d record.DeviceDecision, reasons map[string]string) string {
	var parts []string
	for _, p := range d.Policies {
		parts = append(parts, fmt.Sprintf("%s (revision %d)", p.ID, p.Revision))
	}
	for _, e := range d.Errors {
		parts = append(parts, strings.TrimSuffix(fmt.Sprintf("%s (revision %d) could not be evaluated: %s", e.ID, e.Revision, reasons[e.ID]), ": "))
	}
	if len(parts) == 0 {
		return ": no policy permits it"
	}
	return ": " + strings.Join(parts, ", ")
}

type policyTestCmd struct {
	Table    string   `arg:"" help:"YAML file of requests and expected decisions."`
	Policies []string `arg:"" help:"Policy files; a file's name without its ending is the policy's id." type:"existingfile"`
}

// A policyCase is one row of the table.
type policyCase struct {
	Name string `yaml:"name"`
	User *struct {
		MSP        string            `yaml:"msp"`
		Identity   string            `yaml:"identity"`
		Roles      []record.Role     `yaml:"roles"`
		Units      []string          `yaml:"units"`
		Attributes map[string]string `yaml:"attributes"`
	} `yaml:"user"`
	Subject *testDevice `yaml:"subject"` // a device that asks; else user
	Action  string      `yaml:"action"`
	Device  testDevice  `yaml:"device"`
	Context struct {
		Purpose string    `yaml:"purpose"`
		From    time.Time `yaml:"from"`
		Until   time.Time `yaml:"until"`
	} `yaml:"context"`
	Time   time.Time `yaml:"time"`
	Expect string    `yaml:"expect"` // allow or deny
}

type testDevice struct {
	ID         string            `yaml:"id"`
	Owner      string            `yaml:"owner"`
	Type       string            `yaml:"type"`
	Status     record.Status     `yaml:"status"`
	Attributes map[string]string `yaml:"attributes"`
	Registered time.Time         `yaml:"registered"`
}

func (d testDevice) record() record.Device {
	r := record.Device{
		Type: record.DeviceType, Version: record.Version, ID: d.ID, Owner: d.Owner, DeviceType: d.Type,
		Status: d.Status, Attributes: d.Attributes, Registered: millis(d.Registered),
	}
	if r.Status == "" {
		r.Status = record.Active
	}
	return r
}

// millis is a time on the ledger; the zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// Run decides every row and compares; the exit status is 1 when one differs.
func (c *policyTestCmd) Run(io streams) error {
	set, err := c.policies()
	if err != nil {
		return err
	}
	cases, err := c.cases()
	if err != nil {
		return err
	}
	failed := 0
	for i, row := range cases {
		d, reasons, err := row.decide(set)
		if err != nil {
			return fmt.Errorf("%s, row %d (%s): %w", c.Table, i+1, row.Name, err)
		}
		mark := "ok  "
		if verdict(d.Allowed) != row.Expect {
			mark = "FAIL"
			failed++
		}
		fmt.Fprintf(io.out, "%s  %s: expected %s, is %s%s\n", mark, row.Name, row.Expect, verdict(d.Allowed), because(d, reasons))
	}
	fmt.Fprintf(io.out, "%d passed, %d failed\n", len(cases)-failed, failed)
	if failed > 0 {
		return errSilent
	}
	return nil
}

func (c *policyTestCmd) policies() (*policy.Set, error) {
	var records []record.Policy
	for _, file := range c.Policies {
		text, err := readLimited(file, record.MaxPolicyText)
		if err != nil {
			return nil, err
		}
		if _, err := policy.Parse(string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		id := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		records = append(records, record.Policy{
			Type: record.PolicyType, Version: record.Version, ID: id, Revision: 1, Text: string(text), Active: true,
		})
	}
	return policy.NewSet(records)
}

func (c *policyTestCmd) cases() ([]policyCase, error) {
	f, err := os.Open(c.Table)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	dec := yaml.NewDecoder(f)
	dec.KnownFields(true)
	var cases []policyCase
	if err := dec.Decode(&cases); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Table, err)
	}
	if len(cases) == 0 {
		return nil, fmt.Errorf("%s holds no requests", c.Table)
	}
	return cases, nil
}

func (row policyCase) decide(set *policy.Set) (_ record.DeviceDecision, reasons map[string]string, _ error) {
	var none record.DeviceDecision
	if row.Expect != "allow" && row.Expect != "deny" {
		return none, nil, fmt.Errorf("expect is %q: want allow or deny", row.Expect)
	}
	var who policy.Principal
	switch {
	case (row.User == nil) == (row.Subject == nil):
		return none, nil, errors.New("give either user or subject")
	case row.User != nil:
		u := row.User
		who = policy.User(u.MSP, u.Identity, u.Roles, u.Units, u.Attributes)
	default:
		who = policy.Device(row.Subject.record())
	}
	at := row.Time
	if at.IsZero() {
		at = time.Now()
	}
	d, reasons := set.Decide(who, row.Action, row.Device.record(), record.AccessContext{
		Purpose: row.Context.Purpose, From: millis(row.Context.From), Until: millis(row.Context.Until),
	}, at.UnixMilli())
	return d, reasons, nil
}
