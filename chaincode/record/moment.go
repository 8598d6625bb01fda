// SPDX-License-Identifier: Apache-2.0

package record

// Moment is when a transaction changed the ledger: the time that its client claimed, in
// milliseconds, and its id, by which its place in the ledger's order can be found. Package
// chaincode/standing compares moments.
type Moment struct {
	Time int64  `json:"time"`
	Tx   string `json:"tx"`
}

// Period is from a moment (inclusive) until another one (exclusive; nil while it lasts).
type Period struct {
	From  Moment  `json:"from"`
	Until *Moment `json:"until,omitempty"`
}

// Changes returns the moments of all changes that the device's record tells, the last one included.
func (d Device) Changes() []Moment {
	changes := append([]Moment{d.Registered, d.Updated}, keyChanges(d.Keys)...)
	for _, s := range d.Suspensions {
		changes = append(changes, s.From)
		changes = appendMoment(changes, s.Until)
	}
	return appendMoment(appendMoment(changes, d.Transferred), d.Revoked)
}

// Changes returns the moments of all changes that the stream's record tells, the last one included.
func (s Stream) Changes() []Moment {
	return append([]Moment{s.Opened, s.Updated}, keyChanges(s.Keys)...)
}

func keyChanges(keys []Key) []Moment {
	var changes []Moment
	for _, k := range keys {
		changes = appendMoment(append(changes, k.From), k.Until)
	}
	return changes
}

func appendMoment(list []Moment, m *Moment) []Moment {
	if m == nil {
		return list
	}
	return append(list, *m)
}
