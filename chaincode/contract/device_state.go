// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"slices"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// device reads a device that must exist, as it is with its owner's stop.
func (tx *transaction) device(n name.Name) (record.Device, error) {
	var d record.Device
	found, err := tx.get(record.DeviceKey(n), &d)
	if err != nil {
		return record.Device{}, err
	}
	if !found {
		return record.Device{}, record.Errorf(record.NotFound, "device %s is not registered", n)
	}
	if d.Name() != n { // its owner's peers alone may have written it, whatever chaincode they run
		return record.Device{}, record.Errorf(record.Internal, "the record of device %s says that it is %s", n, d.Name())
	}
	s, err := tx.stop(n)
	return d.With(s), err
}

// registrarsDevice reads a device of the caller's organisation, in which the caller must be a
// registrar. No other organisation's can be named.
func (tx *transaction) registrarsDevice(id string) (record.Device, error) {
	if err := tx.require(record.Registrar); err != nil {
		return record.Device{}, err
	}
	return tx.device(name.New(tx.caller.MSP, id))
}

// changeDevice stores a changed device, brings the indexes up to date and emits the event.
func (tx *transaction) changeDevice(event string, old, d record.Device) (record.Device, error) {
	d.Updated = tx.moment()
	if err := tx.putDevice(&old, d); err != nil {
		return record.Device{}, err
	}
	return d, tx.emit(deviceEvent(event, d))
}

// putDevice writes a device, new when old is nil, and those of its index entries that differ from the
// old device's.
func (tx *transaction) putDevice(old *record.Device, d record.Device) error {
	if err := tx.put(record.DeviceKey(d.Name()), d, d.Owner); err != nil {
		return err
	}
	if err := tx.prepareStop(d.Name()); err != nil {
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
		if slices.Contains(before, key) {
			continue
		}
		if err := tx.index(key, d.Owner); err != nil {
			return err
		}
	}
	return nil
}

// getDevice handles devices:Get.
func getDevice(tx *transaction, args []string) (record.Device, error) {
	n, err := parseName("device", args[0])
	if err != nil {
		return record.Device{}, err
	}
	return tx.device(n)
}
