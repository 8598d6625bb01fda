// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Report is what a run amounts to. Counts are since the data folder was made, except the
// duration.
type Report struct {
	Published        uint64            `json:"published"` // readings acknowledged to the simulated devices
	Received         uint64            `json:"received"`  // messages that reached the bridge
	Accepted         uint64            `json:"accepted"`
	Duplicates       uint64            `json:"duplicates"`
	Quarantined      map[string]uint64 `json:"quarantined"` // by reason
	Anchored         uint64            `json:"anchored"`
	Pending          uint64            `json:"pending"`
	Batches          uint64            `json:"batches"`
	Gaps             uint64            `json:"gaps"`              // sequence numbers missing now
	ReceiptsVerified uint64            `json:"receipts_verified"` // by the simulated devices
	LedgerHeight     *uint64           `json:"ledger_height"`     // blocks; null when the network does not say
	LedgerBytes      *int64            `json:"ledger_bytes"`      // on disk; null on a network of others
	DurationSeconds  float64           `json:"duration_seconds"`
	Devices          int               `json:"devices"`
	Stream           string            `json:"stream"`
	Ledger           string            `json:"ledger"`
	Broker           string            `json:"broker"`
}

func (w *world) report(ctx context.Context, began time.Time) (Report, error) {
	status, err := w.bridge.Status()
	if err != nil {
		return Report{}, err
	}
	tally, err := w.fleet.Tally()
	if err != nil {
		return Report{}, err
	}
	r := Report{
		Published: tally.Published, Received: status.Received, Accepted: status.Accepted, Duplicates: status.Duplicates,
		Quarantined: map[string]uint64{}, Anchored: status.Anchored, Pending: status.Pending(), Batches: status.Batches,
		Gaps: status.Gaps, ReceiptsVerified: tally.Verified, DurationSeconds: time.Since(began).Round(time.Millisecond).Seconds(),
		Devices: w.fleet.Size(), Stream: w.stream().String(), Ledger: w.profile.Ledger(), Broker: w.broker.URL,
	}
	for reason, n := range status.Quarantined {
		r.Quarantined[reason] = n
	}
	if h, err := w.ledger.Height(ctx); err == nil {
		r.LedgerHeight = &h
	}
	if w.network != nil {
		if b, err := w.network.Bytes(); err == nil {
			r.LedgerBytes = &b
		}
	}
	return r, nil
}

// ErrUnbalanced says that a drained run did not come out even.
var ErrUnbalanced = errors.New("the books do not balance")

// balance checks a drained run: every message has one fate, every accepted reading is anchored,
// and every reading of the simulated devices came back with a receipt that they verified.
func (r Report) balance() error {
	var quarantined uint64
	for _, n := range r.Quarantined {
		quarantined += n
	}
	var faults []string
	if r.Received != r.Accepted+r.Duplicates+quarantined {
		faults = append(faults, fmt.Sprintf("%d received, but %d accepted + %d duplicates + %d quarantined", r.Received, r.Accepted, r.Duplicates, quarantined))
	}
	if r.Pending != 0 || r.Accepted != r.Anchored {
		faults = append(faults, fmt.Sprintf("%d of %d accepted readings are not anchored", r.Pending, r.Accepted))
	}
	if r.Published != r.ReceiptsVerified {
		faults = append(faults, fmt.Sprintf("%d of %d published readings have no verified receipt", r.Published-r.ReceiptsVerified, r.Published))
	}
	if r.Published > r.Accepted {
		faults = append(faults, fmt.Sprintf("%d published, only %d accepted", r.Published, r.Accepted))
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrUnbalanced, strings.Join(faults, "; "))
}
