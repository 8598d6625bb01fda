// SPDX-License-Identifier: Apache-2.0

package record

// ManufacturerType is the type of a Manufacturer.
const ManufacturerType = "manufacturer"

// Manufacturer is a certificate authority whose devices may register themselves with an
// organisation (zero-touch).
type Manufacturer struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	// Owner is the MSP ID of the organisation that trusts the manufacturer.
	Owner string `json:"owner"`
	// Name is what the organisation calls it.
	Name string `json:"name"`
	// Certificate is the DER of the CA's certificate in base64url without padding.
	Certificate string `json:"certificate"`
	// DeviceType is given to the devices that register.
	DeviceType string `json:"deviceType,omitempty"`
	// Active is false once the organisation no longer takes its devices.
	Active  bool  `json:"active"`
	Added   int64 `json:"added"`
	Updated int64 `json:"updated"`
}

// CertifiedType is the type of a Certified.
const CertifiedType = "certified"

// Certified says which device of an owner the certified key registered, so that one certificate with
// several names registers one device.
type Certified struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	Owner   string `json:"owner"`
	// Key is SHA-256, in hexadecimal, of the COSE_Key in base64url.
	Key string `json:"key"`
	// ID is the device's.
	ID string `json:"id"`
}
