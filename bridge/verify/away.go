// SPDX-License-Identifier: Apache-2.0

package verify

import "time"

// noteAway notes that the registry did not answer, and when to ask it again.
func (c *cache) noteAway() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if c.awaySince.IsZero() {
		c.awaySince = now
	}
	if now.Before(c.probe) {
		return
	}
	c.pause = min(max(2*c.pause, minProbe), maxProbe)
	c.probe = now.Add(c.pause)
}

// mayAsk reports whether the registry may be asked about a device of which there is a last known word.
// While it does not answer one question after each pause is enough.
func (c *cache) mayAsk() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if c.awaySince.IsZero() || now.Sub(c.awaySince) > c.grace {
		return true
	}
	if now.Before(c.probe) {
		return false
	}
	c.probe = now.Add(max(c.pause, minProbe))
	return true
}

// withinGrace reports whether the last known word still counts: for a configured time after the registry
// began not to answer.
func (c *cache) withinGrace() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.grace > 0 && !c.awaySince.IsZero() && c.now().Sub(c.awaySince) <= c.grace
}

// AwaySince returns since when the registry has not answered, and false while it does.
func (c *Checker) AwaySince() (time.Time, bool) {
	c.devices.mu.Lock()
	defer c.devices.mu.Unlock()
	return c.devices.awaySince, !c.devices.awaySince.IsZero()
}
