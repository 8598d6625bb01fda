// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"fmt"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/bridge/fsck"
	"github.com/anchorline/anchorline/ledger"
)

// A truth is what the model says of one reading and its receipt.
type truth struct {
	// registered says that the record of the device is there, known that it has the key.
	registered, known, signed bool
	device                    ruling
	// The same of the receipt. Dated says that it states the ledger's time.
	receiptKnown, receiptSigned, dated bool
	stream                             ruling
}

// An orders tells in which order a record's changes are known, by the places of its last changes up to
// places.
type orders func(changed func(place int) int) order

// places and times are the two orders that need no evidence.
func places(func(int) int) order { return byPlace }
func times(func(int) int) order  { return byTime }

// archived is the order that the evidence of the bridge tells, which has the anchor's block.
func (b *batch) archived(changed func(int) int) order {
	return byEvidence(insight{last: changed(b.asOf)})
}

// fresh is the order that the evidence of the end tells, which has the blocks of all changes.
func fresh(changed func(int) int) order {
	return byEvidence(insight{last: changed(always), blocks: true})
}

// joined is the order that both tell together.
func (b *batch) joined(changed func(int) int) order {
	return byEvidence(insight{last: changed(always), earlier: changed(b.asOf), asOf: b.asOf, blocks: true})
}

// truth judges a reading by the orders of the changes of device and stream, and by what the records were
// as of a place.
func (b *batch) truth(r *sensed, known orders, asOf int) truth {
	anchor := b.at
	ofDevice, ofStream := known(r.device.changed), known(b.stream.changed)
	v := truth{signed: !r.forged, receiptSigned: b.receipt != broken, dated: b.receipt != backward}
	var l life
	if l, v.registered = r.device.at(asOf); v.registered {
		v.device = l.rule(idOf(r.signer), anchor, ofDevice)
		_, reason := ruleKey(l.keys, idOf(r.signer), anchor, ofDevice)
		v.known = reason != "unknown-key"
	}
	v.stream = ruleStream(b.stream.at(asOf), idOf(b.signer), anchor, ofStream)
	v.receiptKnown = v.stream.reason != "unknown-key"
	return v
}

// failing are the checks of the verifier that must fail, and no others. Under a receipt that states another
// time than the ledger's it judges nothing as of any time.
func (v truth) failing() []string {
	failing := map[audit.ID]bool{
		audit.ReadingKey:       v.registered && !v.known,
		audit.ReadingSignature: v.registered && v.known && !v.signed,
		audit.ReadingStanding:  v.registered && v.known && v.dated && v.device.reason != "ok",
		audit.ReceiptKey:       !v.receiptKnown,
		audit.ReceiptSignature: v.receiptKnown && !v.receiptSigned,
		audit.ReceiptStanding:  v.receiptKnown && v.dated && v.stream.reason != "ok",
		audit.AttestedAnchor:   !v.dated,
		audit.EndorsedWrites:   !v.dated,
		audit.Repudiated:       v.dated && (v.device.repudiated || v.stream.repudiated),
	}
	list := []string{}
	for _, id := range audit.IDs() {
		if failing[id] {
			list = append(list, string(id))
		}
	}
	return list
}

func failed(r *audit.Report) []string {
	list := []string{}
	for _, c := range r.Checks {
		if c.Outcome == audit.Failed {
			list = append(list, string(c.ID))
		}
	}
	return list
}

// A word is what a judge says of a reading and its receipt, put so that it can be compared.
type word struct {
	Proven  bool
	Failing []string
	Reason  string
}

// audited is what the verifier must say.
func (v truth) audited() word {
	w := word{Failing: v.failing(), Reason: v.device.reason}
	w.Proven = len(w.Failing) == 0 && v.registered
	if !v.registered || !v.known || !v.dated {
		w.Reason = ""
	}
	return w
}

func wordOf(r *audit.Report) word {
	w := word{Proven: r.OK, Failing: failed(r)}
	if r.Standing != nil {
		w.Reason = string(r.Standing.Reason)
	}
	return w
}

// An inclusion is what anchors:VerifyInclusion says, or must say.
type inclusion struct {
	Included, Signed, Trusted, Receipt bool
	Reason, StreamReason               string
}

func (v truth) inclusion() inclusion {
	stood := v.registered && v.known && v.signed && v.device.reason == "ok"
	i := inclusion{
		Included: true, Signed: stood, Trusted: stood && !v.device.repudiated, Reason: v.device.reason,
		Receipt: v.dated && v.receiptKnown && v.receiptSigned && v.stream == ruling{reason: "ok"},
	}
	if v.dated {
		i.StreamReason = v.stream.reason
	}
	return i
}

func inclusionOf(found ledger.Inclusion) inclusion {
	i := inclusion{Included: found.Included, Signed: found.Signed, Receipt: found.Receipt.Verified}
	if found.Standing != nil {
		i.Reason, i.Trusted = string(found.Standing.Reason), found.Signed && found.Standing.Trusted()
	}
	if found.Receipt.Standing != nil {
		i.StreamReason = string(found.Receipt.Standing.Reason)
	}
	return i
}

// inArchive are the faults that the check of the archive must find about a reading.
func (v truth) inArchive(r *sensed) []string {
	var check fsck.ID
	switch {
	case !v.registered:
		check = fsck.ReadingDevice
	case !v.known:
		check = fsck.ReadingKey
	case !v.signed:
		check = fsck.ReadingSigned
	case v.device.reason != "ok":
		check = fsck.ReadingStands
	default:
		return nil
	}
	return []string{fmt.Sprintf("%s %s/%d", check, r.device.name, r.sequence)}
}

// disowned reports whether the check of the archive must count the reading as one that was disowned.
func (v truth) disowned() bool {
	return v.inArchive(&sensed{device: &device{}}) == nil && v.device.repudiated
}

// receiptDisowned reports whether the check of the archive must count the receipt as one that was
// disowned.
func (v truth) receiptDisowned() bool {
	return v.receiptSigned && v.stream == ruling{reason: "ok", repudiated: true}
}

// receiptInArchive are the faults that the check of the archive must find about a receipt.
func (v truth) receiptInArchive(b *batch) (faults []string) {
	add := func(check fsck.ID) { faults = append(faults, fmt.Sprintf("%s %s/%d", check, b.stream.name, b.number)) }
	if !v.dated {
		add(fsck.ReceiptClaims)
	}
	switch {
	case !v.receiptKnown:
		add(fsck.ReceiptKey)
	case !v.receiptSigned:
		add(fsck.ReceiptSigned)
	case v.stream.reason != "ok":
		add(fsck.ReceiptStands)
	}
	return faults
}

// faultsOf takes the faults of a report apart.
func faultsOf(r fsck.Report) []string {
	list := []string{}
	for _, f := range r.Faults {
		for _, run := range f.Numbers {
			for n := run.From; n <= run.To; n++ {
				list = append(list, fmt.Sprintf("%s %s/%d", f.Check, f.Device, n))
			}
		}
		for n := f.Batches.From; n <= f.Batches.To && len(f.Numbers) == 0; n++ {
			list = append(list, fmt.Sprintf("%s %s/%d", f.Check, f.Stream, n))
		}
	}
	return list
}
