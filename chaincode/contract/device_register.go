// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"fmt"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// register handles Register. The same request again changes nothing and succeeds, so that a client
// that never learned the outcome may ask again.
func register(tx *transaction, req call.Registration) (record.Device, error) {
	if err := tx.require(record.Registrar); err != nil {
		return record.Device{}, err
	}
	d, isNew, err := registerOne(tx, req)
	if err != nil || !isNew {
		return d, err
	}
	return d, tx.emit(deviceEvent(call.DeviceRegistered, d))
}

// registerMany handles RegisterMany.
func registerMany(tx *transaction, req call.Registrations) (call.Registered, error) {
	if err := tx.require(record.Registrar); err != nil {
		return call.Registered{}, err
	}
	result := call.Registered{Registered: []string{}, Unchanged: []string{}}
	for i, one := range req.Devices {
		_, isNew, err := registerOne(tx, one)
		if err != nil {
			return call.Registered{}, record.Refused(record.CodeOf(err), fmt.Sprintf("devices[%d]", i), err)
		}
		if isNew {
			result.Registered = append(result.Registered, one.ID)
		} else {
			result.Unchanged = append(result.Unchanged, one.ID)
		}
	}
	if len(result.Registered) == 0 {
		return result, nil
	}
	return result, tx.emit(call.Event{
		Name: call.DevicesRegistered, ID: result.Registered[0], Owner: tx.caller.MSP, Devices: result.Registered,
	})
}

// registerOne stores a device, unless the same is stored already, and reports whether it did.
func registerOne(tx *transaction, req call.Registration) (record.Device, bool, error) {
	// The proof is left out: an ECDSA signature differs each time it is made.
	content := req
	content.Proof = ""
	digest, err := digest(content)
	if err != nil {
		return record.Device{}, false, err
	}
	device := name.New(tx.caller.MSP, req.ID)
	known, found, err := tx.registered(device, digest)
	if err != nil || found {
		return known, false, err
	}
	key, err := proveKey(req.Key, req.Proof, tx.deviceSubject(device))
	if err != nil {
		return record.Device{}, false, err
	}
	d := tx.newDevice(device, key)
	d.DeviceType, d.Attributes, d.Profile, d.Registration = req.Type, req.Attributes, req.Profile, digest
	d.ReportingPeriod = req.ReportingPeriod
	return d, true, tx.putDevice(nil, d)
}

// registered returns the device if it was registered by this request, and refuses any other
// device of this name.
func (tx *transaction) registered(device name.Name, digest string) (record.Device, bool, error) {
	known, err := tx.device(device)
	if record.CodeOf(err) == record.NotFound {
		return record.Device{}, false, nil
	}
	if err != nil {
		return record.Device{}, false, err
	}
	if known.Status == record.Transferred {
		return record.Device{}, false, record.Errorf(record.AlreadyExists, "device %s was transferred; it is %s now", device, known.TransferredTo)
	}
	if known.Registration != digest {
		return record.Device{}, false, record.Errorf(record.AlreadyExists, "device %s is registered with other content", device)
	}
	return known, true, nil
}

// newDevice makes an active device with its first key.
func (tx *transaction) newDevice(device name.Name, key record.Key) record.Device {
	now := tx.moment()
	key.From = now
	return record.Device{
		Type: record.DeviceType, Version: record.Version,
		Owner: device.Owner, ID: device.ID, Status: record.Active, Keys: []record.Key{key},
		Registered: now, Updated: now,
	}
}
