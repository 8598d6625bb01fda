// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// addManufacturer handles AddManufacturer. A removed one may be added again.
func addManufacturer(tx *transaction, req call.Manufacturer) (record.Manufacturer, error) {
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
		Active: true, Added: tx.now, Updated: tx.now,
	}
	return tx.changeManufacturer(call.ManufacturerAdded, m)
}

// removeManufacturer handles RemoveManufacturer. The devices that it brought stay.
func removeManufacturer(tx *transaction, req call.ManufacturerName) (record.Manufacturer, error) {
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
	m.Active, m.Updated = false, tx.now
	return tx.changeManufacturer(call.ManufacturerRemoved, m)
}

// manufacturer reads a manufacturer and reports whether there is one.
func (tx *transaction) manufacturer(owner, id string) (record.Manufacturer, bool, error) {
	var m record.Manufacturer
	found, err := tx.get(record.ManufacturerKey(owner, id), &m)
	return m, found, err
}

// changeManufacturer stores a manufacturer and emits the event.
func (tx *transaction) changeManufacturer(event string, m record.Manufacturer) (record.Manufacturer, error) {
	if err := tx.put(record.ManufacturerKey(m.Owner, m.Name), m, m.Owner); err != nil {
		return record.Manufacturer{}, err
	}
	return m, tx.emit(call.Event{Name: event, ID: m.Name, Owner: m.Owner, Manufacturer: &m})
}

// enrol handles Enrol: zero-touch registration. A bridge of any organisation may carry it.
func enrol(tx *transaction, req call.Enrolment) (record.Device, error) {
	device := name.New(req.Owner, req.ID)
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
	if err := provePossession(key, req.Proof, tx.deviceSubject(device)); err != nil {
		return record.Device{}, err
	}
	// The same device again is the same key, whatever the chain above it.
	digest, err := digest(call.Enrolment{ID: req.ID, Owner: req.Owner, Manufacturer: req.Manufacturer, Proof: key.Text()})
	if err != nil {
		return record.Device{}, err
	}
	known, found, err := tx.registered(device, digest)
	if err != nil || found {
		return known, err
	}
	if err := tx.certify(device, key); err != nil {
		return record.Device{}, err
	}
	d := tx.newDevice(device, storedKey(key))
	d.DeviceType, d.Manufacturer, d.Registration = m.DeviceType, m.Name, digest
	if err := tx.putDevice(nil, d); err != nil {
		return record.Device{}, err
	}
	return d, tx.emit(deviceEvent(call.DeviceRegistered, d))
}

// certify records that a certified key registered this device, and refuses one that registered another
// of the same owner: a certificate may name a device twice, by its name and by its serial number.
func (tx *transaction) certify(device name.Name, key cose.Key) error {
	c := record.Certified{
		Type: record.CertifiedType, Version: record.Version,
		Owner: device.Owner, Key: hexHash([]byte(key.Text())), ID: device.ID,
	}
	var known record.Certified
	found, err := tx.get(record.CertifiedKey(c.Owner, c.Key), &known)
	if err != nil {
		return err
	}
	if found && known.ID != c.ID {
		return record.Errorf(record.AlreadyExists, "this certificate's key registered device %s; a certificate is for one device of an owner", name.New(c.Owner, known.ID))
	}
	return tx.put(record.CertifiedKey(c.Owner, c.Key), c, c.Owner)
}

// certifiedKey verifies that the chain leads to the manufacturer at a time in milliseconds and
// that the device's certificate is for this id, and returns the key in it.
func certifiedKey(req call.Enrolment, m record.Manufacturer, now int64) (cose.Key, error) {
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

// listManufacturers handles ListManufacturers: of every organisation unless the request names
// one.
func listManufacturers(tx *transaction, req call.OfOwner) (call.Manufacturers, error) {
	found, bookmark, err := collect[record.Manufacturer](tx, req.Page, record.ManufacturerObject, given(req.Owner)...)
	return call.Manufacturers{Manufacturers: found, Bookmark: bookmark}, err
}
