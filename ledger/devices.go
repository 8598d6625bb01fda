// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"strconv"
	"time"

	"github.com/anchorline/anchorline/chaincode/record"
)

// MaxRegistrations is the number of devices that one transaction registers at most.
const MaxRegistrations = 200

// Registration is what registers a device. Key and Proof are base64url without padding: a
// COSE_Key, and a proof that its owner holds the private key (docs/formats.md).
type Registration struct {
	ID         string            `json:"id"`
	Key        string            `json:"key"`
	Proof      string            `json:"proof"`
	Type       string            `json:"type,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Profile    string            `json:"profile,omitempty"`
}

// Registered says what became of several registrations: the ids that are new, and those that were
// registered with the same content before.
type Registered struct {
	Registered []string `json:"registered"`
	Unchanged  []string `json:"unchanged"`
}

// RegisterDevice registers a device for our organisation. The same registration again is a
// success.
func (c *Client) RegisterDevice(ctx context.Context, r Registration) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:Register", r)
}

// RegisterDevices registers up to MaxRegistrations devices in one transaction, all or none. The
// same again is a success.
func (c *Client) RegisterDevices(ctx context.Context, devices []Registration) (Registered, error) {
	return transact[Registered](ctx, c, "devices:RegisterMany", map[string]any{"devices": devices})
}

// A DeviceFilter narrows a list; empty fields do not.
type DeviceFilter struct {
	Owner     string
	Type      string
	Status    record.Status
	Attribute *record.Attribute
}

// AllDevices returns every device that the filter lets through.
func (c *Client) AllDevices(ctx context.Context, f DeviceFilter) ([]record.Device, error) {
	narrow := filter{"owner": f.Owner, "type": f.Type, "status": string(f.Status)}
	if f.Attribute != nil {
		narrow["attribute"] = f.Attribute
	}
	return list[record.Device](ctx, c, "devices:List", "devices", narrow)
}

// Device returns a device, or ErrNotFound.
func (c *Client) Device(ctx context.Context, id string) (record.Device, error) {
	return evaluate[record.Device](ctx, c, "devices:Get", id)
}

// A DeviceChange is what a device was after one transaction.
type DeviceChange struct {
	TxID   string        `json:"txId"`
	Time   int64         `json:"time"`
	Device record.Device `json:"device"`
}

// DeviceHistory returns what a device was, newest first.
func (c *Client) DeviceHistory(ctx context.Context, id string) ([]DeviceChange, error) {
	return walk[DeviceChange](ctx, c, "devices:History", "changes", "after", filter{"id": id})
}

// A DeviceKey is the key and the status that a device had at a time.
type DeviceKey struct {
	Device string        `json:"device"`
	Owner  string        `json:"owner"` // today's
	Time   int64         `json:"time"`
	Status record.Status `json:"status"`
	Key    *record.Key   `json:"key,omitempty"` // nil when none was valid
	// Trusted is true when the device was active, had a key, and is not known to have been
	// compromised by then.
	Trusted          bool  `json:"trusted"`
	CompromisedSince int64 `json:"compromisedSince,omitempty"`
}

// DeviceKeyAt returns the key that a device had at a time, to the millisecond. A time before its
// registration is ErrNotFound.
func (c *Client) DeviceKeyAt(ctx context.Context, id string, at time.Time) (DeviceKey, error) {
	return evaluate[DeviceKey](ctx, c, "devices:KeyAt", id, strconv.FormatInt(at.UnixMilli(), 10))
}
