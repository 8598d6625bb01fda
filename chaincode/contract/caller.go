// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/attrmgr"
	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/cid"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"

	"github.com/anchorline/anchorline/chaincode/record"
)

// adminUnit is the organisational unit by which Fabric's NodeOUs mark an administrator.
const adminUnit = "admin"

// maxClaims is the number of organisational units, and of attributes, of a certificate that are
// looked at. A certificate with more is refused rather than read in part.
const maxClaims = 64

// caller is the identity that signed the proposal. The peer has verified its signature and its
// certificate before the chaincode is asked.
type caller struct {
	// MSP is the ID of the caller's organisation.
	MSP string
	// Identity is SHA-256, in hexadecimal, over "x509::subject::issuer": who the caller is,
	// across renewals of the certificate.
	Identity string
	// Certificate is SHA-256, in hexadecimal, over the DER of the certificate.
	Certificate string
	// Units are the organisational units of the certificate, sorted.
	Units []string
	// Attributes are what Fabric's CA put into the certificate.
	Attributes map[string]string
}

// nodeAdmin reports whether the certificate marks an administrator of its organisation.
func (c caller) nodeAdmin() bool { return slices.Contains(c.Units, adminUnit) }

// subjects returns every way in which a role may have been granted to the caller, the most
// specific first, in an order that is always the same.
func (c caller) subjects() []record.Subject {
	subjects := []record.Subject{{Certificate: c.Certificate}}
	for _, unit := range c.Units {
		subjects = append(subjects, record.Subject{Unit: unit})
	}
	for _, name := range sortedNames(c.Attributes) {
		subjects = append(subjects, record.Subject{Attribute: &record.Attribute{Name: name, Value: c.Attributes[name]}})
	}
	// What could not have been granted cannot be looked up either.
	return slices.DeleteFunc(subjects, func(s record.Subject) bool { return s.Validate() != nil })
}

// readCaller reads the caller from the proposal. An identity without an X.509 certificate is
// refused: roles could not be told from it.
func readCaller(stub shim.ChaincodeStubInterface) (caller, error) {
	client, err := cid.New(stub)
	if err != nil {
		return caller{}, record.Errorf(record.Forbidden, "the caller's identity cannot be read: %v", err)
	}
	encoded, err := client.GetID()
	if err != nil {
		return caller{}, record.Errorf(record.Forbidden, "the caller has no X.509 certificate: %v", err)
	}
	id, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return caller{}, record.Errorf(record.Internal, "the caller's id cannot be decoded: %v", err)
	}
	msp, err := client.GetMSPID()
	if err != nil {
		return caller{}, record.Errorf(record.Forbidden, "the caller's MSP ID cannot be read: %v", err)
	}
	certificate, err := client.GetX509Certificate()
	if err != nil {
		return caller{}, record.Errorf(record.Forbidden, "the caller's certificate cannot be read: %v", err)
	}
	c := caller{MSP: msp, Identity: hexHash(id), Certificate: hexHash(certificate.Raw)}
	if err := record.CheckMSP("MSP ID", msp); err != nil {
		return caller{}, record.Errorf(record.Forbidden, "the caller: %v", err)
	}
	return c, c.readClaims(certificate)
}

// readClaims reads what the certificate says about the caller.
func (c *caller) readClaims(certificate *x509.Certificate) error {
	c.Units = slices.Clone(certificate.Subject.OrganizationalUnit)
	slices.Sort(c.Units)
	c.Units = slices.Compact(c.Units)
	attributes, err := attrmgr.New().GetAttributesFromCert(certificate)
	if err != nil {
		return record.Errorf(record.Forbidden, "the attributes of the caller's certificate cannot be read: %v", err)
	}
	c.Attributes = map[string]string{}
	maps.Copy(c.Attributes, attributes.Attrs)
	if len(c.Units) > maxClaims || len(c.Attributes) > maxClaims {
		return record.Errorf(record.Forbidden, "the caller's certificate has more than %d units or attributes", maxClaims)
	}
	return nil
}

// hexHash returns SHA-256 in hexadecimal.
func hexHash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
