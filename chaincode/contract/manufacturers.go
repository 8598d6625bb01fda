// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/cose"
)

// Limits of a device's certificate chain.
const (
	// maxChain is the number of certificates from the device's to below the manufacturer's.
	maxChain = 4
	// maxCertificate is the length in characters of the longest certificate argument.
	maxCertificate = 8192
)

// manufacturerRequest is the request of AddManufacturer.
type manufacturerRequest struct {
	Name        string `json:"name"`
	Certificate string `json:"certificate"`
	DeviceType  string `json:"deviceType,omitempty"`
}

func (r manufacturerRequest) validate() error {
	if r.Certificate == "" {
		return missing("certificate")
	}
	return record.First(
		record.CheckName("name", r.Name),
		record.CheckText("certificate", r.Certificate, maxCertificate),
		optional("deviceType", r.DeviceType, record.CheckName),
	)
}

// nameRequest is the request of RemoveManufacturer.
type nameRequest struct {
	Name string `json:"name"`
}

func (r nameRequest) validate() error { return record.CheckName("name", r.Name) }

// enrolRequest is the request of Enrol. Everything in it is signed by the device's key, by the
// chain of certificates, or fixed by the manufacturer's record, so that whoever carries it
// cannot change it.
type enrolRequest struct {
	// ID is the subject's common name or serial number in the device's certificate.
	ID string `json:"id"`
	// Owner is the MSP ID of the organisation that the device joins.
	Owner string `json:"owner"`
	// Manufacturer is what the owner calls the manufacturer.
	Manufacturer string `json:"manufacturer"`
	// Chain are the certificates in base64url DER: the device's own first, the manufacturer's
	// left out.
	Chain []string `json:"chain"`
	// Proof is a proof of possession of the key in the device's certificate.
	Proof string `json:"proof"`
}

