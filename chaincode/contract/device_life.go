// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"maps"
	"slices"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
)

// setAttributes handles SetAttributes.
func setAttributes(tx *transaction, req call.Description) (record.Device, error) {
	old, err := tx.registrarsDevice(req.ID)
	if err != nil {
		return record.Device{}, err
	}
	if err := alive(old); err != nil {
		return record.Device{}, err
	}
	d := old
	d.DeviceType, d.Attributes, d.Profile, d.ReportingPeriod = req.Type, req.Attributes, req.Profile, req.ReportingPeriod
	if d.DeviceType == old.DeviceType && maps.Equal(d.Attributes, old.Attributes) &&
		d.Profile == old.Profile && d.ReportingPeriod == old.ReportingPeriod {
		return old, nil
	}
	return tx.changeDevice(call.DeviceChanged, old, d)
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
	d := old
	d.Status, d.StatusReason = record.Suspended, req.Reason
	d.Suspensions = append(slices.Clone(old.Suspensions), record.Period{From: tx.moment()})
	return tx.changeDevice(call.DeviceSuspended, old, d)
}

// resume handles Resume.
func resume(tx *transaction, req call.StatusChange) (record.Device, error) {
	old, err := tx.registrarsDevice(req.ID)
	if err != nil || old.Status == record.Active {
		return old, err
	}
	if err := alive(old); err != nil {
		return record.Device{}, err
	}
	d := old
	d.Status, d.StatusReason = record.Active, req.Reason
	d.Suspensions = tx.endSuspension(old.Suspensions)
	return tx.changeDevice(call.DeviceResumed, old, d)
}

// endSuspension returns the suspensions with the one that lasts ended by this transaction. It widens
// rights, and so is dated not before what it ends.
func (tx *transaction) endSuspension(suspensions []record.Period) []record.Period {
	ended := slices.Clone(suspensions)
	if n := len(ended); n > 0 && ended[n-1].Until == nil {
		until := tx.moment()
		until.Time = max(until.Time, ended[n-1].From.Time)
		ended[n-1].Until = &until
	}
	return ended
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
	d := old
	d.Status, d.StatusReason, d.CompromisedSince = record.Revoked, req.Reason, req.CompromisedSince
	d.Revoked, d.Offered = &now, ""
	d.Keys = closeKey(old.Keys, now, req.Reason, 0)
	return tx.changeDevice(call.DeviceRevoked, old, d)
}

// within refuses a time before which or after which nothing is the caller's to say; 0 is none. What
// began at a time that is yet to come can be disowned from then on.
func within(field string, ms, earliest, latest int64) error {
	if ms == 0 {
		return nil
	}
	if latest = max(latest, earliest); ms < earliest || ms > latest {
		return record.Invalid(record.Faultf(field, "must be within %d and %d, in milliseconds: the time for which it can be said", earliest, latest))
	}
	return nil
}

// alive refuses a device that is revoked or transferred, which is final.
func alive(d record.Device) error {
	switch d.Status {
	case record.Revoked:
		return record.Errorf(record.Conflict, "device %s is revoked, which is final; register another", d.Name())
	case record.Transferred:
		return record.Errorf(record.Conflict, "device %s was transferred; it is %s now", d.Name(), d.TransferredTo)
	default:
		return nil
	}
}
