// SPDX-License-Identifier: Apache-2.0

// Package mqtt holds what both ends of the wire share: the topics, and how to reach a broker.
// It keeps nothing and acknowledges nothing.
package mqtt

import "strings"

const (
	topicPrefix    = "anchorline/v1/devices/"
	readingsSuffix = "/readings"
	receiptsSuffix = "/receipts"
)

// ReadingsFilter matches the readings of every device.
const ReadingsFilter = topicPrefix + "+" + readingsSuffix

// ReadingsTopic is where a device publishes its readings, QoS 1, one reading a message.
func ReadingsTopic(device string) string { return topicPrefix + device + readingsSuffix }

// ReceiptsTopic is where the bridge publishes a device's receipts, QoS 1.
func ReceiptsTopic(device string) string { return topicPrefix + device + receiptsSuffix }

// DeviceOfReadings returns the device id in a readings topic, and false for any other topic.
func DeviceOfReadings(topic string) (string, bool) {
	rest, ok := strings.CutPrefix(topic, topicPrefix)
	if !ok {
		return "", false
	}
	id, ok := strings.CutSuffix(rest, readingsSuffix)
	if !ok || id == "" || strings.Contains(id, "/") {
		return "", false
	}
	return id, true
}
