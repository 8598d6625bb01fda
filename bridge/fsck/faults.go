// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"fmt"

	"github.com/anchorline/anchorline/reading/name"
)

// faults are those of one batch.
type faults struct {
	stream name.Name
	batch  uint64
	list   []Fault
	index  map[faultKey]int // of those about readings
}

// A faultKey is what is the same of many readings with one fault.
type faultKey struct {
	check  ID
	device name.Name
	what   string
}

// add notes a fault of the batch.
func (f *faults) add(check ID, format string, args ...any) {
	f.list = append(f.list, Fault{
		Stream: f.stream, Check: check, Batches: Range{f.batch, f.batch}, What: fmt.Sprintf(format, args...),
	})
}

// reading notes a fault of a reading: one fault for all readings of a device that have it.
func (f *faults) reading(check ID, r reference, what string) {
	k := faultKey{check, r.device, what}
	at, known := f.index[k]
	if !known {
		if f.index == nil {
			f.index = map[faultKey]int{}
		}
		at = len(f.list)
		f.index[k] = at
		f.add(check, "%s", what)
		f.list[at].Device = r.device
	}
	fault := &f.list[at]
	fault.Readings++
	if r.sequence != 0 {
		fault.Numbers = appendRun(fault.Numbers, Range{r.sequence, r.sequence}, maxNumbers)
	}
}

// note keeps a fault: with the one before, if that is the same of the batch before, else by itself while
// there is room.
func (c *Checkpoint) note(f Fault) {
	for i := len(c.Faults) - 1; i >= 0 && i >= len(c.Faults)-mergeDepth; i-- {
		if last := &c.Faults[i]; last.follows(f) {
			last.Batches.To = f.Batches.To
			last.Readings += f.Readings
			for _, r := range f.Numbers {
				last.Numbers = appendRun(last.Numbers, r, maxNumbers)
			}
			return
		}
	}
	if len(c.Faults) >= MaxFaults {
		c.Omitted++
		return
	}
	c.Faults = append(c.Faults, f)
}

// mergeDepth is how many faults back the same one is looked for: a batch can have several.
const mergeDepth = 64

// follows reports whether f is the same fault in the next batch.
func (f *Fault) follows(next Fault) bool {
	return f.Stream == next.Stream && f.Check == next.Check && f.Device == next.Device && f.What == next.What &&
		f.Batches.To+1 == next.Batches.From
}

// fault notes what is only of now.
func (e *ending) fault(stream name.Name, check ID, batch uint64, format string, args ...any) {
	e.faults = append(e.faults, Fault{Stream: stream, Check: check, Batches: Range{batch, batch}, What: fmt.Sprintf(format, args...)})
}
