// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"

	"github.com/anchorline/anchorline/chaincode/record"
)

// offerRequest is the request of Offer.
type offerRequest struct {
	ID string `json:"id"`
	To string `json:"to"`
}

func (r offerRequest) validate() error {
	return record.First(record.CheckName("id", r.ID), record.CheckMSP("to", r.To))
}

// idRequest is the request of a change that needs to know the device only.
type idRequest struct {
	ID string `json:"id"`
}

func (r idRequest) validate() error { return record.CheckName("id", r.ID) }

// offer handles Offer: the first of the two steps of a transfer. A later offer replaces it.
func offer(tx *transaction, req offerRequest) (record.Device, error) {
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
	return tx.changeDevice(DeviceOffered, old, d)
}

// withdrawOffer handles WithdrawOffer.
func withdrawOffer(tx *transaction, req idRequest) (record.Device, error) {
	old, err := tx.registrarsDevice(req.ID)
	if err != nil || old.Offered == "" {
		return old, err
	}
	d := old
	d.Offered = ""
	return tx.changeDevice(DeviceOfferWithdrawn, old, d)
}

// accept handles Accept: a registrar of the organisation to which the device is offered takes
// it over. The old owner's peers still sign this change, the new owner's from then on.
func accept(tx *transaction, req idRequest) (record.Device, error) {
	if err := tx.require(record.Registrar); err != nil {
		return record.Device{}, err
	}
	old, err := tx.device(req.ID)
	if err != nil {
		return record.Device{}, err
	}
	if old.Offered != tx.caller.MSP {
		if old.Owner == tx.caller.MSP {
			return old, nil
		}
		return record.Device{}, record.Errorf(record.Forbidden, "device %q is not offered to %s", old.ID, tx.caller.MSP)
	}
	d := old
	d.Owner, d.Offered = tx.caller.MSP, ""
	return tx.changeDevice(DeviceTransferred, old, d)
}
