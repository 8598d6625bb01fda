// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
)

type (
	// Rotation replaces a key of a device or a stream: authorised by the old key, or with a reason why
	// the old key cannot do that.
	Rotation = call.Rotation
	// Description is what a registrar says of a device.
	Description = call.Description
	// Acceptance takes over a device that is offered to our organisation.
	Acceptance = call.Acceptance
)

// DescribeDevice replaces a device's type, attributes, profile and reporting period.
func (c *Client) DescribeDevice(ctx context.Context, d Description) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:SetAttributes", d)
}

// RotateKey replaces a device's key.
func (c *Client) RotateKey(ctx context.Context, r Rotation) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:RotateKey", r)
}

// SuspendDevice stops a device's readings from being accepted, until it is resumed.
func (c *Client) SuspendDevice(ctx context.Context, id, reason string) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:Suspend", call.StatusChange{ID: id, Reason: reason})
}

// ResumeDevice ends a suspension.
func (c *Client) ResumeDevice(ctx context.Context, id, reason string) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:Resume", call.StatusChange{ID: id, Reason: reason})
}

// RevokeDevice ends a device for good. compromisedSince is the time in ms from which its
// readings are not to be trusted, 0 for none.
func (c *Client) RevokeDevice(ctx context.Context, id, reason string, compromisedSince int64) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:Revoke", call.Revocation{ID: id, Reason: reason, CompromisedSince: compromisedSince})
}

// OfferDevice offers a device to another organisation, which accepts it or not.
func (c *Client) OfferDevice(ctx context.Context, id, to string) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:Offer", call.Offer{ID: id, To: to})
}

// WithdrawOffer takes an offer back.
func (c *Client) WithdrawOffer(ctx context.Context, id string) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:WithdrawOffer", call.ID{ID: id})
}

// AcceptDevice takes over a device that is offered to our organisation, and returns the new record:
// the device has another name from then on. The same again is a success.
func (c *Client) AcceptDevice(ctx context.Context, a Acceptance) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:Accept", a)
}
