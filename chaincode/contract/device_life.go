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
