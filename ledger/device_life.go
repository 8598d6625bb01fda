// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"

	"github.com/anchorline/anchorline/chaincode/record"
)

// Rotation replaces a key of a device or a stream: authorised by the old key, or with a reason why
// the old key cannot do that.
type Rotation struct {
	ID            string `json:"id"`
	Key           string `json:"key"`
	Proof         string `json:"proof"`
	Authorization string `json:"authorization,omitempty"`
	Reason        string `json:"reason,omitempty"`
}

// Description is what a registrar says of a device.
type Description struct {
	ID         string            `json:"id"`
	Type       string            `json:"type,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Profile    string            `json:"profile,omitempty"`
}

// DescribeDevice replaces a device's type, attributes and profile.
func (c *Client) DescribeDevice(ctx context.Context, d Description) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:SetAttributes", d)
}

// RotateKey replaces a device's key.
func (c *Client) RotateKey(ctx context.Context, r Rotation) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:RotateKey", r)
}

// SuspendDevice stops a device's readings from being accepted, until it is resumed.
func (c *Client) SuspendDevice(ctx context.Context, id, reason string) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:Suspend", map[string]string{"id": id, "reason": reason})
}

// ResumeDevice ends a suspension.
func (c *Client) ResumeDevice(ctx context.Context, id, reason string) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:Resume", map[string]string{"id": id, "reason": reason})
}

// RevokeDevice ends a device for good. compromisedSince is the time in ms from which its
// readings are not to be trusted, 0 for none.
func (c *Client) RevokeDevice(ctx context.Context, id, reason string, compromisedSince int64) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:Revoke", map[string]any{
		"id": id, "reason": reason, "compromisedSince": compromisedSince,
	})
}

// OfferDevice offers a device to another organisation, which accepts it or not.
func (c *Client) OfferDevice(ctx context.Context, id, to string) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:Offer", map[string]string{"id": id, "to": to})
}

// WithdrawOffer takes an offer back.
func (c *Client) WithdrawOffer(ctx context.Context, id string) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:WithdrawOffer", map[string]string{"id": id})
}

// AcceptDevice takes over a device that is offered to our organisation.
func (c *Client) AcceptDevice(ctx context.Context, id string) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:Accept", map[string]string{"id": id})
}
