// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"

	"github.com/anchorline/anchorline/chaincode/record"
)

// A Manufacturer is a certificate authority whose devices our organisation takes without registering
// each.
type Manufacturer struct {
	// Name is what our organisation calls it.
	Name string `json:"name"`
	// Certificate is the DER of the authority's certificate in base64url without padding.
	Certificate string `json:"certificate"`
	// DeviceType is given to its devices; it may be empty.
	DeviceType string `json:"deviceType,omitempty"`
}

// An Enrolment is a device's own request to join an organisation by its manufacturer's
// certificate. Everything in it is signed by the device or fixed by the manufacturer, so that
// whoever carries it cannot change it.
type Enrolment struct {
	// ID is the common name or the serial number in the device's certificate.
	ID string `json:"id"`
	// Owner is the MSP ID of the organisation to join, Manufacturer what that calls the
	// manufacturer.
	Owner        string `json:"owner"`
	Manufacturer string `json:"manufacturer"`
	// Chain are DER certificates in base64url without padding: the device's own first, the
	// manufacturer's left out.
	Chain []string `json:"chain"`
	// Proof is a proof of possession of the key in the device's certificate, in base64url.
	Proof string `json:"proof"`
}

// AddManufacturer takes the devices of a manufacturer from now on. The same again is a success.
func (c *Client) AddManufacturer(ctx context.Context, m Manufacturer) (record.Manufacturer, error) {
	return transact[record.Manufacturer](ctx, c, "devices:AddManufacturer", m)
}

// RemoveManufacturer takes no more devices of a manufacturer; those that came stay.
func (c *Client) RemoveManufacturer(ctx context.Context, name string) (record.Manufacturer, error) {
	return transact[record.Manufacturer](ctx, c, "devices:RemoveManufacturer", map[string]string{"name": name})
}

// Manufacturers returns the manufacturers of an organisation, of all when owner is empty.
func (c *Client) Manufacturers(ctx context.Context, owner string) ([]record.Manufacturer, error) {
	return list[record.Manufacturer](ctx, c, "devices:ListManufacturers", "manufacturers", filter{"owner": owner})
}

// EnrolDevice carries a device's request to the ledger. The same again is a success.
func (c *Client) EnrolDevice(ctx context.Context, e Enrolment) (record.Device, error) {
	return transact[record.Device](ctx, c, "devices:Enrol", e)
}
