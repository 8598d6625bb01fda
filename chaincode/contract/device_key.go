// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/reading/name"
)

// rotateKey handles RotateKey. The old key's consent is authority enough, so any bridge may
// carry it; without it a registrar of the owner answers for the reason.
func rotateKey(tx *transaction, req call.Rotation) (record.Device, error) {
	old, err := tx.rotatableDevice(req)
	if err != nil {
		return record.Device{}, err
	}
	if current, open := old.CurrentKey(); open && current.Public == req.Key {
		return old, nil
	}
	if err := rotatable(old, req); err != nil {
		return record.Device{}, err
	}
	d := old
	if d.Keys, err = tx.rotated(old.Keys, req, tx.deviceSubject(old.Name())); err != nil {
		return record.Device{}, err
	}
	return tx.changeDevice(call.DeviceKeyRotated, old, d)
}

// rotatableDevice reads the device whose key the caller may rotate by this request.
func (tx *transaction) rotatableDevice(req call.Rotation) (record.Device, error) {
	device, err := tx.named(req)
	if err != nil {
		return record.Device{}, err
	}
	if req.Authorization == "" {
		return tx.registrarsDevice(req.ID)
	}
	if err := tx.require(record.Bridge, record.Registrar); err != nil {
		return record.Device{}, err
	}
	return tx.device(device)
}

// named is what a rotation is about. Only the consent of the key itself moves another organisation's.
func (tx *transaction) named(req call.Rotation) (name.Name, error) {
	owner := req.Owner
	if owner == "" {
		owner = tx.caller.MSP
	}
	if owner != tx.caller.MSP && req.Authorization == "" {
		return name.Name{}, record.Errorf(record.Forbidden, "a key of %s is replaced for a reason by %s itself; the caller is of %s", owner, owner, tx.caller.MSP)
	}
	return name.New(owner, req.ID), nil
}

// rotatable refuses a device that is revoked or transferred, and one that is suspended unless a
// registrar gives a reason: whoever holds the key that is under suspicion must not get another one by
// it.
func rotatable(d record.Device, req call.Rotation) error {
	if d.Status == record.Suspended && req.Authorization != "" {
		return record.Errorf(record.Conflict,
			"device %s is suspended, so its key cannot authorise another; a registrar of %s can resume it, or rotate the key with a reason", d.Name(), d.Owner)
	}
	return alive(d)
}

// deviceKeyAt handles KeyAt.
func deviceKeyAt(tx *transaction, args []string) (call.DeviceKey, error) {
	named, err := parseName("device", args[0])
	if err != nil {
		return call.DeviceKey{}, err
	}
	n, err := parseNumber("time", args[1])
	if err != nil {
		return call.DeviceKey{}, err
	}
	d, err := tx.device(named)
	if err != nil {
		return call.DeviceKey{}, err
	}
	at := record.Moment{Time: int64(n)}
	status, registered := standing.DeviceStatus(d, at, nil)
	if !registered {
		return call.DeviceKey{}, record.Errorf(record.NotFound, "device %s was not registered at %d; it was at %d", named, at.Time, d.Registered.Time)
	}
	answer := call.DeviceKey{Device: named, Time: at.Time, Status: status}
	if key, open := standing.KeyAt(d.Keys, at, nil); open {
		verdict := standing.Device(d, key.ID, at, nil)
		answer.Key, answer.Standing, answer.Trusted = &key, &verdict, verdict.Trusted()
	}
	return answer, nil
}
