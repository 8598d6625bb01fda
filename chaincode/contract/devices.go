// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"slices"

	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"

	"github.com/anchorline/anchorline/chaincode/record"
)

// Devices is the contract "devices": who the devices are, and which keys speak for them.
type Devices struct {
	contractapi.Contract
}

func newDevices() *Devices {
	return &Devices{Contract: contractapi.Contract{Name: devicesName, Info: info(devicesName)}}
}

// GetEvaluateTransactions names the functions that only read.
func (*Devices) GetEvaluateTransactions() []string { return evaluated(devicesName) }

// Register puts a device on the ledger, owned by the caller's organisation.
func (*Devices) Register(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, register)
}

// RegisterMany registers several devices in one transaction, all or none.
func (*Devices) RegisterMany(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, registerMany)
}

// Enrol registers a device by the certificate of its manufacturer.
func (*Devices) Enrol(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, enrol)
}

// AddManufacturer lets the devices of a manufacturer register themselves.
func (*Devices) AddManufacturer(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, addManufacturer)
}

// RemoveManufacturer takes no more devices of a manufacturer.
func (*Devices) RemoveManufacturer(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, removeManufacturer)
}

// ListManufacturers returns a page of an organisation's manufacturers.
func (*Devices) ListManufacturers(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, listManufacturers)
}

// SetAttributes replaces what is said about the device.
func (*Devices) SetAttributes(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, setAttributes)
}

// RotateKey replaces the device's key.
func (*Devices) RotateKey(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, rotateKey)
}

// Suspend stops an active device until it is resumed.
func (*Devices) Suspend(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, suspend)
}

// Resume makes a suspended device active again.
func (*Devices) Resume(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, resume)
}

// Revoke ends a device for good.
func (*Devices) Revoke(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, revoke)
}

// Offer offers a device to another organisation.
func (*Devices) Offer(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, offer)
}

// WithdrawOffer takes an offer back.
func (*Devices) WithdrawOffer(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, withdrawOffer)
}

// Accept takes an offered device over.
func (*Devices) Accept(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, accept)
}

// Get returns a device.
func (*Devices) Get(ctx contractapi.TransactionContextInterface, id string) (string, error) {
	return answer(ctx, func(tx *transaction) (record.Device, error) { return tx.device(id) })
}

// KeyAt returns the key and the status that a device had at a time in milliseconds.
func (*Devices) KeyAt(ctx contractapi.TransactionContextInterface, id, time string) (string, error) {
	return answer(ctx, func(tx *transaction) (keyAt, error) { return deviceKeyAt(tx, id, time) })
}

// List returns a page of devices.
func (*Devices) List(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, listDevices)
}

// History returns a page of what a device was, newest first.
func (*Devices) History(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, deviceHistory)
}

// device reads a device that must exist.
func (tx *transaction) device(id string) (record.Device, error) {
	if err := record.CheckName("id", id); err != nil {
		return record.Device{}, record.Errorf(record.InvalidArgument, "%v", err)
	}
	var d record.Device
	found, err := tx.get(record.DeviceKey(id), &d)
	if err != nil {
		return record.Device{}, err
	}
	if !found {
		return record.Device{}, record.Errorf(record.NotFound, "device %q is not registered", id)
	}
	return d, nil
}

// registrarsDevice reads a device that a registrar of its owner, as the caller must be, may
// change.
func (tx *transaction) registrarsDevice(id string) (record.Device, error) {
	if err := tx.require(record.Registrar); err != nil {
		return record.Device{}, err
	}
	d, err := tx.device(id)
	if err != nil {
		return record.Device{}, err
	}
	if d.Owner != tx.caller.MSP {
		return record.Device{}, record.Errorf(record.Forbidden, "device %q belongs to %s; the caller is of %s", id, d.Owner, tx.caller.MSP)
	}
	return d, nil
}

// createDevice stores a new device with its index entries.
func (tx *transaction) createDevice(d record.Device) error {
	return tx.putDevice(nil, d)
}

// changeDevice stores a changed device, brings the indexes up to date and emits the event.
func (tx *transaction) changeDevice(name string, old, d record.Device) (record.Device, error) {
	d.Updated = tx.after(old.Updated)
	if err := tx.putDevice(&old, d); err != nil {
		return record.Device{}, err
	}
	return d, tx.emit(deviceEvent(name, d))
}

// putDevice writes a device and those of its index entries that differ from the old device's.
// With a new owner every entry is written, since every entry's endorsement policy changes.
func (tx *transaction) putDevice(old *record.Device, d record.Device) error {
	if err := tx.put(record.DeviceKey(d.ID), d, d.Owner); err != nil {
		return err
	}
	entries := record.DeviceIndexKeys(d)
	var before []string
	if old != nil {
		before = record.DeviceIndexKeys(*old)
	}
	for _, key := range before {
		if slices.Contains(entries, key) {
			continue
		}
		if err := tx.unindex(key); err != nil {
			return err
		}
	}
	for _, key := range entries {
		if old != nil && old.Owner == d.Owner && slices.Contains(before, key) {
			continue
		}
		if err := tx.index(key, d.Owner); err != nil {
			return err
		}
	}
	return nil
}
