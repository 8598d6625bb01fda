// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
)

// descriptionFlags are what a registrar says of a device.
type descriptionFlags struct {
	Type      string            `help:"Type of the device." placeholder:"NAME"`
	Attribute map[string]string `help:"Attribute; repeat for more." placeholder:"NAME=VALUE" mapsep:"none"`
	Digest    digest            `help:"SHA-256, in hexadecimal, of a document that describes the device." placeholder:"HEX"`
}

type deviceDescribeCmd struct {
	deviceArgs
	descriptionFlags
}

// Help is the long description.
func (deviceDescribeCmd) Help() string { return "What is left out is removed." }

// Run replaces a device's type, attributes and profile digest.
func (c *deviceDescribeCmd) Run(ctx context.Context, s streams) error {
	return c.do(ctx, s, func(ctx context.Context, l *ledger.Client) (record.Device, error) {
		return l.DescribeDevice(ctx, ledger.Description{ID: c.ID, Type: c.Type, Attributes: c.Attribute, Profile: string(c.Digest)})
	})
}

// reasonArgs are what the commands on a device's status take.
type reasonArgs struct {
	deviceArgs
	Reason reason `help:"Why; kept on the ledger." required:"" placeholder:"TEXT"`
}

type deviceSuspendCmd struct{ reasonArgs }

// Run suspends a device.
func (c *deviceSuspendCmd) Run(ctx context.Context, s streams) error {
	return c.do(ctx, s, func(ctx context.Context, l *ledger.Client) (record.Device, error) {
		return l.SuspendDevice(ctx, c.ID, string(c.Reason))
	})
}

type deviceResumeCmd struct{ reasonArgs }

// Run resumes a device.
func (c *deviceResumeCmd) Run(ctx context.Context, s streams) error {
	return c.do(ctx, s, func(ctx context.Context, l *ledger.Client) (record.Device, error) {
		return l.ResumeDevice(ctx, c.ID, string(c.Reason))
	})
}

type deviceRevokeCmd struct {
	reasonArgs
	CompromisedSince instant `help:"Time from which its readings are not to be trusted (RFC 3339)." placeholder:"TIME"`
}

// Help is the long description.
func (deviceRevokeCmd) Help() string {
	return "Revocation is final. What the device signed before stays provable."
}

// Run revokes a device.
func (c *deviceRevokeCmd) Run(ctx context.Context, s streams) error {
	return c.do(ctx, s, func(ctx context.Context, l *ledger.Client) (record.Device, error) {
		return l.RevokeDevice(ctx, c.ID, string(c.Reason), millis(c.CompromisedSince.Time))
	})
}

type deviceOfferCmd struct {
	deviceArgs
	To string `help:"MSP ID of the organisation." required:"" placeholder:"ID"`
}

// Run offers a device to another organisation.
func (c *deviceOfferCmd) Run(ctx context.Context, s streams) error {
	return c.do(ctx, s, func(ctx context.Context, l *ledger.Client) (record.Device, error) {
		return l.OfferDevice(ctx, c.ID, c.To)
	})
}

type deviceWithdrawCmd struct{ deviceArgs }

// Run takes an offer back.
func (c *deviceWithdrawCmd) Run(ctx context.Context, s streams) error {
	return c.do(ctx, s, func(ctx context.Context, l *ledger.Client) (record.Device, error) {
		return l.WithdrawOffer(ctx, c.ID)
	})
}

type deviceAcceptCmd struct{ deviceArgs }

// Run takes over a device.
func (c *deviceAcceptCmd) Run(ctx context.Context, s streams) error {
	return c.do(ctx, s, func(ctx context.Context, l *ledger.Client) (record.Device, error) {
		return l.AcceptDevice(ctx, c.ID)
	})
}
