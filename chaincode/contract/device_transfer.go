// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// offer handles Offer: the first of the two steps of a transfer. A later offer replaces it.
func offer(tx *transaction, req call.Offer) (record.Device, error) {
	old, err := tx.registrarsDevice(req.ID)
	if err != nil {
		return record.Device{}, err
	}
	if err := alive(old); err != nil {
		return record.Device{}, err
	}
	if req.To == old.Owner {
		return record.Device{}, invalid("to", errors.New("is the owner already"))
	}
	if req.To == old.Offered {
		return old, nil
	}
	d := old
	d.Offered = req.To
	return tx.changeDevice(call.DeviceOffered, old, d)
}

// withdrawOffer handles WithdrawOffer.
func withdrawOffer(tx *transaction, req call.ID) (record.Device, error) {
	old, err := tx.registrarsDevice(req.ID)
	if err != nil || old.Offered == "" {
		return old, err
	}
	d := old
	d.Offered = ""
	return tx.changeDevice(call.DeviceOfferWithdrawn, old, d)
}

// accept handles Accept: a registrar of the organisation to which the device is offered takes it
// over. The former record ends, which the former owner's peers sign too, and the device gets a record
// of its own under the new owner, by a proof of possession for its new name. The same again succeeds
// without a change.
func accept(tx *transaction, req call.Acceptance) (record.Device, error) {
	if err := tx.require(record.Registrar); err != nil {
		return record.Device{}, err
	}
	proof := req.Proof
	req.ID, req.Proof = req.NewID(), ""
	digest, err := digest(req)
	if err != nil {
		return record.Device{}, err
	}
	device := name.New(tx.caller.MSP, req.ID)
	former, err := tx.device(req.From)
	if err != nil {
		return record.Device{}, err
	}
	if former.TransferredTo == device {
		known, _, err := tx.registered(device, digest)
		return known, err
	}
	if former.Offered != tx.caller.MSP {
		return record.Device{}, record.Errorf(record.Forbidden, "device %s is not offered to %s", req.From, tx.caller.MSP)
	}
	if _, _, err := tx.registered(device, digest); err != nil {
		return record.Device{}, err
	}
	key, err := proveKey(req.Key, proof, tx.deviceSubject(device))
	if err != nil {
		return record.Device{}, err
	}
	d := tx.newDevice(device, key)
	d.TransferredFrom, d.Registration = former.Name(), digest
	// What the thing is comes with it. What its former owner said of it does not: the policies of the
	// new owner decide by attributes.
	d.DeviceType, d.Profile, d.ReportingPeriod = former.DeviceType, former.Profile, former.ReportingPeriod
	return tx.transfer(former, d)
}

// transfer stores both records of a transferred device and announces them in one event.
func (tx *transaction) transfer(former, d record.Device) (record.Device, error) {
	now := tx.moment()
	ended := former
	ended.Status, ended.Offered, ended.TransferredTo, ended.Transferred, ended.Updated = record.Transferred, "", d.Name(), &now, now
	if err := tx.putDevice(&former, ended); err != nil {
		return record.Device{}, err
	}
	if err := tx.putDevice(nil, d); err != nil {
		return record.Device{}, err
	}
	event := deviceEvent(call.DeviceTransferred, d)
	event.Former = &ended
	return d, tx.emit(event)
}
