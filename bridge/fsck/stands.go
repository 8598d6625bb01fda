// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"fmt"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
)

// notStanding says why a device or its key did not stand, in the same words for every batch, so that one
// fault is told once.
func notStanding(d record.Device, key string, reason standing.Reason) string {
	switch reason {
	case standing.NotRegistered:
		return "the batch was anchored before the device was registered, on " + clock(d.Registered.Time)
	case standing.Suspended:
		return "the batch was anchored while the device was suspended"
	case standing.Revoked:
		return "the batch was anchored after the device was revoked, on " + when(d.Revoked)
	case standing.Transferred:
		return fmt.Sprintf("the batch was anchored after the device was transferred, on %s; it is %s since", when(d.Transferred), d.TransferredTo)
	default:
		return keyNotStanding(d.Keys, key, reason)
	}
}

func keyNotStanding(keys []record.Key, id string, reason standing.Reason) string {
	k, _ := record.FindKey(keys, id)
	switch reason {
	case standing.KeyNotYet:
		return fmt.Sprintf("the batch was anchored before key %s was put in, on %s", id, clock(k.From.Time))
	case standing.KeyEnded:
		return fmt.Sprintf("the batch was anchored more than %s after key %s ended, on %s", standing.Grace, id, when(k.Until))
	case standing.KeyReplaced:
		return fmt.Sprintf("the batch was anchored after key %s was replaced, on %s, for this reason: %s", id, when(k.Until), k.Reason)
	default:
		return fmt.Sprintf("key %s did not stand when the batch was anchored (%s)", id, reason)
	}
}

func when(m *record.Moment) string {
	if m == nil {
		return "an unknown day"
	}
	return clock(m.Time)
}

// disowning says what an owner said of a key or a device later.
func disowning(r standing.Repudiation) string {
	return fmt.Sprintf("%s said on %s that nothing since %s is to be trusted: %s", r.By, clock(r.At.Time), clock(r.Since), r.Reason)
}
