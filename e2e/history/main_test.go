// SPDX-License-Identifier: Apache-2.0

// Package history_test makes up histories of a ledger, carries them out through the contracts, and asks
// everybody who judges a reading: the offline verifier with old and with new evidence, the ledger itself,
// and the check of an archive. A model knows the true order of all transactions and judges by rules of
// its own. Whoever says otherwise is wrong.
//
// It runs on the embedded network, and with -fabric on a real one. -rapid.checks says how many histories,
// -rapid.seed repeats one, and -operations says how long they are.
package history_test

import (
	"flag"
	"testing"

	"github.com/anchorline/anchorline/internal/testnet"
)

var operations = flag.Int("operations", 45, "operations of a history; a third more or fewer are made")

// A history takes seconds, so there are fewer than rapid's hundred, unless asked for.
const histories = "2"

func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := f.Value.Set(histories); err != nil {
			panic(err)
		}
	}
	testnet.Main(m)
}
