// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"slices"

	"github.com/anchorline/anchorline/bridge/gap"
	"github.com/anchorline/anchorline/reading/name"
)

// ID says what a fault is about. It is stable: programs decide on it, never on the text beside it.
type ID string

// The checks.
const (
	ChainAnchor   ID = "chain.anchor"   // the ledger has an anchor of this stream under each number
	ChainHash     ID = "chain.hash"     // the ledger's hash of an anchor is the anchor's
	ChainPrevious ID = "chain.previous" // an anchor names the one before
	ChainTime     ID = "chain.time"     // no anchor is dated before the one before
	ChainCreator  ID = "chain.creator"  // a client of the stream's owner brought it
	ChainHead     ID = "chain.head"     // the head is the last anchor
	Equivocation  ID = "equivocation"   // nobody proved on the ledger that the stream said something else

	BatchMissing  ID = "batch.missing"  // the archive has the batch
	BatchDamaged  ID = "batch.damaged"  // its file is whole
	BatchStream   ID = "batch.stream"   // it is a batch of this stream
	BatchAnchor   ID = "batch.anchor"   // the anchor in the file is the ledger's
	BatchRoot     ID = "batch.root"     // the root of the readings is the anchor's
	BatchSize     ID = "batch.size"     // so is their number
	BatchCounts   ID = "batch.counts"   // and their number by kind
	BatchGaps     ID = "batch.gaps"     // and how many numbers they skip
	BatchBridge   ID = "batch.bridge"   // and the bridge's clock at the first and the last
	BatchDevice   ID = "batch.device"   // and their devices' earliest and latest time
	BatchFollows  ID = "batch.follows"  // a batch that is not anchored yet follows the last anchor
	ReceiptThere  ID = "receipt.there"  // the archive has the stream's receipt, whole
	ReceiptClaims ID = "receipt.claims" // it is of this anchor, transaction and time
	ReceiptKey    ID = "receipt.key"    // a key of the stream is named
	ReceiptSigned ID = "receipt.signed" // and signed the root
	ReceiptStands ID = "receipt.stands" // and stood

	ReadingFormat   ID = "reading.format"   // it is a reading
	ReadingDevice   ID = "reading.device"   // its device is registered
	ReadingKey      ID = "reading.key"      // with the key that it names
	ReadingSigned   ID = "reading.signed"   // which signed it
	ReadingStands   ID = "reading.stands"   // and stood, as did the device, when the batch was anchored
	ReadingOnce     ID = "reading.once"     // it is in one batch of the stream
	ReadingConflict ID = "reading.conflict" // no other content has its number
)

// A Range is a run of sequence numbers, or of batches, both ends included.
type Range struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// A Fault is something that is not as it should be, in one batch or in several that follow each other.
type Fault struct {
	Stream name.Name `json:"stream"`
	Check  ID        `json:"check"`
	// Batches are where it is.
	Batches Range `json:"batches"`
	// Device is whose readings it is about, Readings how many; zero for what is about whole batches.
	Device   name.Name `json:"device,omitzero"`
	Readings uint64    `json:"readings,omitempty"`
	// Numbers are the first of their sequence numbers.
	Numbers []Range `json:"numbers,omitempty"`
	What    string  `json:"what"`
}

// MaxFaults is how many faults a report lists; further ones are counted.
const MaxFaults = 10_000

// maxNumbers is how many runs of sequence numbers a fault lists.
const maxNumbers = 20

// MaxMissing is how many runs of missing numbers a report lists for each device.
const MaxMissing = 1000

// A StreamReport is what was found of one stream.
type StreamReport struct {
	Stream name.Name `json:"stream"`
	// Batches are those that were compared with the ledger, from 1; To is 0 for none. The first Resumed
	// of them were in an earlier run.
	Batches Range  `json:"batches"`
	Resumed uint64 `json:"resumed,omitempty"`
	// Readings are in them.
	Readings uint64 `json:"readings"`
	// Head is the hash of the last anchor that was compared.
	Head string `json:"head"`
	// Pending is the number of batches that the ledger does not have: one may be in flight.
	Pending uint64 `json:"pending"`
	// Unreceipted is the number of the newest batch if its receipt is not in the archive yet.
	Unreceipted uint64 `json:"unreceipted,omitempty"`
	// Quarantined is how many messages the bridge says it refused.
	Quarantined uint64 `json:"quarantined"`
	// Repudiated is how many receipts are by a key that the owner disowned later for their time, and Why
	// says what it gave.
	Repudiated uint64 `json:"repudiated,omitempty"`
	Why        string `json:"why,omitempty"`
}

