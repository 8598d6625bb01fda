// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
)

type (
	// A Manufacturer is a certificate authority whose devices our organisation takes without
	// registering each.
	Manufacturer = call.Manufacturer
	// An Enrolment is a device's own request to join an organisation by its manufacturer's
	// certificate. Whoever carries it cannot change it.
	Enrolment = call.Enrolment
)

// AddManufacturer takes the devices of a manufacturer from now on. The same again is a success.
func (c *Client) AddManufacturer(ctx context.Context, m Manufacturer) (record.Manufacturer, error) {
	return transact[record.Manufacturer](ctx, c, "devices:AddManufacturer", m)
}

// RemoveManufacturer takes no more devices of a manufacturer; those that came stay.
func (c *Client) RemoveManufacturer(ctx context.Context, id string) (record.Manufacturer, error) {
	return transact[record.Manufacturer](ctx, c, "devices:RemoveManufacturer", call.ManufacturerName{Name: id})
}

// Manufacturers returns the manufacturers of an organisation, of all when owner is empty.
func (c *Client) Manufacturers(ctx context.Context, owner string) ([]record.Manufacturer, error) {
	return list[record.Manufacturer](ctx, c, "devices:ListManufacturers", "manufacturers", func(p call.Page) any {
		return call.OfOwner{Owner: owner, Page: p}
	})
}

// EnrolDevice carries a device's request to the ledger. The same again is a success.
func (c *Client) EnrolDevice(ctx context.Context, e Enrolment) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:Enrol", e)
}
