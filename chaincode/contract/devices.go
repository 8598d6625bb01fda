// SPDX-License-Identifier: Apache-2.0

package contract

import (
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

// Get returns a device.
func (*Devices) Get(ctx contractapi.TransactionContextInterface, id string) (string, error) {
	return answer(ctx, func(tx *transaction) (record.Device, error) { return tx.device(id) })
}

// List returns a page of devices.
func (*Devices) List(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, listDevices)
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

// ownDevice reads a device that must exist and belong to the caller's organisation.
func (tx *transaction) ownDevice(id string) (record.Device, error) {
	d, err := tx.device(id)
	if err != nil {
		return record.Device{}, err
	}
	if d.Owner != tx.caller.MSP {
		return record.Device{}, record.Errorf(record.Forbidden, "device %q belongs to %s; the caller is of %s", id, d.Owner, tx.caller.MSP)
	}
	return d, nil
}

// changeDevice stores a changed device and emits its event.
func (tx *transaction) changeDevice(name string, d record.Device) (record.Device, error) {
	d.Updated = tx.after(d.Updated)
	if err := tx.put(record.DeviceKey(d.ID), d); err != nil {
		return record.Device{}, err
	}
	return d, tx.emit(deviceEvent(name, d))
}

// register handles Register. The same request again, by the same owner, changes nothing and
// succeeds, so that a client that never learned the outcome may ask again.
func register(tx *transaction, req registerRequest) (record.Device, error) {
	digest, err := req.digest()
	if err != nil {
		return record.Device{}, err
	}
	var known record.Device
	found, err := tx.get(record.DeviceKey(req.ID), &known)
	if err != nil {
		return record.Device{}, err
	}
	if found {
		if known.Owner == tx.caller.MSP && known.Registration == digest {
			return known, nil
		}
		return record.Device{}, record.Errorf(record.AlreadyExists, "device %q is registered by %s with other content", req.ID, known.Owner)
	}
	key, err := proveKey(req.Key, req.Proof, req.ID, tx)
	if err != nil {
		return record.Device{}, err
	}
	key.From = tx.now
	d := record.Device{
		Type: record.DeviceType, Version: record.Version,
		ID: req.ID, Owner: tx.caller.MSP, Status: record.Active,
		Keys: []record.Key{key}, DeviceType: req.Type, Attributes: req.Attributes, Profile: req.Profile,
		Registration: digest, Registered: tx.now, Updated: tx.now,
	}
	return tx.changeDevice(DeviceRegistered, d)
}

// rotateKey handles RotateKey: authorised by the old key, or by a registrar with a reason.
func rotateKey(tx *transaction, req rotateRequest) (record.Device, error) {
	d, err := tx.ownDevice(req.ID)
	if err != nil {
		return record.Device{}, err
	}
	if current, open := d.CurrentKey(); open && current.Public == req.Key {
		return d, nil
	}
	if d.Status == record.Revoked {
		return record.Device{}, record.Errorf(record.Conflict, "device %q is revoked; a revoked device gets no new key", d.ID)
	}
	key, err := proveKey(req.Key, req.Proof, req.ID, tx)
	if err != nil {
		return record.Device{}, err
	}
	if req.Authorization != "" {
		if err := authorizeRotation(req.Authorization, d, key, tx); err != nil {
			return record.Device{}, err
		}
	}
	if d.Keys, err = rotate(d.Keys, key, tx.after(d.Updated), req.Reason); err != nil {
		return record.Device{}, err
	}
	return tx.changeDevice(DeviceKeyRotated, d)
}

// suspend handles Suspend.
func suspend(tx *transaction, req statusRequest) (record.Device, error) {
	return changeStatus(tx, req, record.Suspended, DeviceSuspended)
}

// resume handles Resume.
func resume(tx *transaction, req statusRequest) (record.Device, error) {
	return changeStatus(tx, req, record.Active, DeviceResumed)
}

// changeStatus moves a device between active and suspended.
func changeStatus(tx *transaction, req statusRequest, to record.Status, name string) (record.Device, error) {
	d, err := tx.ownDevice(req.ID)
	if err != nil {
		return record.Device{}, err
	}
	if d.Status == to {
		return d, nil
	}
	if d.Status == record.Revoked {
		return record.Device{}, record.Errorf(record.Conflict, "device %q is revoked; revocation is final", d.ID)
	}
	d.Status, d.StatusReason = to, req.Reason
	return tx.changeDevice(name, d)
}

// revoke handles Revoke. The open key ends with the device.
func revoke(tx *transaction, req revokeRequest) (record.Device, error) {
	d, err := tx.ownDevice(req.ID)
	if err != nil {
		return record.Device{}, err
	}
	if d.Status == record.Revoked {
		if d.StatusReason == req.Reason && d.CompromisedSince == req.CompromisedSince {
			return d, nil
		}
		return record.Device{}, record.Errorf(record.Conflict, "device %q is already revoked, for %q", d.ID, d.StatusReason)
	}
	if req.CompromisedSince > tx.now {
		return record.Device{}, record.Errorf(record.InvalidArgument, "request: field \"compromisedSince\": lies after the transaction's time %d", tx.now)
	}
	d.Status, d.StatusReason, d.CompromisedSince = record.Revoked, req.Reason, req.CompromisedSince
	d.Keys = closeKey(d.Keys, tx.after(d.Updated), req.Reason)
	return tx.changeDevice(DeviceRevoked, d)
}
