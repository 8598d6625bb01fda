// SPDX-License-Identifier: Apache-2.0

// Package mqtt holds what both ends of the wire share: the topics, and how to reach a broker.
// It keeps nothing and acknowledges nothing.
package mqtt

import (
	"strings"

	"github.com/anchorline/anchorline/reading/name"
)

const (
	topicPrefix    = "anchorline/v1/"
	devices        = "/devices/"
	readingsSuffix = "/readings"
	receiptsSuffix = "/receipts"
)

// ReadingsFilter matches the readings of every device of every owner.
const ReadingsFilter = topicPrefix + "+" + devices + "+" + readingsSuffix

// ReadingsTopic is where a device publishes its readings, QoS 1, one reading a message. The name must
// be valid: a topic that a wildcard or a slash in it would make is another one.
func ReadingsTopic(device name.Name) string { return deviceTopic(device) + readingsSuffix }

// ReceiptsTopic is where the bridge publishes a device's receipts, QoS 1. The name must be valid.
func ReceiptsTopic(device name.Name) string { return deviceTopic(device) + receiptsSuffix }

func deviceTopic(device name.Name) string { return topicPrefix + device.Owner + devices + device.ID }

// DeviceOfReadings returns the device's name in a readings topic, and false for any other topic and
// for what is no name.
func DeviceOfReadings(topic string) (name.Name, bool) {
	rest, isOurs := strings.CutPrefix(topic, topicPrefix)
	rest, isReadings := strings.CutSuffix(rest, readingsSuffix)
	owner, id, isDevice := strings.Cut(rest, devices)
	device := name.New(owner, id)
	if !isOurs || !isReadings || !isDevice || device.Validate() != nil {
		return name.Name{}, false
	}
	return device, true
}
