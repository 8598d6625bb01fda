// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
)

// deviceArgs are what commands on one device take.
type deviceArgs struct {
	ID string `arg:"" help:"Device id."`
	profileFlag
	JSON bool `help:"Print the record as JSON." name:"json"`
}

func (c *deviceArgs) change(io streams, f func(*ledger.Client) (record.Device, error)) error {
	return withLedger(c.profileFlag, func(l *ledger.Client) error {
		d, err := f(l)
		if err != nil {
			return err
		}
		return showDevice(io, d, c.JSON)
	})
}

type deviceDescribeCmd struct {
	deviceArgs
	Type      string            `help:"Type of the device." placeholder:"NAME"`
	Attribute map[string]string `help:"Attributes, NAME=VALUE; repeat for more. They replace what was." placeholder:"NAME=VALUE"`
	Digest    string            `help:"SHA-256, in hexadecimal, of a document that describes the device." placeholder:"HEX"`
}

// Run replaces a device's type, attributes and profile digest.
func (c *deviceDescribeCmd) Run(ctx context.Context, io streams) error {
	return c.change(io, func(l *ledger.Client) (record.Device, error) {
		return l.DescribeDevice(ctx, ledger.Description{ID: c.ID, Type: c.Type, Attributes: c.Attribute, Profile: c.Digest})
	})
}

type deviceOfferCmd struct {
	deviceArgs
	To string `help:"MSP ID of the organisation." required:"" placeholder:"ID"`
}

// Run offers a device to another organisation.
func (c *deviceOfferCmd) Run(ctx context.Context, io streams) error {
	return c.change(io, func(l *ledger.Client) (record.Device, error) { return l.OfferDevice(ctx, c.ID, c.To) })
}

type deviceWithdrawCmd struct{ deviceArgs }

// Run takes an offer back.
func (c *deviceWithdrawCmd) Run(ctx context.Context, io streams) error {
	return c.change(io, func(l *ledger.Client) (record.Device, error) { return l.WithdrawOffer(ctx, c.ID) })
}

type deviceAcceptCmd struct{ deviceArgs }

// Run takes over a device.
func (c *deviceAcceptCmd) Run(ctx context.Context, io streams) error {
	return c.change(io, func(l *ledger.Client) (record.Device, error) { return l.AcceptDevice(ctx, c.ID) })
}

type deviceHistoryCmd struct{ deviceArgs }

// Run shows what a device was.
func (c *deviceHistoryCmd) Run(ctx context.Context, io streams) error {
	return withLedger(c.profileFlag, func(l *ledger.Client) error {
		changes, err := l.DeviceHistory(ctx, c.ID)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(io.out, changes)
		}
		return table(io.out, "TIME\tOWNER\tSTATUS\tKEY\tREASON\tTRANSACTION", changes, func(w *tabwriter.Writer, h ledger.DeviceChange) {
			k, _ := h.Device.CurrentKey()
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%.16s…\n", stamp(h.Time), h.Device.Owner, h.Device.Status, k.ID, h.Device.StatusReason, h.TxID)
		})
	})
}
