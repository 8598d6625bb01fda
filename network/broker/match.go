// SPDX-License-Identifier: Apache-2.0

package broker

import "strings"

// matches reports whether topic matches an MQTT topic filter (MQTT 3.1.1 §4.7).
func matches(filter, topic string) bool {
	fs, ts := strings.Split(filter, "/"), strings.Split(topic, "/")
	for i, f := range fs {
		if f == "#" {
			return true
		}
		if i >= len(ts) || (f != "+" && f != ts[i]) {
			return false
		}
	}
	return len(fs) == len(ts)
}
