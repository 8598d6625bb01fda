// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"strings"
)

// Object types: the first part of every composite key. One kind of record, one object type;
// indexes are "<kind>~<field>" and hold no data of their own.
const (
	// DeviceObject is the object type of a Device: [id].
	DeviceObject = "device"
	// StreamObject is the object type of a Stream: [id].
	StreamObject = "stream"
	// HeadObject is the object type of a stream's Head: [stream].
	HeadObject = "head"
	// AnchorObject is the object type of an AnchorEntry: [stream, number].
	AnchorObject = "anchor"
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
func DeviceKey(id string) string { return CompositeKey(DeviceObject, id) }

// StreamKey is where the stream is stored.
func StreamKey(id string) string { return CompositeKey(StreamObject, id) }

// HeadKey is where the number and hash of the stream's last anchor are stored, apart from the
// stream, so that anchoring and changing the stream do not conflict.
func HeadKey(stream string) string { return CompositeKey(HeadObject, stream) }

// AnchorKey is where the anchor is stored.
func AnchorKey(stream string, number uint64) string {
	return CompositeKey(AnchorObject, stream, Number(number))
}

// Number writes n with 16 digits, so that keys sort as their numbers do.
func Number(n uint64) string { return fmt.Sprintf("%016d", n) }
