// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
)

type deviceCmd struct {
	New       deviceNewCmd      `cmd:"" group:"As a device, without a ledger:" help:"Make a device's key pair."`
	Publish   devicePublishCmd  `cmd:"" group:"As a device, without a ledger:" help:"Sign a reading and publish it."`
	Request   deviceRequestCmd  `cmd:"" group:"As a device, without a ledger:" help:"Sign a request to be registered, for 'device import' or 'device accept'."`
	EnrolReq  enrolRequestCmd   `cmd:"" group:"As a device, without a ledger:" name:"enrol-request" help:"Sign a request to join by the manufacturer's certificate, for 'device enrol'."`
	Register  deviceRegisterCmd `cmd:"" group:"On the ledger:" help:"Register a device, with proof of possession of its key."`
	Import    deviceImportCmd   `cmd:"" group:"On the ledger:" help:"Register the many devices of a CSV or JSON Lines file."`
	Enrol     deviceEnrolCmd    `cmd:"" group:"On the ledger:" help:"Carry a device's request to join by its manufacturer's certificate."`
	List      deviceListCmd     `cmd:"" group:"On the ledger:" help:"List the devices."`
	Show      deviceShowCmd     `cmd:"" group:"On the ledger:" help:"Show a device."`
	KeyAt     deviceKeyAtCmd    `cmd:"" group:"On the ledger:" help:"Show the key and the status that a device had at a time, and what the key was worth."`
	History   deviceHistoryCmd  `cmd:"" group:"On the ledger:" help:"Show what a device was, newest first."`
	Describe  deviceDescribeCmd `cmd:"" group:"On the ledger:" help:"Change a device's type, attributes, profile digest or reporting period."`
	RotateKey deviceRotateCmd   `cmd:"" group:"On the ledger:" help:"Replace a device's key."`
	Suspend   deviceSuspendCmd  `cmd:"" group:"On the ledger:" help:"Have a device's readings refused until it is resumed."`
	Resume    deviceResumeCmd   `cmd:"" group:"On the ledger:" help:"End a suspension."`
	Revoke    deviceRevokeCmd   `cmd:"" group:"On the ledger:" help:"End a device for good."`
	Offer     deviceOfferCmd    `cmd:"" group:"On the ledger:" help:"Offer a device to another organisation."`
	Withdraw  deviceWithdrawCmd `cmd:"" group:"On the ledger:" help:"Take an offer back."`
	Accept    deviceAcceptCmd   `cmd:"" group:"On the ledger:" help:"Take over a device that is offered to our organisation."`
}

// deviceArgs are what commands on one device take.
type deviceArgs struct {
	Device nameArg `arg:"" help:"Device: Org1MSP/pump-1, or pump-1 of our own organisation."`
	ledgerFlags
}

// ask makes a call about a device of whichever organisation, and shows the device that it answers
// with.
func (a *deviceArgs) ask(
	ctx context.Context, s streams, call func(context.Context, *ledger.Client, name.Name) (record.Device, error),
) error {
	return ask(ctx, s, a.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Device, error) {
		device, err := a.Device.of(l)
		if err != nil {
			return record.Device{}, err
		}
		return call(ctx, l, device)
	}, showDevice)
}

// change makes a call that changes a device of our own, and shows what became of it.
func (a *deviceArgs) change(
	ctx context.Context, s streams, call func(ctx context.Context, l *ledger.Client, id string) (record.Device, error),
) error {
	return ask(ctx, s, a.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Device, error) {
		id, err := a.Device.own(l.Profile())
		if err != nil {
			return record.Device{}, err
		}
		return call(ctx, l, id)
	}, showDevice)
}

type deviceShowCmd struct{ deviceArgs }

// Run shows a device.
func (c *deviceShowCmd) Run(ctx context.Context, s streams) error {
	return c.ask(ctx, s, func(ctx context.Context, l *ledger.Client, device name.Name) (record.Device, error) {
		return l.Device(ctx, device)
	})
}

type deviceHistoryCmd struct{ deviceArgs }

// Run shows what a device was.
func (c *deviceHistoryCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) ([]ledger.DeviceChange, error) {
		device, err := c.Device.of(l)
		if err != nil {
			return nil, err
		}
		return l.DeviceHistory(ctx, device)
	}, func(out io.Writer, changes []ledger.DeviceChange) error {
		return table(out, "changes", "TIME\tSTATUS\tKEY\tOFFERED TO\tREASON\tTRANSACTION", changes, func(h ledger.DeviceChange) []any {
			k, _ := h.Device.CurrentKey()
			return []any{stamp(h.Time), h.Device.Status, k.ID, h.Device.Offered, h.Device.StatusReason, short(h.TxID)}
		})
	})
}

type deviceKeyAtCmd struct {
	Device nameArg `arg:"" help:"Device: Org1MSP/pump-1, or pump-1 of our own organisation."`
	Time   instant `arg:"" help:"The time, by the ledger's clock (RFC 3339): 2026-01-31T12:00:00Z."`
	ledgerFlags
}

// Run shows a device's key as of a time, and what it was worth.
func (c *deviceKeyAtCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (ledger.DeviceKey, error) {
		device, err := c.Device.of(l)
		if err != nil {
			return ledger.DeviceKey{}, err
		}
		return l.DeviceKeyAt(ctx, device, c.Time.Time)
	}, showKeyAt)
}

func showKeyAt(out io.Writer, k ledger.DeviceKey) error {
	fields := []field{
		{"device", k.Device}, {"time", stamp(k.Time)}, {"status then", k.Status}, {"trusted", yes(k.Trusted)},
	}
	if v := k.Standing; v != nil {
		fields = append(fields, field{"standing", string(v.Reason) + ": " + v.Detail})
		if r := v.Repudiated; r != nil {
			fields = append(fields, field{"repudiated", repudiationText(r)})
		}
	}
	if k.Key == nil {
		return details(out, append(fields, field{"key", "none was open"})...)
	}
	return details(out, append(fields, keyFields([]record.Key{*k.Key})...)...)
}
