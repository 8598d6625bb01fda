// SPDX-License-Identifier: Apache-2.0

package anchor_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// fill stores what every test here anchors: five readings of two devices, in three batches.
func (w *world) fill() {
	w.accept("a", 1, 3)
	w.accept("b", 1, 2)
}

// verify requires the end that every history must have.
func (w *world) verify() {
	w.t.Helper()
	require.Len(w.t, w.chain.anchored, 3)
	require.Len(w.t, w.chain.blocks, 3, "one valid transaction for each batch")
	for device, last := range map[string]uint64{"a": 3, "b": 2} {
		for seq := uint64(1); seq <= last; seq++ {
			require.Positive(w.t, w.mail.got[device][seq], "receipt of %s %d", device, seq)
		}
	}
	for n := uint64(1); n <= 3; n++ {
		b, err := w.spool.Batch(n)
		require.NoError(w.t, err)
		require.Equal(w.t, w.chain.blocks[b.Commit.TransactionID], b.Commit.Block)
		require.Equal(w.t, w.chain.anchored[n-1].TxID, b.Commit.TransactionID)
		require.Equal(w.t, string(b.Anchor), mustEncode(w.t, w.chain.anchored[n-1].Anchor))
	}
	w.books()
}

// calls is how many calls a history without faults makes.
func calls(t *testing.T) int {
	var n int
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		defer w.close()
		w.fill()
		stop := w.start()
		w.until("all receipted", w.allReceipted)
		require.NoError(t, stop())
		w.verify()
		n = w.faults.calls
	})
	require.GreaterOrEqual(t, n, 9, "three calls for each batch at least")
	return n
}

func TestACallThatFailsIsMadeAgainAndNothingIsAnchoredTwice(t *testing.T) {
	for at := range calls(t) {
		for _, happens := range []bool{false, true} {
			t.Run(fmt.Sprintf("call %d, happened %t", at+1, happens), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, 2)
					defer w.close()
					w.faults.at, w.faults.happens = at+1, happens
					w.fill()
					stop := w.start()
					w.until("all receipted", w.allReceipted)
					require.NoError(t, stop())
					w.verify()
				})
			})
		}
	}
}

func TestACrashAtAnyCallLosesNothingAndNothingIsAnchoredTwice(t *testing.T) {
	for at := range calls(t) {
		for _, happens := range []bool{false, true} {
			t.Run(fmt.Sprintf("call %d, happened %t", at+1, happens), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, 2)
					ctx, crash := context.WithCancel(t.Context())
					defer crash()
					w.faults.at, w.faults.happens, w.faults.observed = at+1, happens, crash
					w.fill()
					require.NoError(t, w.run(ctx))
					require.Error(t, ctx.Err(), "the call was never made")
					w.close()

					w.open()
					defer w.close()
					stop := w.start()
					w.until("all receipted", w.allReceipted)
					require.NoError(t, stop())
					w.verify()
				})
			})
		}
	}
}
