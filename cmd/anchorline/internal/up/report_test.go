// SPDX-License-Identifier: Apache-2.0

package up //nolint:testpackage // the judgement is made inside; package e2e tests from outside

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func balanced() Report {
	return Report{
		Published: 10, Received: 16, Accepted: 11, Duplicates: 2, Quarantined: map[string]uint64{"malformed": 2, "replay": 1},
		Anchored: 11, ReceiptsVerified: 10,
	}
}

func TestEveryImbalanceIsNoticed(t *testing.T) {
	require.NoError(t, balanced().balance(), "another device's reading is accepted too, and garbage refused")
	for name, spoil := range map[string]func(*Report){
		"a message without a fate":    func(r *Report) { r.Received++ },
		"a fate without a message":    func(r *Report) { r.Quarantined["malformed"]++ },
		"a reading not anchored":      func(r *Report) { r.Anchored--; r.Pending++ },
		"a reading without receipt":   func(r *Report) { r.ReceiptsVerified-- },
		"published and never arrived": func(r *Report) { r.Published, r.ReceiptsVerified = 12, 12 },
	} {
		r := balanced()
		spoil(&r)
		require.ErrorIs(t, r.balance(), ErrUnbalanced, name)
	}
}
