// SPDX-License-Identifier: Apache-2.0

package anchor_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge/anchor"
	"github.com/anchorline/anchorline/bridge/quarantine"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/ledger"
)

func TestWhatIsNoLongerGoodIsNotSealedButKeptWithTheReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		defer w.close()
		w.judge.set(nil, map[string]string{"b": "device_revoked"})
		w.accept("a", 1, 3)
		w.accept("b", 1, 2)
		w.accept("c", 1, 1)
		stop := w.start()
		w.until("none waits", func() bool { b := w.books(); return b.Pending() == 0 && b.Receipted == b.Anchored })
		require.NoError(t, stop())
		books := w.books()
		require.EqualValues(t, 4, books.Receipted)
		require.Equal(t, map[string]uint64{"device_revoked": 2}, books.Withdrawn)
		require.Empty(t, w.mail.got["b"])
		require.Equal(t, map[uint64]int{1: 1}, w.mail.got["c"], "with the right proof, behind what was taken out")
		kept, err := w.spool.Quarantine().List(quarantine.Filter{Accepted: true})
		require.NoError(t, err)
		require.Len(t, kept, 2)
		require.Equal(t, mqtt.ReadingsTopic(device("b")), kept[0].Topic)
		require.Equal(t, "it is device_revoked", kept[0].Detail)
		require.Equal(t, 3, w.judge.asked, "once for each device and key")
	})
}

func TestABatchOfNothingGoodIsNotMadeAndTheNextOneIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		defer w.close()
		w.judge.set(nil, map[string]string{"b": "key_replaced"})
		w.accept("b", 1, 4)
		w.accept("a", 1, 1)
		stop := w.start()
		w.until("none waits", func() bool { b := w.books(); return b.Pending() == 0 && b.Receipted == 1 })
		require.NoError(t, stop())
		require.EqualValues(t, 1, w.books().Batches)
		require.Len(t, w.chain.anchored, 1)
	})
}

func TestNothingIsSealedBeforeTheRegistryAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		defer w.close()
		w.judge.set(fault(ledger.ErrUnavailable), nil)
		w.accept("a", 1, 3)
		stop := w.start()
		time.Sleep(time.Hour)
		require.Zero(t, w.books().Batches)
		require.Equal(t, anchor.Passing, w.anchorer.Condition().Kind)
		w.judge.set(nil, nil)
		w.until("all receipted", w.allReceipted)
		require.NoError(t, stop())
	})
}

func TestABatchIsBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1000)
		defer w.close()
		w.close()
		w.cfg.MaxBatchBytes = 1000
		w.open()
		w.accept("a", 1, 40)
		stop := w.start()
		w.until("all receipted", w.allReceipted)
		require.NoError(t, stop())
		for n := uint64(1); n <= w.books().Batches; n++ {
			file, err := w.archive.Get(n)
			require.NoError(t, err)
			bytes := 0
			for _, e := range file.Entries {
				bytes += len(e.Reading)
			}
			require.LessOrEqual(t, bytes, 1000)
			require.NotEmpty(t, file.Entries)
		}
		require.Greater(t, w.books().Batches, uint64(4))
	})
}