// A DeviceReport is what was found of one device, over all archives.
type DeviceReport struct {
	Device   name.Name `json:"device"`
	Readings uint64    `json:"readings"`
	// Highest is the highest sequence number.
	Highest uint64 `json:"highest"`
	// Missing is how many lower numbers are in no archive. Listed are the first [MaxMissing] runs.
	Missing uint64  `json:"missing"`
	Listed  []Range `json:"listed,omitempty"`
	// Repudiated is how many readings their owner disowned after they were anchored, and Why says what
	// it gave.
	Repudiated uint64 `json:"repudiated,omitempty"`
	Why        string `json:"why,omitempty"`
}

// A Report is the outcome of a check.
type Report struct {
	Ledger  string         `json:"ledger"`
	Streams []StreamReport `json:"streams"`
	// Batches, Readings and Pending are the sums over the streams.
	Batches  uint64 `json:"batches"`
	Readings uint64 `json:"readings"`
	Pending  uint64 `json:"pending"`
	// Devices are those that have readings, by name.
	Devices []DeviceReport `json:"devices"`
	// Faults are the first [MaxFaults] faults, Omitted the number of further ones.
	Faults  []Fault `json:"faults"`
	Omitted uint64  `json:"omitted,omitempty"`
	// Shared is how many readings are in the archives of several streams, each with one content: a
	// broker may deliver a reading to two bridges.
	Shared uint64 `json:"shared,omitempty"`
	// Undecided is what ought to have been checked and could not be.
	Undecided []string `json:"undecided"`
	// Unchecked is what a check of archives does not tell.
	Unchecked []string `json:"unchecked"`
}

// OK reports that archives and ledger agree.
func (r Report) OK() bool { return len(r.Faults) == 0 && r.Omitted == 0 }

// Missing is how many numbers are missing, of all devices.
func (r Report) Missing() uint64 {
	var sum uint64
	for _, d := range r.Devices {
		sum += d.Missing
	}
	return sum
}

// report puts together what is in the state and what is only of now.
func (a *auditor) report() Report {
	s := a.state
	r := Report{
		Ledger: s.Ledger, Streams: []StreamReport{}, Devices: a.deviceReports(), Omitted: s.Omitted, Shared: s.Shared,
		Faults: append([]Fault{}, s.Faults...), Undecided: s.undecided(), Unchecked: a.unchecked(),
	}
	for i, at := range s.Streams {
		end := a.ends[i]
		r.Streams = append(r.Streams, StreamReport{
			Stream: at.Stream, Batches: Range{From: min(1, at.Number), To: at.Number}, Resumed: end.resumed, Readings: at.Readings,
			Head: at.Hash, Pending: end.pending, Unreceipted: end.unreceipted, Quarantined: at.Quarantined,
			Repudiated: at.Repudiated, Why: at.Why,
		})
		r.Batches += at.Number
		r.Readings += at.Readings
		r.Pending += end.pending
		r.Faults = append(r.Faults, end.faults...)
	}
	if over := len(r.Faults) - MaxFaults; over > 0 {
		r.Omitted += uint64(over)
		r.Faults = r.Faults[:MaxFaults]
	}
	return r
}

func (a *auditor) deviceReports() []DeviceReport {
	reports := []DeviceReport{}
	all := a.state.everything()
	for device, d := range a.state.devices {
		r := DeviceReport{Device: device, Readings: d.readings, Repudiated: d.repudiated, Why: d.why}
		r.Highest, _ = all.Highest(device) // memory has no errors
		for _, m := range all.Missing(device) {
			r.Missing += m.To - m.From + 1
			if len(r.Listed) < MaxMissing {
				r.Listed = appendRun(r.Listed, Range{From: m.From, To: m.To}, MaxMissing)
			}
		}
		reports = append(reports, r)
	}
	slices.SortFunc(reports, func(a, b DeviceReport) int { return name.Compare(a.Device, b.Device) })
	return reports
}

// appendRun adds a run that comes after those of the list, if there is room.
func appendRun(list []Range, r Range, room int) []Range {
	if n := len(list); n > 0 && list[n-1].To+1 == r.From {
		list[n-1].To = r.To
		return list
	}
	if len(list) >= room {
		return list
	}
	return append(list, r)
}

// everything is what is known of devices over all streams.
func (c *Checkpoint) everything() *gap.Memory {
	if c.union != nil {
		return c.union
	}
	return c.Streams[0].gaps
}
