// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"context"
	"fmt"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// A judge is what is known of devices and their keys at one anchor.
type judge struct {
	worker   *worker
	entry    record.AnchorEntry
	devices  map[name.Name]*device
	verdicts map[vouch]standing.Verdict
}

// vouch is a device with one of its keys.
type vouch struct {
	device name.Name
	key    cose.KeyID
}

// checkReadings verifies each reading, and what the anchor says of their times.
func (w *worker) checkReadings(ctx context.Context, b *archive.Batch, o *outcome) error {
	j := &judge{worker: w, entry: o.entry, devices: map[name.Name]*device{}, verdicts: map[vouch]standing.Verdict{}}
	o.readings = make([]reference, 0, len(b.Entries))
	var received, measured times
	for i, e := range b.Entries {
		received.include(max(0, e.Received)) // a clock before 1970 has no place in an anchor
		parsed, err := reading.Parse(e.Reading)
		if err != nil {
			o.faults.add(ReadingFormat, "entry %d is not a reading: %v", i, err)
			o.whole = false
			continue
		}
		claims := parsed.Claims()
		measured.include(claims.Time)
		r := reference{claims.Device, claims.Sequence}
		o.readings = append(o.readings, r)
		if err := j.reading(ctx, parsed, r, o); err != nil {
			return err
		}
	}
	if a := o.entry.Anchor; o.whole {
		if received.Span != a.BridgeTime {
			o.faults.add(BatchBridge, "the anchor says that the bridge received the readings from %s; in the archive it is %s",
				between(a.BridgeTime), between(received.Span))
		}
		if measured.Span != a.DeviceTime {
			o.faults.add(BatchDevice, "the anchor says that the devices' clocks went from %s; in the readings it is %s",
				between(a.DeviceTime), between(measured.Span))
		}
	}
	return nil
}

func between(s record.Span) string { return clock(s.First) + " to " + clock(s.Last) }

// reading judges one reading.
func (j *judge) reading(ctx context.Context, parsed *reading.Reading, r reference, o *outcome) error {
	d, err := j.device(ctx, r.device)
	if err != nil {
		return err
	}
	if !d.registered {
		o.faults.reading(ReadingDevice, r, "the device is not registered on the ledger")
		return nil
	}
	id := parsed.KeyID()
	key, known := d.keys[id]
	if !known {
		o.faults.reading(ReadingKey, r, fmt.Sprintf("key %s, which the readings name, is not a key of the device", id))
		return nil
	}
	if parsed.Verify(key) != nil {
		o.faults.reading(ReadingSigned, r, fmt.Sprintf("the readings are not signed by key %s, which they name", id))
		return nil
	}
	v, err := j.verdict(ctx, d, vouch{r.device, id})
	switch {
	case err != nil:
		return err
	case !v.Stood():
		o.faults.reading(ReadingStands, r, notStanding(d.record, id.String(), v.Reason))
	case !v.Trusted():
		sum := o.repudiated[r.device]
		sum.readings++
		sum.why = disowning(*v.Repudiated)
		o.repudiated[r.device] = sum
	}
	return nil
}

// device asks the registry once for each device of the batch.
func (j *judge) device(ctx context.Context, n name.Name) (*device, error) {
	if d := j.devices[n]; d != nil {
		return d, nil
	}
	d, err := j.worker.devices.get(ctx, n)
	if err == nil {
		j.devices[n] = d
	}
	return d, err
}

// verdict judges each key once for the batch.
func (j *judge) verdict(ctx context.Context, d *device, of vouch) (standing.Verdict, error) {
	if v, known := j.verdicts[of]; known {
		return v, nil
	}
	order, failed := j.worker.order.at(ctx, j.entry)
	v := standing.Device(d.record, of.key.String(), moment(j.entry), order)
	if err := failed(); err != nil {
		return v, err
	}
	j.verdicts[of] = v
	return v, nil
}

func moment(e record.AnchorEntry) record.Moment { return record.Moment{Time: e.LedgerTime, Tx: e.TxID} }
