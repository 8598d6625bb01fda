// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
)

// deviceEvent is the event of a change to a device.
func deviceEvent(name string, d record.Device) call.Event {
	return call.Event{Name: name, ID: d.ID, Owner: d.Owner, Device: &d}
}

// streamEvent is the event of a change to a stream.
func streamEvent(name string, s record.Stream) call.Event {
	return call.Event{Name: name, ID: s.ID, Owner: s.Owner, Stream: &s}
}
