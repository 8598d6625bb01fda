// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/anchorline/anchorline/reading/name"
)

// Answer is what can be said of a question.
type Answer string

// The answers.
const (
	Proven     Answer = "proven"
	Refuted    Answer = "refuted"
	CannotTell Answer = "cannot tell"
)

// A Run is a run of sequence numbers, both ends included.
type Run struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// String writes one number or two.
func (r Run) String() string {
	if r.From == r.To {
		return fmt.Sprint(r.From)
	}
	return fmt.Sprintf("%d to %d", r.From, r.To)
}

// A Silence is a time in which a device that should have reported did not, by its own clock, in
// milliseconds. It is after reading After.
type Silence struct {
	After uint64 `json:"after"`
	From  int64  `json:"from"`
	Until int64  `json:"until"`
}

// Finding is one of the three verdicts on a range of a device's readings.
type Finding struct {
	Answer Answer   `json:"answer"`
	Detail string   `json:"detail"`
	Faults []string `json:"faults,omitempty"`
}

// Completeness is the verdict on a range of a device's readings. The three findings are independent
// of each other.
type Completeness struct {
	Device   name.Name `json:"device"`
	Asked    Run       `json:"asked"`
	Readings int       `json:"readings"` // proven, within the range
	// Integrity: every reading that was handed in is proven, and no two contradict each other.
	Integrity Finding `json:"integrity"`
	// Completeness: the proven readings' sequence numbers run without a hole.
	Completeness Finding `json:"completeness"`
	Holes        []Run   `json:"holes"`
	// Coverage: the device was never silent for longer than its registered reporting period.
	Coverage Finding   `json:"coverage"`
	Silences []Silence `json:"silences"`
	// First and Last are the readings just outside the range that were proven too, 0 for none.
	First uint64 `json:"first,omitempty"`
	Last  uint64 `json:"last,omitempty"`
}

// OK reports that every reading is proven and none is missing.
func (c Completeness) OK() bool {
	return c.Integrity.Answer == Proven && c.Completeness.Answer == Proven && c.Coverage.Answer != Refuted
}

// A Range says which readings of a device are asked for.
type Range struct {
	Device name.Name
	// Numbers are the sequence numbers that are asked for.
	Numbers Run
	// ReportingPeriod is the device's registered one in milliseconds, 0 for none.
	ReportingPeriod int64
}

// Complete judges a range by the reports of its readings' statements, those just outside it among
// them, in any order. What is missing follows from the numbers that the device itself signed, never
// from what a bridge says is missing.
func Complete(q Range, reports []*Report) Completeness {
	c := Completeness{Device: q.Device, Asked: q.Numbers, Holes: []Run{}, Silences: []Silence{}}
	good := c.integrity(q, reports)
	c.holes(q, good)
	c.coverage(q, good)
	return c
}

// integrity sorts out the readings that are proven, one per sequence number, in their order.
func (c *Completeness) integrity(q Range, reports []*Report) []*Report {
	var good []*Report
	bySequence := map[uint64]*Report{}
	fault := func(format string, args ...any) {
		c.Integrity.Faults = append(c.Integrity.Faults, fmt.Sprintf(format, args...))
	}
	unproven := 0
	for _, r := range reports {
		if r.Device != q.Device {
			fault("reading %d is of device %s", r.Sequence, r.Device)
			continue
		}
		if err := r.Err(); err != nil {
			if r.Refuted() {
				fault("reading %d: %v", r.Sequence, err)
			} else {
				unproven++
			}
			continue
		}
		if t := r.Clocks.Device; t < r.Anchor.DeviceTime.First || t > r.Anchor.DeviceTime.Last {
			fault("reading %d says %s, its anchor claims device times from %s to %s", r.Sequence, clock(t), clock(r.Anchor.DeviceTime.First), clock(r.Anchor.DeviceTime.Last))
		}
		if other := bySequence[r.Sequence]; other != nil {
			c.twice(other, r, fault)
			continue
		}
		bySequence[r.Sequence] = r
		good = append(good, r)
	}
	slices.SortFunc(good, func(a, b *Report) int { return cmp.Compare(a.Sequence, b.Sequence) })
	switch {
	case len(c.Integrity.Faults) > 0:
		c.Integrity.Answer, c.Integrity.Detail = Refuted, fmt.Sprintf("%d faults", len(c.Integrity.Faults))
	case unproven > 0 || len(good) == 0:
		c.Integrity.Answer, c.Integrity.Detail = CannotTell, fmt.Sprintf("%d of %d readings lack evidence", unproven, len(reports))
	default:
		c.Integrity.Answer, c.Integrity.Detail = Proven, fmt.Sprintf("each of %d readings is signed by the device, anchored and attested", len(good))
	}
	return good
}

