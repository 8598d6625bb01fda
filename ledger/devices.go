// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"strconv"
	"time"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// MaxRegistrations is the number of devices that one transaction registers at most.
const MaxRegistrations = call.MaxRegistrations

type (
	// Registration is what registers a device. Key and Proof are base64url without padding: a
	// COSE_Key, and a proof that its owner holds the private key (docs/formats.md).
	Registration = call.Registration
	// Registered says what became of several registrations: the ids that are new, and those that were
	// registered with the same content before.
	Registered = call.Registered
	// A DeviceFilter narrows a list; empty fields do not.
	DeviceFilter = call.DeviceFilter
	// A DeviceChange is what a device was after one transaction.
	DeviceChange = call.DeviceChange
	// A DeviceKey is the key and the status that a device had at a time, and what the key was worth.
	DeviceKey = call.DeviceKey
)

// RegisterDevice registers a device for our organisation. The same registration again is a
// success.
func (c *Client) RegisterDevice(ctx context.Context, r Registration) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:Register", r)
}

// RegisterDevices registers up to MaxRegistrations devices in one transaction, all or none. The
// same again is a success. Where one of them is refused, the record.Error says which (Index).
func (c *Client) RegisterDevices(ctx context.Context, devices []Registration) (Registered, error) {
	return transact[Registered](ctx, c, "devices:RegisterMany", call.Registrations{Devices: devices})
}

// Devices returns every device that the filter lets through.
func (c *Client) Devices(ctx context.Context, f DeviceFilter) ([]record.Device, error) {
	return list[record.Device](ctx, c, "devices:List", "devices", func(p call.Page) any {
		return call.DeviceList{DeviceFilter: f, Page: p}
	})
}

// Device returns a device, or ErrNotFound.
func (c *Client) Device(ctx context.Context, device name.Name) (record.Device, error) {
	return evaluate[record.Device](ctx, c, "devices:Get", device.String())
}

// DeviceHistory returns what a device was, newest first.
func (c *Client) DeviceHistory(ctx context.Context, device name.Name) ([]DeviceChange, error) {
	return walk[DeviceChange](ctx, c, "devices:History", "changes", "after", func(p call.Page) any {
		return call.History{Device: device, PageSize: p.PageSize, After: p.Bookmark}
	})
}

// DeviceKeyAt returns the key that a device had at a time, to the millisecond. A time before its
// registration is ErrNotFound.
func (c *Client) DeviceKeyAt(ctx context.Context, device name.Name, at time.Time) (DeviceKey, error) {
	return evaluate[DeviceKey](ctx, c, "devices:KeyAt", device.String(), strconv.FormatInt(at.UnixMilli(), 10))
}
