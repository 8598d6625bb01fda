// SPDX-License-Identifier: Apache-2.0

package call

import (
	"fmt"

	"github.com/anchorline/anchorline/chaincode/record"
)

// Limits of a device's certificate chain.
const (
	// MaxChain is the number of certificates from the device's to below the manufacturer's.
	MaxChain = 4
	// maxCertificate is the length in characters of the longest certificate argument.
	maxCertificate = 8192
)

// Manufacturer is a certificate authority whose devices the caller's organisation takes without
// registering each (devices:AddManufacturer).
type Manufacturer struct {
	// Name is what the organisation calls it.
	Name string `json:"name"`
	// Certificate is the DER of the authority's certificate in base64url without padding.
	Certificate string `json:"certificate"`
	// DeviceType is given to its devices; it may be empty.
	DeviceType string `json:"deviceType,omitempty"`
}

// Validate reports the first fault.
func (r Manufacturer) Validate() error {
	if r.Certificate == "" {
		return missing("certificate")
	}
	return record.First(
		record.CheckName("name", r.Name),
		record.CheckText("certificate", r.Certificate, maxCertificate),
		optional("deviceType", r.DeviceType, record.CheckName),
	)
}

// ManufacturerName names a manufacturer of the caller's organisation (devices:RemoveManufacturer).
type ManufacturerName struct {
	Name string `json:"name"`
}

// Validate reports the first fault.
func (r ManufacturerName) Validate() error { return record.CheckName("name", r.Name) }

// Enrolment is a device's own request to join an organisation by its manufacturer's certificate
// (devices:Enrol). Everything in it is signed by the device's key, by the chain of certificates, or
// fixed by the manufacturer's record, so that whoever carries it cannot change it.
type Enrolment struct {
	// ID is the common name or the serial number in the device's certificate.
	ID string `json:"id"`
	// Owner is the MSP ID of the organisation to join, Manufacturer what that calls the manufacturer.
	Owner        string `json:"owner"`
	Manufacturer string `json:"manufacturer"`
	// Chain are DER certificates in base64url without padding: the device's own first, the
	// manufacturer's left out.
	Chain []string `json:"chain"`
	// Proof is a proof of possession of the key in the device's certificate, in base64url.
	Proof string `json:"proof"`
}

// Validate reports the first fault.
func (r Enrolment) Validate() error {
	if n := len(r.Chain); n == 0 || n > MaxChain {
		return record.Faultf("chain", "must have 1 to %d certificates", MaxChain)
	}
	for i, certificate := range r.Chain {
		if err := record.CheckText(fmt.Sprintf("chain[%d]", i), certificate, maxCertificate); err != nil {
			return err
		}
	}
	return record.First(
		record.CheckName("id", r.ID),
		record.CheckMSP("owner", r.Owner),
		record.CheckName("manufacturer", r.Manufacturer),
		checkToken("proof", r.Proof),
	)
}

// OfOwner is the request of a list of an organisation's records, of all organisations when Owner is
// empty (devices:ListManufacturers, policies:List).
type OfOwner struct {
	Owner string `json:"owner,omitempty"`
	Page
}

// Validate reports the first fault.
func (r OfOwner) Validate() error {
	return record.First(optional("owner", r.Owner, record.CheckMSP), r.Page.Validate())
}

// Manufacturers is a page of manufacturers.
type Manufacturers struct {
	Manufacturers []record.Manufacturer `json:"manufacturers"`
	Bookmark      string                `json:"bookmark"`
}
