// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anchorline/anchorline/reading/name"
)

// Object types: the first part of every composite key. One kind of record, one object type;
// indexes are "<kind>~<field>" and hold no data of their own.
const (
	// DeviceObject is the object type of a Device: [owner, id].
	DeviceObject = "device"
	// StopObject is the object type of a Stop: [owner, device id].
	StopObject = "stop"
	// StreamObject is the object type of a Stream: [owner, id].
	StreamObject = "stream"
	// StreamStopObject is the object type of a StreamStop: [owner, stream id].
	StreamStopObject = "stream-stop"
	// HeadObject is the object type of a stream's Head: [owner, id].
	HeadObject = "head"
	// AnchorObject is the object type of an AnchorEntry: [owner, stream id, number].
	AnchorObject = "anchor"
	// GrantObject is the object type of a Grant: [MSP, role, kind of subject, subject…].
	GrantObject = "grant"
	// ConsortiumObject is the object type of the one Consortium: [].
	ConsortiumObject = "consortium"
	// ApprovalObject is the object type of an Approval: [MSP].
	ApprovalObject = "approval"
	// ManufacturerObject is the object type of a Manufacturer: [owner, name].
	ManufacturerObject = "manufacturer"
	// CertifiedObject is the object type of a Certified: [owner, digest of the key].
	CertifiedObject = "certified"
	// PolicyObject is the object type of the latest revision of a Policy: [owner, id].
	PolicyObject = "policy"
	// RevisionObject is the object type of each revision of a Policy: [owner, id, revision].
	RevisionObject = "policy~revision"
	// ActivePolicyIndex finds the policies in force: [owner, id]. Decisions scan it, so that revoked
	// policies cost them nothing.
	ActivePolicyIndex = "policy~active"
	// AccessObject is the object type of an Access: [transaction id].
	AccessObject = "access"
	// QuestionObject is the object type of a UsedQuestion: [owner, device id, nonce].
	QuestionObject = "question"
	// EquivocationObject is the object type of an EquivocationReport: [owner, stream id, number,
	// digest of the claim].
	EquivocationObject = "equivocation"

	// DeviceTypeIndex finds devices by type: [type, owner, id].
	DeviceTypeIndex = "device~type"
	// DeviceAttributeIndex finds devices by attribute: [name, value, owner, id]. The owner comes
	// before the id so that nobody can fill the range that a decision about another's devices
	// reads.
	DeviceAttributeIndex = "device~attribute"
	// AnchorDayIndex finds anchors by the day, UTC, on which their batch began: [day, owner, stream
	// id, number].
	AnchorDayIndex = "anchor~day"
)

// CompositeKey returns the composite key that Fabric's CreateCompositeKey makes of an object type and
// attributes: each followed by U+0000, the whole preceded by U+0000.
func CompositeKey(object string, attributes ...string) string {
	var b strings.Builder
	b.WriteString("\x00" + object + "\x00")
	for _, a := range attributes {
		b.WriteString(a + "\x00")
	}
	return b.String()
}

// DeviceKey is where the device is stored.
func DeviceKey(device name.Name) string { return CompositeKey(DeviceObject, device.Owner, device.ID) }

// StopKey is where the owner's stop of a device is stored.
func StopKey(device name.Name) string { return CompositeKey(StopObject, device.Owner, device.ID) }

// StreamKey is where the stream is stored.
func StreamKey(stream name.Name) string { return CompositeKey(StreamObject, stream.Owner, stream.ID) }

// StreamStopKey is where the owner's stop of a stream's key is stored.
func StreamStopKey(stream name.Name) string {
	return CompositeKey(StreamStopObject, stream.Owner, stream.ID)
}

// HeadKey is where the number and hash of the stream's last anchor are stored, apart from the
// stream, so that anchoring and changing the stream do not conflict.
func HeadKey(stream name.Name) string { return CompositeKey(HeadObject, stream.Owner, stream.ID) }

// AnchorKey is where the anchor is stored.
func AnchorKey(stream name.Name, number uint64) string {
	return CompositeKey(AnchorObject, stream.Owner, stream.ID, Number(number))
}

// GrantKey is where a grant is stored.
func GrantKey(msp string, role Role, subject Subject) string {
	return CompositeKey(GrantObject, append([]string{msp, string(role)}, subject.parts()...)...)
}

// ConsortiumKey is where the consortium's terms in force are stored.
func ConsortiumKey() string { return CompositeKey(ConsortiumObject) }

// ApprovalKey is where the terms that an organisation approves are stored.
func ApprovalKey(msp string) string { return CompositeKey(ApprovalObject, msp) }

// ManufacturerKey is where a manufacturer is stored.
func ManufacturerKey(owner, id string) string {
	return CompositeKey(ManufacturerObject, owner, id)
}

// CertifiedKey is where it is stored which device of an owner a certified key registered.
func CertifiedKey(owner, key string) string { return CompositeKey(CertifiedObject, owner, key) }

// PolicyKey is where the latest revision of a policy is stored.
func PolicyKey(owner, id string) string { return CompositeKey(PolicyObject, owner, id) }

// ActivePolicyKey is the entry of a policy in the index of those in force.
func ActivePolicyKey(owner, id string) string { return CompositeKey(ActivePolicyIndex, owner, id) }

// RevisionKey is where each revision of a policy is stored, once.
func RevisionKey(owner, id string, revision uint64) string {
	return CompositeKey(RevisionObject, owner, id, Number(revision))
}

// AccessKey is where a recorded decision is stored.
func AccessKey(id string) string { return CompositeKey(AccessObject, id) }

// QuestionKey is where it is recorded that a device's question was answered.
func QuestionKey(device name.Name, nonce string) string {
	return CompositeKey(QuestionObject, device.Owner, device.ID, nonce)
}

// EquivocationKey is where evidence of equivocation is stored.
func EquivocationKey(e EquivocationReport) string {
	return CompositeKey(EquivocationObject, e.Stream.Owner, e.Stream.ID, Number(e.Number), e.Digest)
}

// AnchorDayKey is the entry of an anchor in the index by day.
func AnchorDayKey(a Anchor) string {
	return CompositeKey(AnchorDayIndex, Day(a.BridgeTime.First), a.Stream.Owner, a.Stream.ID, Number(a.Number))
}

// Day returns the day, UTC, of a time in milliseconds: 2006-01-02.
func Day(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.DateOnly) }

// DeviceIndexKeys are the entries of a device in all indexes, sorted. There is none by status: a stop
// changes the status, and is no business of those who guard the indexes.
func DeviceIndexKeys(d Device) []string {
	var keys []string
	if d.DeviceType != "" {
		keys = append(keys, CompositeKey(DeviceTypeIndex, d.DeviceType, d.Owner, d.ID))
	}
	for attribute, value := range d.Attributes {
		keys = append(keys, CompositeKey(DeviceAttributeIndex, attribute, value, d.Owner, d.ID))
	}
	slices.Sort(keys)
	return keys
}

// SplitKey takes a composite key apart. It returns no attributes for what is not one.
func SplitKey(key string) (object string, attributes []string) {
	parts := strings.Split(key, "\x00")
	if len(parts) < 3 || parts[0] != "" || parts[len(parts)-1] != "" {
		return "", nil
	}
	return parts[1], parts[2 : len(parts)-1]
}

// Number writes n with 16 digits, so that keys sort as their numbers do.
func Number(n uint64) string { return fmt.Sprintf("%016d", n) }