// twice says what it means that a sequence number is there twice.
func (c *Completeness) twice(a, b *Report, fault func(string, ...any)) {
	where := fmt.Sprintf("batch %d of stream %s and batch %d of stream %s", a.Number, a.Stream, b.Number, b.Stream)
	switch {
	case a.Reading.ContentHash() != b.Reading.ContentHash():
		fault("the device signed two contents as reading %d: in %s", a.Sequence, where)
	case a.Stream != b.Stream || a.Number != b.Number || a.Index != b.Index:
		fault("reading %d was anchored twice: in %s", a.Sequence, where)
	default: // the same statement, handed in twice
	}
}

// holes finds the numbers of the range that no proven reading has.
func (c *Completeness) holes(q Range, good []*Report) {
	if q.Numbers.From == 0 || q.Numbers.To < q.Numbers.From {
		c.Completeness = Finding{Answer: CannotTell, Detail: fmt.Sprintf("%d to %d is no range of sequence numbers: they begin at 1", q.Numbers.From, q.Numbers.To)}
		return
	}
	next := q.Numbers.From
	for _, r := range good {
		switch {
		case r.Sequence < q.Numbers.From:
			c.First = max(c.First, r.Sequence)
			continue
		case r.Sequence > q.Numbers.To:
			if c.Last == 0 || r.Sequence < c.Last {
				c.Last = r.Sequence
			}
			continue
		case r.Sequence > next:
			c.Holes = append(c.Holes, Run{next, r.Sequence - 1})
		}
		c.Readings++
		next = r.Sequence + 1
	}
	if next <= q.Numbers.To {
		c.Holes = append(c.Holes, Run{next, q.Numbers.To})
	}
	if len(c.Holes) == 0 {
		c.Completeness = Finding{Answer: Proven, Detail: fmt.Sprintf("the device's own numbers %s are all there", q.Numbers)}
		return
	}
	c.Completeness = Finding{Answer: Refuted, Detail: fmt.Sprintf("missing: numbers %v", c.Holes)}
	if c.Integrity.Answer == CannotTell {
		c.Completeness.Answer = CannotTell
	}
}

// coverage finds times of silence between one reading and the next, the outside ones included.
func (c *Completeness) coverage(q Range, good []*Report) {
	if q.ReportingPeriod == 0 {
		c.Coverage = Finding{Answer: CannotTell, Detail: "no reporting period is registered for the device: nobody knows when it should have spoken"}
		return
	}
	if len(good) == 0 {
		c.Coverage = Finding{Answer: CannotTell, Detail: "no reading is proven"}
		return
	}
	for i := 1; i < len(good); i++ {
		before, after := good[i-1], good[i]
		switch long := after.Clocks.Device-before.Clocks.Device > q.ReportingPeriod; {
		case long && after.Sequence == before.Sequence+1:
			c.Silences = append(c.Silences, Silence{After: before.Sequence, From: before.Clocks.Device, Until: after.Clocks.Device})
		case long: // the device numbered readings in between, and may have spoken
			c.Coverage.Faults = append(c.Coverage.Faults, fmt.Sprintf("readings between %d and %d are missing", before.Sequence, after.Sequence))
		}
		if after.Clocks.Device < before.Clocks.Device {
			c.Coverage.Faults = append(c.Coverage.Faults, fmt.Sprintf("the device's clock ran backwards from reading %d to %d", before.Sequence, after.Sequence))
		}
	}
	switch {
	case len(c.Silences) > 0:
		c.Coverage.Answer, c.Coverage.Detail = Refuted, fmt.Sprintf("silent %d times for longer than %s", len(c.Silences), period(q.ReportingPeriod))
	case len(c.Coverage.Faults) > 0 || len(c.Holes) > 0:
		c.Coverage.Answer, c.Coverage.Detail = CannotTell, "the device's clock ran backwards, or readings are missing"
	default:
		c.Coverage.Answer = Proven
		c.Coverage.Detail = fmt.Sprintf("from %s to %s, by its own clock, the device spoke at least every %s",
			clock(good[0].Clocks.Device), clock(good[len(good)-1].Clocks.Device), period(q.ReportingPeriod))
	}
}
