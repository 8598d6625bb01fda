// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/ledger"
)

type deviceListCmd struct {
	Owner     string     `help:"Only of this organisation, by MSP ID." placeholder:"ID"`
	Type      string     `help:"Only of this type." placeholder:"NAME"`
	Status    string     `help:"Only with this status." enum:",active,suspended,transferred,revoked" default:"" placeholder:"STATUS"`
	Attribute *attribute `help:"Only with this attribute." placeholder:"NAME=VALUE"`
	Limit     int        `help:"Devices at most; 0 for all." default:"1000" placeholder:"N"`
	ledgerFlags
}

// Run lists devices. That there are more than were asked for is said.
func (c *deviceListCmd) Run(ctx context.Context, s streams) error {
	if c.Limit < 0 {
		return fmt.Errorf("--limit %d: want a number of devices, or 0 for all", c.Limit)
	}
	filter := ledger.DeviceFilter{Owner: c.Owner, Type: c.Type, Status: record.Status(c.Status)}
	if c.Attribute != nil {
		filter.Attribute = &c.Attribute.Attribute
	}
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) ([]record.Device, error) {
		devices, err := l.Devices(ctx, filter)
		if c.Limit > 0 && len(devices) > c.Limit {
			fmt.Fprintf(s.err, "the first %d of %d devices; see more with --limit\n", c.Limit, len(devices))
			devices = devices[:c.Limit]
		}
		return devices, err
	}, func(out io.Writer, devices []record.Device) error {
		const heading = "DEVICE\tSTATUS\tTYPE\tATTRIBUTES\tKEY\tALGORITHM\tREGISTERED"
		return table(out, "devices", heading, devices, func(d record.Device) []any {
			k, _ := d.CurrentKey()
			return []any{d.Name(), d.Status, d.DeviceType, pairs(d.Attributes), k.ID, k.Algorithm, stamp(d.Registered.Time)}
		})
	})
}

func showDevice(out io.Writer, d record.Device) error {
	status := string(d.Status)
	if d.StatusReason != "" {
		status += ": " + d.StatusReason
	}
	fields := []field{
		{"device", d.Name()}, {"status", status}, {"compromised since", stamp(d.CompromisedSince)},
		{"offered to", d.Offered}, {"now", d.TransferredTo}, {"before", d.TransferredFrom},
		{"type", d.DeviceType}, {"attributes", pairs(d.Attributes)}, {"profile digest", d.Profile},
		{"reporting period", period(d.ReportingPeriod)}, {"manufacturer", d.Manufacturer}, {"registered", moment(&d.Registered)},
	}
	for _, p := range d.Suspensions {
		text := "from " + moment(&p.From)
		if p.Until != nil {
			text += " until " + moment(p.Until)
		}
		fields = append(fields, field{"suspended", text})
	}
	fields = append(fields, field{"transferred", moment(d.Transferred)}, field{"revoked", moment(d.Revoked)})
	return details(out, append(fields, keyFields(d.Keys)...)...)
}

// keyFields shows the keys of a device or a stream, oldest first.
func keyFields(keys []record.Key) []field {
	var fields []field
	for _, k := range keys {
		text := fmt.Sprintf("%s %s, valid from %s", k.ID, k.Algorithm, moment(&k.From))
		if k.Until != nil {
			text += " until " + moment(k.Until)
		}
		if k.Reason != "" {
			text += ": " + k.Reason
		}
		if k.CompromisedSince != 0 {
			text += ", compromised since " + stamp(k.CompromisedSince)
		}
		fields = append(fields, field{"key", text})
	}
	return fields
}

// moment is a change of the ledger for people: when, and in which transaction. It is empty for none.
func moment(m *record.Moment) string {
	if m == nil || *m == (record.Moment{}) {
		return ""
	}
	return fmt.Sprintf("%s (%s)", stamp(m.Time), short(m.Tx))
}

// repudiationText says who disowned a key, when, and what for.
func repudiationText(r *standing.Repudiation) string {
	text := fmt.Sprintf("by %s at %s, since %s: %s", r.By, moment(&r.At), stamp(r.Since), r.Reason)
	return strings.TrimSuffix(text, ": ")
}

// period is a time in milliseconds for people, "" when there is none.
func period(ms int64) string {
	if ms == 0 {
		return ""
	}
	return (time.Duration(ms) * time.Millisecond).String()
}
