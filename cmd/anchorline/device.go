// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
)

type deviceCmd struct {
	New      deviceNewCmd      `cmd:"" group:"As a device, without a ledger:" help:"Make a device's key pair."`
	Publish  devicePublishCmd  `cmd:"" group:"As a device, without a ledger:" help:"Sign a reading and publish it."`
	Request  deviceRequestCmd  `cmd:"" group:"As a device, without a ledger:" help:"Sign a request to be registered, for 'device import'."`
	EnrolReq enrolRequestCmd   `cmd:"" group:"As a device, without a ledger:" name:"enrol-request" help:"Sign a request to join by the manufacturer's certificate, for 'device enrol'."`
	Register deviceRegisterCmd `cmd:"" group:"On the ledger:" help:"Register a device, with proof of possession of its key."`
	Import   deviceImportCmd   `cmd:"" group:"On the ledger:" help:"Register the many devices of a CSV or JSON Lines file."`
	Enrol    deviceEnrolCmd    `cmd:"" group:"On the ledger:" help:"Carry a device's request to join by its manufacturer's certificate."`
	List     deviceListCmd     `cmd:"" group:"On the ledger:" help:"List the devices."`
	Show     deviceShowCmd     `cmd:"" group:"On the ledger:" help:"Show a device."`
	KeyAt    deviceKeyAtCmd    `cmd:"" group:"On the ledger:" help:"Show the key and the status that a device had at a time."`
	History  deviceHistoryCmd  `cmd:"" group:"On the ledger:" help:"Show what a device was, newest first."`
	Describe deviceDescribeCmd `cmd:"" group:"On the ledger:" help:"Replace a device's type, attributes and profile digest."`
	Rotate   deviceRotateCmd   `cmd:"" group:"On the ledger:" help:"Replace a device's key."`
	Suspend  deviceSuspendCmd  `cmd:"" group:"On the ledger:" help:"Have a device's readings refused until it is resumed."`
	Resume   deviceResumeCmd   `cmd:"" group:"On the ledger:" help:"End a suspension."`
	Revoke   deviceRevokeCmd   `cmd:"" group:"On the ledger:" help:"End a device for good."`
	Offer    deviceOfferCmd    `cmd:"" group:"On the ledger:" help:"Offer a device to another organisation."`
	Withdraw deviceWithdrawCmd `cmd:"" group:"On the ledger:" help:"Take an offer back."`
	Accept   deviceAcceptCmd   `cmd:"" group:"On the ledger:" help:"Take over a device that is offered to our organisation."`
}

// deviceArgs are what commands on one device take.
type deviceArgs struct {
	ID string `arg:"" help:"Device id."`
	ledgerFlags
}

// do makes a call about one device and shows the device that it answers with.
func (a *deviceArgs) do(ctx context.Context, s streams, call func(context.Context, *ledger.Client) (record.Device, error)) error {
	return ask(ctx, s, a.ledgerFlags, call, showDevice)
}

type deviceShowCmd struct{ deviceArgs }

// Run shows a device.
func (c *deviceShowCmd) Run(ctx context.Context, s streams) error {
	return c.do(ctx, s, func(ctx context.Context, l *ledger.Client) (record.Device, error) { return l.Device(ctx, c.ID) })
}

type deviceListCmd struct {
	Owner     string     `help:"Only of this organisation, by MSP ID." placeholder:"ID"`
	Type      string     `help:"Only of this type." placeholder:"NAME"`
	Status    string     `help:"Only with this status." enum:",active,suspended,revoked" default:"" placeholder:"STATUS"`
	Attribute *attribute `help:"Only with this attribute." placeholder:"NAME=VALUE"`
	ledgerFlags
}

// Run lists devices.
func (c *deviceListCmd) Run(ctx context.Context, s streams) error {
	filter := ledger.DeviceFilter{Owner: c.Owner, Type: c.Type, Status: record.Status(c.Status)}
	if c.Attribute != nil {
		filter.Attribute = &c.Attribute.Attribute
	}
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) ([]record.Device, error) {
		return l.AllDevices(ctx, filter)
	}, func(out io.Writer, devices []record.Device) error {
		const heading = "DEVICE\tOWNER\tSTATUS\tTYPE\tATTRIBUTES\tKEY\tALGORITHM\tREGISTERED"
		return table(out, "devices", heading, devices, func(d record.Device) []any {
			k, _ := d.CurrentKey()
			return []any{d.ID, d.Owner, d.Status, d.DeviceType, pairs(d.Attributes), k.ID, k.Algorithm, stamp(d.Registered)}
		})
	})
}

type deviceHistoryCmd struct{ deviceArgs }

// Run shows what a device was.
func (c *deviceHistoryCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) ([]ledger.DeviceChange, error) {
		return l.DeviceHistory(ctx, c.ID)
	}, func(out io.Writer, changes []ledger.DeviceChange) error {
		return table(out, "changes", "TIME\tOWNER\tSTATUS\tKEY\tOFFERED TO\tREASON\tTRANSACTION", changes, func(h ledger.DeviceChange) []any {
			k, _ := h.Device.CurrentKey()
			return []any{stamp(h.Time), h.Device.Owner, h.Device.Status, k.ID, h.Device.Offered, h.Device.StatusReason, short(h.TxID)}
		})
	})
}

type deviceKeyAtCmd struct {
	ID   string  `arg:"" help:"Device id."`
	Time instant `arg:"" help:"The time, by the ledger's clock (RFC 3339): 2026-01-31T12:00:00Z."`
	ledgerFlags
}

// Run shows a device's key as of a time.
func (c *deviceKeyAtCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (ledger.DeviceKey, error) {
		return l.DeviceKeyAt(ctx, c.ID, c.Time.Time)
	}, func(out io.Writer, k ledger.DeviceKey) error {
		fields := []field{
			{"device", k.Device}, {"owner now", k.Owner}, {"time", stamp(k.Time)}, {"status then", k.Status},
			{"trusted", yes(k.Trusted)}, {"compromised since", stamp(k.CompromisedSince)},
		}
		if k.Key == nil {
			return details(out, append(fields, field{"key", "none was valid"})...)
		}
		return details(out, append(fields, keyFields([]record.Key{*k.Key})...)...)
	})
}

func showDevice(out io.Writer, d record.Device) error {
	status := string(d.Status)
	if d.StatusReason != "" {
		status += ": " + d.StatusReason
	}
	fields := []field{
		{"device", d.ID}, {"owner", d.Owner}, {"status", status}, {"compromised since", stamp(d.CompromisedSince)},
		{"offered to", d.Offered}, {"type", d.DeviceType}, {"attributes", pairs(d.Attributes)}, {"profile digest", d.Profile},
		{"manufacturer", d.Manufacturer}, {"registered", stamp(d.Registered)},
	}
	return details(out, append(fields, keyFields(d.Keys)...)...)
}

// keyFields shows the keys of a device or a stream, oldest first.
func keyFields(keys []record.Key) []field {
	var fields []field
	for _, k := range keys {
		text := fmt.Sprintf("%s %s, valid from %s", k.ID, k.Algorithm, stamp(k.From))
		if k.Until != 0 {
			text += " until " + stamp(k.Until)
		}
		if k.Reason != "" {
			text += ": " + k.Reason
		}
		fields = append(fields, field{"key", text})
	}
	return fields
}
