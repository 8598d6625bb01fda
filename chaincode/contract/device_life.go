// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"
	"maps"
	"slices"

	"github.com/anchorline/anchorline/chaincode/record"
)

// attributesRequest is the request of SetAttributes. What it leaves out is removed.
type attributesRequest struct {
	ID         string            `json:"id"`
	Type       string            `json:"type,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Profile    string            `json:"profile,omitempty"`
}

func (r attributesRequest) validate() error {
	return record.First(
		record.CheckName("id", r.ID),
		optional("type", r.Type, record.CheckName),
		record.CheckAttributes("attributes", r.Attributes),
		optional("profile", r.Profile, record.CheckHash),
	)
}

// rotateRequest is the request of RotateKey: either authorization or reason is given.
type rotateRequest struct {
	ID            string `json:"id"`
	Key           string `json:"key"`
	Proof         string `json:"proof"`
	Authorization string `json:"authorization,omitempty"`
	Reason        string `json:"reason,omitempty"`
}

func (r rotateRequest) validate() error {
	if (r.Authorization == "") == (r.Reason == "") {
		return errors.New("give either \"authorization\", signed by the old key, or a \"reason\" why there is none")
	}
	return record.First(
		record.CheckName("id", r.ID),
		checkToken("key", r.Key),
		checkToken("proof", r.Proof),
		optional("authorization", r.Authorization, checkToken),
		optional("reason", r.Reason, checkReason),
	)
}

// statusRequest is the request of Suspend and Resume.
type statusRequest struct {
	ID     string `json:"id"`
	Reason string `json:"reason,omitempty"`
}

func (r statusRequest) validate() error {
	return record.First(record.CheckName("id", r.ID), optional("reason", r.Reason, checkReason))
}

// revokeRequest is the request of Revoke.
type revokeRequest struct {
	ID               string `json:"id"`
	Reason           string `json:"reason"`
	CompromisedSince int64  `json:"compromisedSince,omitempty"`
}

func (r revokeRequest) validate() error {
	return record.First(
		record.CheckName("id", r.ID),
		checkReason("reason", r.Reason),
		record.CheckTime("compromisedSince", r.CompromisedSince),
	)
}

// setAttributes handles SetAttributes.
func setAttributes(tx *transaction, req attributesRequest) (record.Device, error) {
	old, err := tx.registrarsDevice(req.ID)
	if err != nil {
		return record.Device{}, err
	}
	if err := alive(old); err != nil {
		return record.Device{}, err
	}
	d := old
	d.DeviceType, d.Attributes, d.Profile = req.Type, req.Attributes, req.Profile
	if d.DeviceType == old.DeviceType && maps.Equal(d.Attributes, old.Attributes) && d.Profile == old.Profile {
		return old, nil
	}
	return tx.changeDevice(DeviceChanged, old, d)
}

// rotateKey handles RotateKey. The old key's consent is authority enough, so any bridge may
// carry it; without it a registrar of the owner answers for the reason.
func rotateKey(tx *transaction, req rotateRequest) (record.Device, error) {
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
	key, err := proveKey(req.Key, req.Proof, tx.deviceSubject(old.ID, old.Owner))
	if err != nil {
		return record.Device{}, err
	}
	if req.Authorization != "" {
		if err := authorizeRotation(req.Authorization, old.Keys, tx.deviceSubject(old.ID, old.Owner), key); err != nil {
			return record.Device{}, err
		}
	}
	d := old
	if d.Keys, err = rotate(old.Keys, key, tx.after(old.Updated), req.Reason); err != nil {
		return record.Device{}, err
	}
	return tx.changeDevice(DeviceKeyRotated, old, d)
}

// rotatableDevice reads the device whose key the caller may rotate by this request.
func (tx *transaction) rotatableDevice(req rotateRequest) (record.Device, error) {
	if req.Authorization == "" {
		return tx.registrarsDevice(req.ID)
	}
	if err := tx.require(record.Bridge, record.Registrar); err != nil {
		return record.Device{}, err
	}
	return tx.device(req.ID)
}

// rotatable refuses a device that is revoked, and one that is suspended unless a registrar gives
// a reason: whoever holds the key that is under suspicion must not get another one by it.
func rotatable(d record.Device, req rotateRequest) error {
	if d.Status == record.Suspended && req.Authorization != "" {
		return record.Errorf(record.Conflict,
			"device %q is suspended, so its key cannot authorise another; a registrar of %s can resume it, or rotate the key with a reason", d.ID, d.Owner)
	}
	return alive(d)
}

// suspend handles Suspend.
func suspend(tx *transaction, req statusRequest) (record.Device, error) {
	old, err := tx.registrarsDevice(req.ID)
	if err != nil || old.Status == record.Suspended {
		return old, err
	}
	if err := alive(old); err != nil {
		return record.Device{}, err
	}
	if len(old.Suspensions) >= record.MaxSuspensions {
		return record.Device{}, record.Errorf(record.Conflict, "device %q was suspended %d times, which is the most there can be", old.ID, len(old.Suspensions))
	}
	d := old
	d.Status, d.StatusReason = record.Suspended, req.Reason
	d.Suspensions = append(slices.Clone(old.Suspensions), record.Period{From: tx.after(old.Updated)})
	return tx.changeDevice(DeviceSuspended, old, d)
}

// resume handles Resume.
func resume(tx *transaction, req statusRequest) (record.Device, error) {
	old, err := tx.registrarsDevice(req.ID)
	if err != nil || old.Status == record.Active {
		return old, err
	}
	if err := alive(old); err != nil {
		return record.Device{}, err
	}
	d := old
	d.Status, d.StatusReason = record.Active, req.Reason
	d.Suspensions = endSuspension(old.Suspensions, tx.after(old.Updated))
	return tx.changeDevice(DeviceResumed, old, d)
}

// revoke handles Revoke. The open key ends with the device.
func revoke(tx *transaction, req revokeRequest) (record.Device, error) {
	old, err := tx.registrarsDevice(req.ID)
	if err != nil {
		return record.Device{}, err
	}
	if old.Status == record.Revoked && old.StatusReason == req.Reason && old.CompromisedSince == req.CompromisedSince {
		return old, nil
	}
	if err := alive(old); err != nil {
		return record.Device{}, err
	}
	at := tx.after(old.Updated)
	if req.CompromisedSince > at {
		return record.Device{}, invalid("compromisedSince", errors.New("lies after the revocation itself"))
	}
	d := old
	d.Status, d.StatusReason, d.CompromisedSince = record.Revoked, req.Reason, req.CompromisedSince
	d.Revoked, d.Offered = at, ""
	d.Keys = closeKey(old.Keys, at, req.Reason)
	d.Suspensions = endSuspension(old.Suspensions, at)
	return tx.changeDevice(DeviceRevoked, old, d)
}

// alive refuses a device that is revoked: revocation is final.
func alive(d record.Device) error {
	if d.Status == record.Revoked {
		return record.Errorf(record.Conflict, "device %q is revoked, which is final; register another", d.ID)
	}
	return nil
}

// endSuspension returns the suspensions with the one that lasts ended at a time.
func endSuspension(suspensions []record.Period, at int64) []record.Period {
	ended := slices.Clone(suspensions)
	if n := len(ended); n > 0 && ended[n-1].Until == 0 {
		ended[n-1].Until = at
	}
	return ended
}
