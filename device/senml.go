// SPDX-License-Identifier: Apache-2.0

package device

import (
	"fmt"
	"time"

	"github.com/absmach/senml"

	"github.com/anchorline/anchorline/reading"
)

// Measurement is one value of one quantity.
type Measurement struct {
	Name  string // of the quantity, for example "temperature"
	Unit  string // a SenML unit (RFC 8428 §12.1), for example "Cel"; may be empty
	Value float64
	Time  time.Time // when it was measured
}

// SenML makes a payload of one measurement: an RFC 8428 pack in JSON, with the device as base
// name.
func SenML(device string, m Measurement) (Payload, error) {
	value := m.Value
	pack := senml.Pack{Records: []senml.Record{{
		BaseName: device + ":", BaseTime: seconds(m.Time), Name: m.Name, Unit: m.Unit, Value: &value,
	}}}
	if err := senml.Validate(pack); err != nil {
		return Payload{}, fmt.Errorf("device: measurement %q of %s: %w", m.Name, device, err)
	}
	data, err := senml.Encode(pack, senml.JSON)
	if err != nil {
		return Payload{}, fmt.Errorf("device: measurement %q of %s: %w", m.Name, device, err)
	}
	return Payload{ContentType: reading.SenMLJSON, Data: data}, nil
}

// seconds is SenML's time: seconds since the Unix epoch, here to the millisecond.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
