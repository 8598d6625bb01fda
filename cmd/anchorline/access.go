// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
)

type accessCmd struct {
	Decide  accessDecideCmd  `cmd:"" help:"Ask whether we, or a device, may do something; leaves no trace."`
	Request accessRequestCmd `cmd:"" help:"Ask, and put the decision on record with an expiry."`
	Show    accessShowCmd    `cmd:"" help:"Show a recorded decision."`
	List    accessListCmd    `cmd:"" help:"List the recorded decisions."`
}

// Help is the long description.
func (accessCmd) Help() string {
	return "The policies of a device's owner decide (anchorline policy). Nothing is allowed unless one permits it, and one " +
		"that forbids outweighs all that permit."
}

// accessArgs ask a question.
type accessArgs struct {
	Action    string            `arg:"" help:"read, subscribe, command or configure." enum:"read,subscribe,command,configure"`
	Device    nameArg           `arg:"" optional:"" help:"Device: Org1MSP/pump-1, or pump-1 of our own organisation."`
	Owner     string            `help:"Instead of one device: all devices of this organisation, by MSP ID." placeholder:"ID"`
	Attribute map[string]string `help:"With --owner: only those with this attribute; repeat for more." placeholder:"NAME=VALUE" mapsep:"none"`
	As        nameArg           `help:"Ask for this device instead of for ourselves." placeholder:"DEVICE"`
	Purpose   string            `help:"What for." placeholder:"TEXT"`
	DataFrom  instant           `help:"Begin of the data's time (RFC 3339)." placeholder:"TIME"`
	DataUntil instant           `help:"End of the data's time (RFC 3339)." placeholder:"TIME"`
	ledgerFlags
}

// check reports flags that do not go together.
func (a *accessArgs) check() error {
	if (a.Device == "") == (a.Owner == "") {
		return errors.New("give either a device, or --owner for all of an organisation's")
	}
	if a.Device != "" && len(a.Attribute) > 0 {
		return errors.New("--attribute: goes with --owner, not with one device")
	}
	return nil
}

func (a *accessArgs) query(l *ledger.Client) (record.AccessQuery, error) {
	asker, err := a.As.of(l)
	if err != nil {
		return record.AccessQuery{}, fmt.Errorf("--as: %w", err)
	}
	device, err := a.Device.of(l)
	return record.AccessQuery{
		Device: asker, Action: a.Action,
		Resource: record.AccessResource{Device: device, Owner: a.Owner, Attributes: a.Attribute},
		Context: record.AccessContext{
			Purpose: a.Purpose, From: millis(a.DataFrom.Time), Until: millis(a.DataUntil.Time),
		},
	}, err
}

type accessDecideCmd struct{ accessArgs }

// Run asks; the exit status is 1 when the answer is no.
func (c *accessDecideCmd) Run(ctx context.Context, s streams) error {
	if err := c.check(); err != nil {
		return err
	}
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Decision, error) {
		q, err := c.query(l)
		if err != nil {
			return record.Decision{}, err
		}
		return l.Decide(ctx, q)
	}, showDecision, func(d record.Decision) bool { return d.Allowed })
}

type accessRequestCmd struct {
	accessArgs
	TTL time.Duration `help:"How long the decision shall hold, up to 720h." name:"ttl" default:"1h" placeholder:"TIME"`
}

// Run asks on the record; the exit status is 1 when the answer is no.
func (c *accessRequestCmd) Run(ctx context.Context, s streams) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.TTL < time.Millisecond {
		return fmt.Errorf("--ttl %s: want a time, for example 1h", c.TTL)
	}
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Access, error) {
		q, err := c.query(l)
		if err != nil {
			return record.Access{}, err
		}
		return l.RequestAccess(ctx, q, c.TTL)
	}, showAccess, func(a record.Access) bool { return a.Decision.Allowed })
}

type accessShowCmd struct {
	ID string `arg:"" help:"Id of the transaction that recorded the decision."`
	ledgerFlags
}

// Run shows a recorded decision.
func (c *accessShowCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Access, error) {
		return l.Access(ctx, c.ID)
	}, showAccess)
}

type accessListCmd struct{ ledgerFlags }

// Run lists recorded decisions.
func (c *accessListCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) ([]record.Access, error) {
		return l.Accesses(ctx)
	}, func(out io.Writer, all []record.Access) error {
		const heading = "DECISION\tSUBJECT\tACTION\tDEVICES\tPURPOSE\tDECIDED\tEXPIRES\tID"
		return table(out, "recorded decisions", heading, all, func(a record.Access) []any {
			d := a.Decision
			return []any{
				decisionText(d.Allowed), subjectText(d), d.Query.Action, resourceText(d.Query.Resource), d.Query.Context.Purpose,
				stamp(d.Time), stamp(a.Expires), a.ID,
			}
		})
	})
}

func showAccess(out io.Writer, a record.Access) error {
	if err := showDecision(out, a.Decision); err != nil {
		return err
	}
	fmt.Fprintln(out)
	return details(out, field{"id", a.ID}, field{"asked by", a.MSP}, field{"expires", stamp(a.Expires)})
}

func showDecision(out io.Writer, d record.Decision) error {
	fmt.Fprintf(out, "%s: %s asked to %s %s\n\n", decisionText(d.Allowed), subjectText(d), d.Query.Action, resourceText(d.Query.Resource))
	return table(out, "device matches, so nothing is allowed", "DEVICE\tDECISION\tBECAUSE", d.Devices, func(one record.DeviceDecision) []any {
		return []any{one.Device, decisionText(one.Allowed), because(one, nil)}
	})
}

// subjectText names who asks: of an identity the begin of its hash is enough.
func subjectText(d record.Decision) string {
	if !d.Query.Device.IsZero() {
		return "device " + d.Subject
	}
	msp, identity, _ := strings.Cut(d.Subject, "/")
	return msp + "/" + short(identity)
}

func resourceText(r record.AccessResource) string {
	switch {
	case !r.Device.IsZero():
		return r.Device.String()
	case len(r.Attributes) == 0:
		return "all of " + r.Owner
	default:
		return "all of " + r.Owner + " with " + pairs(r.Attributes)
	}
}

func decisionText(allowed bool) string {
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
		return "no policy permits it"
	}
	return strings.Join(parts, ", ")
}
