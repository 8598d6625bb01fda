// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// stop reads the stop of a device, an empty one when there is none or when it cannot be used: its owner's
// peers alone write it, so whoever spoils it spoils its own stop and nothing else.
func (tx *transaction) stop(device name.Name) (record.Stop, error) {
	values, err := tx.getMany([]string{record.StopKey(device)})
	if err != nil {
		return record.Stop{}, err
	}
	tx.present[record.StopKey(device)] = values[0] != nil
	return readStop(device, values[0]), nil
}

// readStop is the stop that is stored for a device, an empty one when it cannot be used.
func readStop(device name.Name, value []byte) record.Stop {
	none := record.Stop{Type: record.StopType, Version: record.Version, Owner: device.Owner, ID: device.ID}
	if value == nil {
		return none
	}
	var s record.Stop
	if err := decodeState(record.StopKey(device), value, &s); err != nil || s.Validate() != nil || s.Name() != device {
		return none
	}
	return s
}

// stopped returns devices, in their order, with their owners' stops.
func (tx *transaction) stopped(devices []record.Device) ([]record.Device, error) {
	if len(devices) == 0 {
		return devices, nil
	}
	keys := make([]string, len(devices))
	for i, d := range devices {
		keys[i] = record.StopKey(d.Name())
	}
	values, err := tx.getMany(keys)
	if err != nil {
		return nil, err
	}
	merged := make([]record.Device, len(devices))
	for i, d := range devices {
		merged[i] = d.With(readStop(d.Name(), values[i]))
	}
	return merged, nil
}

// prepareStop writes the empty stop of a device that has none, so that from then on its owner's peers
// suffice to stop it. One that is older than the terms is guarded from now on.
func (tx *transaction) prepareStop(device name.Name) error {
	s, err := tx.stop(device)
	if err != nil {
		return err
	}
	if !tx.present[record.StopKey(device)] {
		return tx.putOwn(record.StopKey(device), s, device.Owner)
	}
	return tx.guardOwn(record.StopKey(device), device.Owner)
}

// putOwn writes a stop. It is the owner's alone to change: a stop narrows rights, and whoever is left
// to the others' consent to narrow its own could be kept from it.
func (tx *transaction) putOwn(key string, stop any, owner string) error {
	terms, err := tx.consortium()
	if err != nil {
		return err
	}
	if terms == nil {
		return tx.put(key, stop, owner)
	}
	return tx.putGuarded(key, stop, []string{owner})
}

// guardOwn has the owner alone guard a key that is there, as soon as there are terms.
func (tx *transaction) guardOwn(key, owner string) error {
	terms, err := tx.consortium()
	if err != nil || terms == nil {
		return err
	}
	policy, err := everyPolicy([]string{owner})
	if err != nil {
		return err
	}
	return tx.guard(key, policy)
}

// stopDevice stores what a stop says now and announces the device as it is with it.
func (tx *transaction) stopDevice(event string, old record.Device, s record.Stop) (record.Device, error) {
	if err := tx.putOwn(record.StopKey(s.Name()), s, s.Owner); err != nil {
		return record.Device{}, err
	}
	d := old.With(s)
	return d, tx.emit(deviceEvent(event, d))
}

// suspend handles Suspend.
func suspend(tx *transaction, req call.StatusChange) (record.Device, error) {
	old, err := tx.registrarsDevice(req.ID)
	if err != nil || old.Status == record.Suspended {
		return old, err
	}
	if err := alive(old); err != nil {
		return record.Device{}, err
	}
	if len(old.Suspensions) >= record.MaxSuspensions {
		return record.Device{}, record.Errorf(record.Conflict, "device %s was suspended %d times, which is the most there can be", old.Name(), len(old.Suspensions))
	}
	s, err := tx.stop(old.Name())
	if err != nil {
		return record.Device{}, err
	}
	now := tx.moment()
	s.Suspended, s.Reason = &now, req.Reason
	return tx.stopDevice(call.DeviceSuspended, old, s)
}

// revoke handles Revoke. The open key ends with the device. The former owner of a transferred device
// may still revoke it, to say that it must not be trusted from a time on at which it was theirs.
func revoke(tx *transaction, req call.Revocation) (record.Device, error) {
	old, err := tx.registrarsDevice(req.ID)
	if err != nil {
		return record.Device{}, err
	}
	if old.Status == record.Revoked {
		if old.StatusReason == req.Reason && old.CompromisedSince == req.CompromisedSince {
			return old, nil
		}
		return record.Device{}, alive(old)
	}
	now, latest := tx.moment(), tx.now
	if old.Transferred != nil {
		if req.CompromisedSince == 0 {
			return record.Device{}, record.Invalid(record.Faultf("compromisedSince", "is required: the device was transferred to %s", old.TransferredTo))
		}
		latest = old.Transferred.Time
	}
	if err := within("compromisedSince", req.CompromisedSince, old.Registered.Time, latest); err != nil {
		return record.Device{}, err
	}
	s, err := tx.stop(old.Name())
	if err != nil {
		return record.Device{}, err
	}
	s.Revoked, s.Reason, s.CompromisedSince = &now, req.Reason, req.CompromisedSince
	return tx.stopDevice(call.DeviceRevoked, old, s)
}
