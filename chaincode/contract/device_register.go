// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"fmt"

	"github.com/anchorline/anchorline/chaincode/record"
)

// maxBatch is the number of devices that one transaction may register: a transaction must end
// long before the peer's 30 s, and its writes must fit into a block.
const maxBatch = 200

// registerRequest is the request of Register.
type registerRequest struct {
	ID         string            `json:"id"`
	Key        string            `json:"key"`
	Proof      string            `json:"proof"`
	Type       string            `json:"type,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Profile    string            `json:"profile,omitempty"`
}

func (r registerRequest) validate() error {
	return record.First(
		record.CheckName("id", r.ID),
		checkToken("key", r.Key),
		checkToken("proof", r.Proof),
		optional("type", r.Type, record.CheckName),
		record.CheckAttributes("attributes", r.Attributes),
		optional("profile", r.Profile, record.CheckHash),
	)
}

// digest returns SHA-256 of what the request says about the device. The proof is left out: an
// ECDSA signature differs each time it is made.
func (r registerRequest) digest() (string, error) {
	r.Proof = ""
	return digest(r)
}

// registerManyRequest is the request of RegisterMany.
type registerManyRequest struct {
	Devices []registerRequest `json:"devices"`
}

func (r registerManyRequest) validate() error {
	if n := len(r.Devices); n == 0 || n > maxBatch {
		return fmt.Errorf("field \"devices\": must have 1 to %d elements", maxBatch)
	}
	seen := map[string]bool{}
	for i, d := range r.Devices {
		if err := d.validate(); err != nil {
			return fmt.Errorf("devices[%d]: %w", i, err)
		}
		if seen[d.ID] {
			return fmt.Errorf("devices[%d]: field \"id\": %q comes twice", i, d.ID)
		}
		seen[d.ID] = true
	}
	return nil
}

// registeredMany is the result of RegisterMany: the ids that are new, and those that were
// registered with the same content before. They are in the order of the request.
type registeredMany struct {
	Registered []string `json:"registered"`
	Unchanged  []string `json:"unchanged"`
}

// register handles Register. The same request again, by the same owner, changes nothing and
// succeeds, so that a client that never learned the outcome may ask again.
func register(tx *transaction, req registerRequest) (record.Device, error) {
	if err := tx.require(record.Registrar); err != nil {
		return record.Device{}, err
	}
	d, isNew, err := registerOne(tx, req)
	if err != nil || !isNew {
		return d, err
	}
	return d, tx.emit(deviceEvent(DeviceRegistered, d))
}

// registerMany handles RegisterMany.
func registerMany(tx *transaction, req registerManyRequest) (registeredMany, error) {
	if err := tx.require(record.Registrar); err != nil {
		return registeredMany{}, err
	}
	result := registeredMany{Registered: []string{}, Unchanged: []string{}}
	for i, one := range req.Devices {
		_, isNew, err := registerOne(tx, one)
		if err != nil {
			return registeredMany{}, record.Errorf(record.CodeOf(err), "devices[%d]: %s", i, messageOf(err))
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
	return result, tx.emit(Event{
		Name: DevicesRegistered, ID: result.Registered[0], Owner: tx.caller.MSP, Devices: result.Registered,
	})
}

// registerOne stores a device, unless the same is stored already, and reports whether it did.
func registerOne(tx *transaction, req registerRequest) (record.Device, bool, error) {
	digest, err := req.digest()
	if err != nil {
		return record.Device{}, false, err
	}
	known, found, err := tx.registered(req.ID, tx.caller.MSP, digest)
	if err != nil || found {
		return known, false, err
	}
	key, err := proveKey(req.Key, req.Proof, tx.deviceSubject(req.ID, tx.caller.MSP))
	if err != nil {
		return record.Device{}, false, err
	}
	d := tx.newDevice(req.ID, tx.caller.MSP, key)
	d.DeviceType, d.Attributes, d.Profile, d.Registration = req.Type, req.Attributes, req.Profile, digest
	return d, true, tx.createDevice(d)
}

// registered returns the device if it was registered by this request, and refuses any other
// device of this id.
func (tx *transaction) registered(id, owner, digest string) (record.Device, bool, error) {
	var known record.Device
	found, err := tx.get(record.DeviceKey(id), &known)
	if err != nil || !found {
		return record.Device{}, false, err
	}
	if known.Owner != owner || known.Registration != digest {
		return record.Device{}, false, record.Errorf(record.AlreadyExists, "device %q is registered by %s with other content", id, known.Owner)
	}
	return known, true, nil
}

// newDevice makes an active device with its first key.
func (tx *transaction) newDevice(id, owner string, key record.Key) record.Device {
	key.From = tx.now
	return record.Device{
		Type: record.DeviceType, Version: record.Version,
		ID: id, Owner: owner, Status: record.Active, Keys: []record.Key{key},
		Registered: tx.now, Updated: tx.now,
	}
}
