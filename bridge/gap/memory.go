// SPDX-License-Identifier: Apache-2.0

package gap

import (
	"slices"

	"github.com/anchorline/anchorline/reading/name"
)

// Memory is a [Store] for one run over the batches. It is not safe for concurrent use.
type Memory struct{ devices map[name.Name]*known }

type known struct {
	highest uint64
	missing []Missing // by From, ascending
}

// NewMemory returns a store that knows no device.
func NewMemory() *Memory { return &Memory{devices: map[name.Name]*known{}} }

func (m *Memory) device(device name.Name) *known {
	k := m.devices[device]
	if k == nil {
		k = &known{}
		m.devices[device] = k
	}
	return k
}

// Highest returns the highest sequence number of a device, 0 before its first.
func (m *Memory) Highest(device name.Name) (uint64, error) { return m.device(device).highest, nil }

// SetHighest stores it.
func (m *Memory) SetHighest(device name.Name, sequence uint64) error {
	m.device(device).highest = sequence
	return nil
}

// search returns where the run that begins at from is, or would be.
func (k *known) search(from uint64) (int, bool) {
	return slices.BinarySearchFunc(k.missing, from, func(m Missing, from uint64) int {
		switch {
		case m.From < from:
			return -1
		case m.From > from:
			return 1
		}
		return 0
	})
}

// Find returns the run that the number is in, and false if it is in none.
func (m *Memory) Find(device name.Name, sequence uint64) (Missing, bool, error) {
	k := m.device(device)
	at, exact := k.search(sequence)
	if !exact {
		at--
	}
	if at < 0 || k.missing[at].To < sequence {
		return Missing{}, false, nil
	}
	return k.missing[at], true, nil
}

// Replace takes the run that begins at from away and stores others in its place.
func (m *Memory) Replace(device name.Name, from uint64, with ...Missing) error {
	k := m.device(device)
	at, there := k.search(from)
	end := at
	if there {
		end++
	}
	k.missing = slices.Replace(k.missing, at, end, with...)
	return nil
}

// Missing returns the runs of a device that are open, in ascending order.
func (m *Memory) Missing(device name.Name) []Missing { return slices.Clone(m.device(device).missing) }
