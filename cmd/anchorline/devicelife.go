// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
)

// reasonArgs are what the commands on a device's status take.
type reasonArgs struct {
	deviceArgs
	Reason reason `help:"Why; kept on the ledger." required:"" placeholder:"TEXT"`
}

type deviceSuspendCmd struct{ reasonArgs }

// Run suspends a device.
func (c *deviceSuspendCmd) Run(ctx context.Context, s streams) error {
	return c.change(ctx, s, func(ctx context.Context, l *ledger.Client, id string) (record.Device, error) {
		return l.SuspendDevice(ctx, id, string(c.Reason))
	})
}

type deviceResumeCmd struct{ reasonArgs }

// Run resumes a device.
func (c *deviceResumeCmd) Run(ctx context.Context, s streams) error {
	return c.change(ctx, s, func(ctx context.Context, l *ledger.Client, id string) (record.Device, error) {
		return l.ResumeDevice(ctx, id, string(c.Reason))
	})
}

type deviceRevokeCmd struct {
	reasonArgs
	CompromisedSince instant `help:"Time from which its readings are not to be trusted (RFC 3339)." placeholder:"TIME"`
}

// Help is the long description.
func (deviceRevokeCmd) Help() string {
	return "Revocation is final. What the device signed before stays provable, unless --compromised-since disowns it."
}

// Run revokes a device.
func (c *deviceRevokeCmd) Run(ctx context.Context, s streams) error {
	return c.change(ctx, s, func(ctx context.Context, l *ledger.Client, id string) (record.Device, error) {
		return l.RevokeDevice(ctx, id, string(c.Reason), millis(c.CompromisedSince.Time))
	})
}

type deviceOfferCmd struct {
	deviceArgs
	To string `help:"MSP ID of the organisation." required:"" placeholder:"ID"`
}

// Run offers a device to another organisation.
func (c *deviceOfferCmd) Run(ctx context.Context, s streams) error {
	return c.change(ctx, s, func(ctx context.Context, l *ledger.Client, id string) (record.Device, error) {
		return l.OfferDevice(ctx, id, c.To)
	})
}

type deviceWithdrawCmd struct{ deviceArgs }

// Run takes an offer back.
func (c *deviceWithdrawCmd) Run(ctx context.Context, s streams) error {
	return c.change(ctx, s, func(ctx context.Context, l *ledger.Client, id string) (record.Device, error) {
		return l.WithdrawOffer(ctx, id)
	})
}
