// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"

	"github.com/anchorline/anchorline/chaincode/record"
)

// A DeviceFilter narrows a list; empty fields do not.
type DeviceFilter struct {
	Owner     string            `json:"owner,omitempty"`
	Type      string            `json:"type,omitempty"`
	Status    record.Status     `json:"status,omitempty"`
	Attribute *record.Attribute `json:"attribute,omitempty"`
}

// AllDevices returns every device that the filter lets through.
func (c *Client) AllDevices(ctx context.Context, f DeviceFilter) ([]record.Device, error) {
	return all(ctx, func(ctx context.Context, bookmark string) ([]record.Device, string, error) {
		page, err := query[DevicePage](ctx, c, "devices:List", struct {
			DeviceFilter
			pageRequest
		}{f, pageOf(bookmark)})
		return page.Devices, page.Bookmark, err
	})
}

// A DeviceChange is what a device was after one transaction.
type DeviceChange struct {
	TxID   string        `json:"txId"`
	Time   int64         `json:"time"`
	Device record.Device `json:"device"`
}

// DeviceHistory returns what a device was, newest first.
func (c *Client) DeviceHistory(ctx context.Context, id string) ([]DeviceChange, error) {
	return all(ctx, func(ctx context.Context, after string) ([]DeviceChange, string, error) {
		page, err := query[struct {
			Changes []DeviceChange `json:"changes"`
			After   string         `json:"after"`
		}](ctx, c, "devices:History", struct {
			ID       string `json:"id"`
			PageSize int    `json:"pageSize"`
			After    string `json:"after,omitempty"`
		}{id, pageSize, after})
		return page.Changes, page.After, err
	})
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