func (r enrolRequest) validate() error {
	if n := len(r.Chain); n == 0 || n > maxChain {
		return fmt.Errorf("field \"chain\": must have 1 to %d certificates", maxChain)
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

// addManufacturer handles AddManufacturer. A removed one may be added again.
func addManufacturer(tx *transaction, req manufacturerRequest) (record.Manufacturer, error) {
	if err := tx.require(record.Registrar); err != nil {
		return record.Manufacturer{}, err
	}
	ca, err := parseCertificate("certificate", req.Certificate)
	if err != nil {
		return record.Manufacturer{}, err
	}
	if !ca.IsCA || !ca.BasicConstraintsValid {
		return record.Manufacturer{}, invalid("certificate", errors.New("is not a certificate authority's"))
	}
	m, found, err := tx.manufacturer(tx.caller.MSP, req.Name)
	if err != nil {
		return record.Manufacturer{}, err
	}
	if found && m.Active {
		if m.Certificate == req.Certificate && m.DeviceType == req.DeviceType {
			return m, nil
		}
		return record.Manufacturer{}, record.Errorf(record.AlreadyExists, "manufacturer %q of %s has other content; remove it first", req.Name, m.Owner)
	}
	m = record.Manufacturer{
		Type: record.ManufacturerType, Version: record.Version,
		Owner: tx.caller.MSP, Name: req.Name, Certificate: req.Certificate, DeviceType: req.DeviceType,
		Active: true, Added: tx.now, Updated: tx.after(m.Updated),
	}
	return tx.changeManufacturer(ManufacturerAdded, m)
}

// removeManufacturer handles RemoveManufacturer. The devices that it brought stay.
func removeManufacturer(tx *transaction, req nameRequest) (record.Manufacturer, error) {
	if err := tx.require(record.Registrar); err != nil {
		return record.Manufacturer{}, err
	}
	m, found, err := tx.manufacturer(tx.caller.MSP, req.Name)
	if err != nil {
		return record.Manufacturer{}, err
	}
	if !found {
		return record.Manufacturer{}, record.Errorf(record.NotFound, "%s has no manufacturer %q", tx.caller.MSP, req.Name)
	}
	if !m.Active {
		return m, nil
	}
	m.Active, m.Updated = false, tx.after(m.Updated)
	return tx.changeManufacturer(ManufacturerRemoved, m)
}

// manufacturer reads a manufacturer and reports whether there is one.
func (tx *transaction) manufacturer(owner, name string) (record.Manufacturer, bool, error) {
	var m record.Manufacturer
	found, err := tx.get(record.ManufacturerKey(owner, name), &m)
	return m, found, err
}

// changeManufacturer stores a manufacturer and emits the event.
func (tx *transaction) changeManufacturer(name string, m record.Manufacturer) (record.Manufacturer, error) {
	if err := tx.put(record.ManufacturerKey(m.Owner, m.Name), m, m.Owner); err != nil {
		return record.Manufacturer{}, err
	}
	return m, tx.emit(Event{Name: name, ID: m.Name, Owner: m.Owner, Manufacturer: &m})
}

// enrol handles Enrol: zero-touch registration. A bridge of any organisation may carry it.
func enrol(tx *transaction, req enrolRequest) (record.Device, error) {
	if err := tx.require(record.Bridge, record.Registrar); err != nil {
		return record.Device{}, err
	}
	m, found, err := tx.manufacturer(req.Owner, req.Manufacturer)
	if err != nil {
		return record.Device{}, err
	}
	if !found || !m.Active {
		return record.Device{}, record.Errorf(record.Forbidden, "%s takes no devices of a manufacturer %q", req.Owner, req.Manufacturer)
	}
	key, err := certifiedKey(req, m, tx.now)
	if err != nil {
		return record.Device{}, err
	}
	if err := provePossession(key, req.Proof, tx.deviceSubject(req.ID, req.Owner)); err != nil {
		return record.Device{}, err
	}
	// The same device again is the same key, whatever the chain above it.
	digest, err := digest(enrolRequest{ID: req.ID, Owner: req.Owner, Manufacturer: req.Manufacturer, Proof: key.Text()})
	if err != nil {
		return record.Device{}, err
	}
	known, found, err := tx.registered(req.ID, req.Owner, digest)
	if err != nil || found {
		return known, err
	}
	d := tx.newDevice(req.ID, req.Owner, storedKey(key))
	d.DeviceType, d.Manufacturer, d.Registration = m.DeviceType, m.Name, digest
	if err := tx.createDevice(d); err != nil {
		return record.Device{}, err
	}
	return d, tx.emit(deviceEvent(DeviceRegistered, d))
}

// certifiedKey verifies that the chain leads to the manufacturer at a time in milliseconds and
// that the device's certificate is for this id, and returns the key in it.
func certifiedKey(req enrolRequest, m record.Manufacturer, now int64) (cose.Key, error) {
	ca, err := parseCertificate("certificate", m.Certificate)
	if err != nil {
		return cose.Key{}, record.Errorf(record.Internal, "manufacturer %q: %v", m.Name, err)
	}
	options := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(),
		CurrentTime: time.UnixMilli(now), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	options.Roots.AddCert(ca)
	var device *x509.Certificate
	for i, text := range req.Chain {
		certificate, err := parseCertificate(fmt.Sprintf("chain[%d]", i), text)
		if err != nil {
			return cose.Key{}, err
		}
		if i == 0 {
			device = certificate
		} else {
			options.Intermediates.AddCert(certificate)
		}
	}
	if device.IsCA {
		return cose.Key{}, invalid("chain[0]", errors.New("is a certificate authority's, not a device's"))
	}
	if _, err := device.Verify(options); err != nil {
		return cose.Key{}, record.Errorf(record.Forbidden, "the certificates do not lead to manufacturer %q: %v", m.Name, err)
	}
	if device.Subject.CommonName != req.ID && device.Subject.SerialNumber != req.ID {
		return cose.Key{}, record.Errorf(record.Forbidden, "the certificate is for %.80q with serial number %.80q, not for %q",
			device.Subject.CommonName, device.Subject.SerialNumber, req.ID)
	}
	key, err := cose.NewKey(device.PublicKey)
	if err != nil {
		return cose.Key{}, invalid("chain[0]", err)
	}
	return key, nil
}

// parseCertificate reads a certificate in base64url DER.
func parseCertificate(field, text string) (*x509.Certificate, error) {
	der, err := decodeBytes(text)
	if err != nil {
		return nil, invalid(field, err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, invalid(field, err)
	}
	return certificate, nil
}

// manufacturerListRequest is the request of ListManufacturers.
type manufacturerListRequest struct {
	Owner    string `json:"owner,omitempty"`
	PageSize int    `json:"pageSize,omitempty"`
	Bookmark string `json:"bookmark,omitempty"`
}

func (r manufacturerListRequest) paging() paging {
	return paging{size: r.PageSize, bookmark: r.Bookmark}
}

func (r manufacturerListRequest) validate() error {
	return record.First(optional("owner", r.Owner, record.CheckMSP), r.paging().check())
}

// manufacturerList is a page of manufacturers.
type manufacturerList struct {
	Manufacturers []record.Manufacturer `json:"manufacturers"`
	Bookmark      string                `json:"bookmark"`
}

// listManufacturers handles ListManufacturers: of every organisation unless the request names
// one.
func listManufacturers(tx *transaction, req manufacturerListRequest) (manufacturerList, error) {
	found, bookmark, err := collect[record.Manufacturer](tx, req.paging(), record.ManufacturerObject, given(req.Owner)...)
	return manufacturerList{Manufacturers: found, Bookmark: bookmark}, err
}
