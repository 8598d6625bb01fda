// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/anchorline/anchorline/chaincode/policy"
	"github.com/anchorline/anchorline/chaincode/record"
)

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
		fmt.Fprintf(s.out, "%s  %s: expected %s, is %s: %s\n", mark, row.Name, row.Expect, verdict(d.Allowed), because(d, reasons))
	}
	fmt.Fprintf(s.out, "%d passed, %d failed\n", len(cases)-failed, failed)
	if failed > 0 {
		return errSilent
	}
	return nil
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
