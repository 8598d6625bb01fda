// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Rate is how often a device publishes: readings per second, 0 for as fast as it can.
type Rate float64

// Unlimited reports whether the device publishes as fast as it can.
func (r Rate) Unlimited() bool { return r == 0 }

func (r Rate) interval() time.Duration {
	if r.Unlimited() {
		return time.Hour
	}
	return time.Duration(float64(time.Second) / float64(r))
}

// maxRate is far beyond what one device can sign.
const maxRate = 100_000

// UnmarshalText reads "2/s", "30/m", "10/h" or "max".
func (r *Rate) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "max" {
		*r = 0
		return nil
	}
	count, unit, ok := strings.Cut(s, "/")
	if !ok {
		unit = "s"
	}
	per, known := map[string]float64{"s": 1, "m": 60, "h": 3600}[unit]
	n, err := strconv.ParseFloat(count, 64)
	if err != nil || !known || !(n > 0) || n/per > maxRate || n/per < 1.0/(24*3600) {
		return fmt.Errorf("rate %q: want for example 1/s, 30/m, 10/h or max", s)
	}
	*r = Rate(n / per)
	return nil
}

// String is the rate as UnmarshalText reads it.
func (r Rate) String() string {
	if r.Unlimited() {
		return "max"
	}
	return strconv.FormatFloat(float64(r), 'g', -1, 64) + "/s"
}
