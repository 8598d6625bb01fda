// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"

	"github.com/anchorline/anchorline/bridge/quarantine"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/reading"
)

// ReasonDamaged is that of an accepted reading that the disk did not give back as it was stored. It is not
// anchored; when its device sends it again it is accepted.
const ReasonDamaged = "damaged"

// withdraw moves an accepted reading to the quarantine before it is in a batch, and forgets that it was
// accepted: what its device sends under the number next is judged anew. r is nil for a damaged one.
func (w *writer) withdraw(position uint64, v []byte, r *reading.Reading, o objection) error {
	a := quarantine.Arrival{Reason: o.reason, Detail: o.detail, Accepted: true}
	if len(v) >= rowHead {
		a.Received, a.Payload = int64(number(v)), bytes.Clone(v[rowHead:])
	}
	if r != nil {
		a.Topic = mqtt.ReadingsTopic(r.Claims().Device)
	}
	w.refused = append(w.refused, a)
	w.books.withdrawn(o.reason)
	w.since.Quarantined++
	if err := w.forget(position, r); err != nil {
		return err
	}
	return w.tx.Bucket(bucketReadings).Delete(key(position))
}

// forget removes what is kept of the reading at a position. Of a damaged one the device is not known, so
// all that is kept is looked through: that is rare.
func (w *writer) forget(position uint64, r *reading.Reading) error {
	seen := w.tx.Bucket(bucketSeen)
	if r != nil {
		return seen.Delete(deviceKey(r.Claims().Device, r.Claims().Sequence))
	}
	c := seen.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if _, at, err := parseSeen(v); err == nil && at == position {
			return seen.Delete(bytes.Clone(k))
		}
	}
	return nil
}
