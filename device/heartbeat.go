// SPDX-License-Identifier: Apache-2.0

package device

import (
	"time"

	"github.com/anchorline/anchorline/reading"
)

// beat signs a heartbeat whenever the device was silent for so long. It stores them only; they are
// sent as what an earlier run left over is, so a broker that is away does not hold up the next one
// and their times show when the device worked.
func (d *Device) beat() {
	timer := time.NewTimer(d.cfg.Heartbeat)
	defer timer.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-timer.C:
		}
		left := d.cfg.Heartbeat - d.silence()
		if left <= 0 {
			if _, err := d.store([]Payload{{ContentType: reading.Heartbeat}}); err != nil {
				d.cfg.Logger.Error("heartbeat not stored", "device", d.cfg.Device, "error", err)
			}
			left = d.cfg.Heartbeat
		}
		timer.Reset(left)
	}
}

// silence is how long ago the newest reading was signed.
func (d *Device) silence() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Since(d.signed)
}
