// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/anchorline/anchorline/chaincode/policy"
	"github.com/anchorline/anchorline/chaincode/record"
)

type policyTestCmd struct {
	Table    string   `arg:"" help:"YAML file of requests and expected decisions."`
	Policies []string `arg:"" help:"Policy files; a file's name without its ending is the policy's id." type:"existingfile"`
	JSON     bool     `help:"Print JSON." name:"json"`
}

// Help is the long description.
func (policyTestCmd) Help() string {
	return "A row of the table has a name, who asks (user: msp, identity, roles, units, attributes; or subject, a device), " +
		"an action, a device (id, owner, type, status, attributes, registered), and if wanted context (purpose, from, until) and " +
		"time; and what to expect: allow or deny. The policies are taken as those of the device's owner."
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
		Status: d.Status, Attributes: d.Attributes, Registered: record.Moment{Time: millis(d.Registered)},
	}
	if r.Status == "" {
		r.Status = record.Active
	}
	return r
}

// A policyResult is what became of one row.
type policyResult struct {
	Name     string                `json:"name"`
	OK       bool                  `json:"ok"` // as expected
	Expected string                `json:"expected"`
	Decision record.DeviceDecision `json:"decision"`
	Reasons  map[string]string     `json:"reasons,omitempty"` // why policies could not be evaluated, by id
}

// Run decides every row and compares; the exit status is 1 when one differs.
func (c *policyTestCmd) Run(s streams) error {
	set, err := c.policies(s)
	if err != nil {
		return err
	}
	cases, err := c.cases()
	if err != nil {
		return err
	}
	results := make([]policyResult, len(cases))
	failed := 0
	for i, row := range cases {
		d, reasons, err := row.decide(set)
		if err != nil {
			return fmt.Errorf("%s, row %d (%s): %w", c.Table, i+1, row.Name, err)
		}
		results[i] = policyResult{row.Name, decisionText(d.Allowed) == row.Expect, row.Expect, d, reasons}
		if !results[i].OK {
			failed++
		}
	}
	if err := output(s, c.JSON, results, showResults); err != nil {
		return err
	}
	if failed > 0 {
		return errSilent
	}
	return nil
}

func showResults(out io.Writer, results []policyResult) error {
	passed := 0
	for _, r := range results {
		mark := "FAIL"
		if r.OK {
			mark = "ok  "
			passed++
		}
		fmt.Fprintf(out, "%s  %s: expected %s, is %s: %s\n", mark, r.Name, r.Expected, decisionText(r.Decision.Allowed), because(r.Decision, r.Reasons))
	}
	_, err := fmt.Fprintf(out, "%d passed, %d failed\n", passed, len(results)-passed)
	return err
}

func (c *policyTestCmd) policies(s streams) (*policy.Set, error) {
	var records []record.Policy
	for _, file := range c.Policies {
		text, err := s.readLimited(file, record.MaxPolicyText)
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

// check refuses a row that no request could be: it would be denied, whatever the policies say.
func (row policyCase) check() error {
	switch {
	case row.Expect != "allow" && row.Expect != "deny":
		return fmt.Errorf("expect is %q: want allow or deny", row.Expect)
	case !slices.Contains(policy.Actions(), row.Action):
		return fmt.Errorf("action is %q: want one of %s", row.Action, strings.Join(policy.Actions(), ", "))
	case (row.User == nil) == (row.Subject == nil):
		return errors.New("give either user or subject")
	case row.Subject != nil && row.Subject.record().Status != record.Active:
		return fmt.Errorf("subject is %s: the ledger lets active devices ask only", row.Subject.Status)
	}
	if row.User != nil {
		if err := record.CheckMSP("user.msp", row.User.MSP); err != nil {
			return err
		}
		for _, role := range row.User.Roles {
			if err := record.CheckRole("user.roles", role); err != nil {
				return err
			}
		}
		return row.Device.check("device")
	}
	return errors.Join(row.Subject.check("subject"), row.Device.check("device"))
}

func (d testDevice) check(field string) error {
	if s := d.record().Status; !slices.Contains(record.Statuses(), s) {
		return fmt.Errorf("%s.status is %q: want one of %v", field, s, record.Statuses())
	}
	return record.First(
		record.CheckName(field+".id", d.ID), record.CheckMSP(field+".owner", d.Owner),
		record.CheckAttributes(field+".attributes", d.Attributes),
	)
}

func (row policyCase) decide(set *policy.Set) (_ record.DeviceDecision, reasons map[string]string, _ error) {
	if err := row.check(); err != nil {
		return record.DeviceDecision{}, nil, err
	}
	var who policy.Principal
	switch {
	case row.User != nil:
		u := row.User
		var err error
		if who, err = policy.User(u.MSP, u.Identity, u.Roles, u.Units, u.Attributes); err != nil {
			return record.DeviceDecision{}, nil, fmt.Errorf("user: %w", err)
		}
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
