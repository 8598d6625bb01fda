// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/anchorline/anchorline/chaincode/record"
)

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

// Rotation replaces a device's key: authorised by the old key, or with a reason why the old key
// cannot do that.
type Rotation struct {
	ID            string `json:"id"`
	Key           string `json:"key"`
	Proof         string `json:"proof"`
	Authorization string `json:"authorization,omitempty"`
	Reason        string `json:"reason,omitempty"`
}

// DevicePage is one page of a list.
type DevicePage struct {
	Devices  []record.Device `json:"devices"`
	Bookmark string          `json:"bookmark"` // of the next page, empty after the last
}

// RegisterDevice registers a device for our organisation. The same registration again is a
// success.
func (c *Client) RegisterDevice(ctx context.Context, r Registration) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:Register", r)
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

// Device returns a device, or ErrNotFound.
func (c *Client) Device(ctx context.Context, id string) (record.Device, error) {
	return evaluate[record.Device](ctx, c, "devices:Get", id)
}

// Devices returns a page of at most size devices after the bookmark of the page before.
func (c *Client) Devices(ctx context.Context, size int, bookmark string) (DevicePage, error) {
	request, err := json.Marshal(struct {
		PageSize int    `json:"pageSize"`
		Bookmark string `json:"bookmark,omitempty"`
	}{size, bookmark})
	if err != nil {
		return DevicePage{}, fmt.Errorf("ledger: encode request: %w", err)
	}
	return evaluate[DevicePage](ctx, c, "devices:List", string(request))
}

// transact makes a call that takes one request object and answers with one record.
func transact[T any](ctx context.Context, c *Client, function string, request any) (T, error) {
	var out T
	arg, err := json.Marshal(request)
	if err != nil {
		return out, fmt.Errorf("ledger: encode request of %s: %w", function, err)
	}
	result, _, err := c.Transact(ctx, function, string(arg))
	if err != nil {
		return out, err
	}
	return out, decode(function, result, &out)
}

func evaluate[T any](ctx context.Context, c *Client, function string, args ...string) (T, error) {
	var out T
	result, err := c.Evaluate(ctx, function, args...)
	if err != nil {
		return out, err
	}
	return out, decode(function, result, &out)
}

// decode reads the chaincode's answer. It does not refuse unknown fields: a newer chaincode may
// say more.
func decode(function string, result []byte, v any) error {
	if err := json.Unmarshal(result, v); err != nil {
		return &Error{Step: "read answer of " + function, Kind: ErrChaincode, Err: err}
	}
	return nil
}
