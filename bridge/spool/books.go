// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"maps"

	"go.etcd.io/bbolt"
)

// Books count everything since the spool was created. They balance:
//
//	Received = Accepted + Duplicates + sum(Quarantined)
//	Accepted = Anchored + pending + sum(Withdrawn)
type Books struct {
	Received    uint64            `cbor:"1,keyasint" json:"received"`
	Accepted    uint64            `cbor:"2,keyasint" json:"accepted"`
	Duplicates  uint64            `cbor:"3,keyasint" json:"duplicates"`
	Quarantined map[string]uint64 `cbor:"4,keyasint" json:"quarantined"` // by reason
	Gaps        uint64            `cbor:"5,keyasint" json:"gaps"`        // numbers missing when the last batch was sealed; a jump counts one
	Sealed      uint64            `cbor:"6,keyasint" json:"sealed"`      // readings in batches
	Anchored    uint64            `cbor:"7,keyasint" json:"anchored"`    // readings in committed batches
	Receipted   uint64            `cbor:"8,keyasint" json:"receipted"`   // readings whose receipts were published
	Batches     uint64            `cbor:"9,keyasint" json:"batches"`     // batches sealed
	// Withdrawn counts, by reason, what was accepted and went to the quarantine before it was anchored.
	Withdrawn map[string]uint64 `cbor:"10,keyasint,omitempty" json:"withdrawn"`
}

// Pending is the number of readings accepted and neither committed on the ledger nor withdrawn.
func (b Books) Pending() uint64 { return b.Accepted - b.Anchored - b.WithdrawnTotal() }

// Waiting is the number of readings that are in no batch yet.
func (b Books) Waiting() uint64 { return b.Accepted - b.through() }

// through is the position up to which every reading is in a batch or withdrawn.
func (b Books) through() uint64 { return b.Sealed + b.WithdrawnTotal() }

// QuarantinedTotal is the number of refused messages.
func (b Books) QuarantinedTotal() uint64 { return sum(b.Quarantined) }

// WithdrawnTotal is the number of readings that were accepted and then withdrawn.
func (b Books) WithdrawnTotal() uint64 { return sum(b.Withdrawn) }

func sum(counts map[string]uint64) uint64 {
	var n uint64
	for c := range maps.Values(counts) {
		n += c
	}
	return n
}

// Balance reports whether the books balance.
func (b Books) Balance() bool {
	return b.Received == b.Accepted+b.Duplicates+b.QuarantinedTotal() &&
		b.Receipted <= b.Anchored && b.Anchored <= b.Sealed && b.through() <= b.Accepted
}

func (b *Books) quarantined(reason string) { b.Quarantined = increment(b.Quarantined, reason) }

func (b *Books) withdrawn(reason string) { b.Withdrawn = increment(b.Withdrawn, reason) }

func increment(counts map[string]uint64, reason string) map[string]uint64 {
	if counts == nil {
		counts = map[string]uint64{}
	}
	counts[reason]++
	return counts
}

// since counts what the next anchor will report.
type since struct {
	Quarantined uint64 `cbor:"1,keyasint"`
}

var (
	keyBooks = []byte("books")
	keySince = []byte("since")
)

func loadBooks(tx *bbolt.Tx) (Books, error) {
	b := Books{}
	_, err := get(tx.Bucket(bucketMeta), keyBooks, &b)
	return b, err
}

// Books returns the counts as of now.
func (s *Spool) Books() (Books, error) {
	var b Books
	err := s.view(func(tx *bbolt.Tx) (err error) {
		b, err = loadBooks(tx)
		return err
	})
	return b, err
}
