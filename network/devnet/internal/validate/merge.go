// SPDX-License-Identifier: Apache-2.0

package validate

import (
	"cmp"
	"maps"
	"slices"

	"github.com/anchorline/anchorline/network/devnet/internal/store"
)

// merged walks a range over the snapshot with the block's changes laid on top.
type merged struct {
	pass       *pass
	namespace  string
	start, end string
	changed    []string // changed keys of the range that are still ahead, sorted
}

func (p *pass) merge(namespace, start, end string) *merged {
	m := &merged{pass: p, namespace: namespace, start: start, end: end}
	for name := range p.state {
		if name.Namespace == namespace && name.Key >= start && (end == "" || name.Key < end) {
			m.changed = append(m.changed, name.Key)
		}
	}
	slices.Sort(m.changed)
	return m
}

// next returns the next key that exists; a nil value is the end.
func (m *merged) next() (string, *store.Value, error) {
	for {
		key, value, err := m.pass.snapshot.Next(m.namespace, m.start, m.end)
		if err != nil {
			return "", nil, err
		}
		if len(m.changed) > 0 && (value == nil || m.changed[0] <= key) {
			key, m.changed = m.changed[0], m.changed[1:]
			value = m.pass.state[store.Name{Namespace: m.namespace, Key: key}]
			m.start = key + "\x00"
			if value == nil {
				continue // deleted in this block
			}
			return key, value, nil
		}
		m.start = key + "\x00"
		return key, value, nil
	}
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
