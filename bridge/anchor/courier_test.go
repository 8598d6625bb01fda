// SPDX-License-Identifier: Apache-2.0

package anchor_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge/anchor"
	"github.com/anchorline/anchorline/reading/receipt"
)

func TestReceiptsAreSharedOutOverMessagesThatEveryBrokerTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1000)
		defer w.close()
		w.accept("a", 1, 2*receipt.MaxBatch+1)
		w.accept("b", 1, 1)
		stop := w.start()
		w.until("all receipted", w.allReceipted)
		require.NoError(t, stop())
		require.Less(t, w.mail.messages, 30, "many receipts share a message")
		require.LessOrEqual(t, w.mail.largest, receipt.MaxBatch)
		require.LessOrEqual(t, w.mail.longest, 36<<10, "some brokers take no packet above 128 KiB")
		require.Len(t, w.mail.got["a"], 2*receipt.MaxBatch+1)
		for seq, n := range w.mail.got["a"] {
			require.Equal(t, 1, n, "reading %d", seq)
		}
	})
}

func TestAReadingSentAgainIsAnsweredAgainOnceItIsAnchored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		defer w.close()
		stop := w.start()
		w.accept("a", 1, 2)
		w.courier.Again(device("a"), 2) // not anchored yet: it comes in due course
		w.courier.Again(device("x"), 2) // never accepted
		w.until("all receipted", w.allReceipted)
		synctest.Wait()
		require.Equal(t, 1, w.mail.got["a"][2])
		w.courier.Again(device("a"), 2)
		synctest.Wait()
		require.Equal(t, map[uint64]int{1: 1, 2: 2}, w.mail.got["a"])
		require.NoError(t, stop())
	})
}

func TestAFloodOfDuplicatesNeverBlocksIntake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		defer w.close()
		for range 100_000 { // nobody takes them
			w.courier.Again(device("a"), 1)
			w.courier.Notify()
			w.anchorer.Notify()
		}
	})
}

func TestTheSignatureOverABatchIsMadeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		defer w.close()
		w.accept("a", 1, 1)
		w.faults.at = 3 // the publishing of the receipt
		stop := w.start()
		w.until("all receipted", w.allReceipted)
		require.NoError(t, stop())
		require.Equal(t, 4, w.faults.calls)
		kept, err := w.archive.Receipt(1)
		require.NoError(t, err)
		require.NoError(t, w.archive.PutReceipt(1, kept))
	})
}

func TestABatchFileThatIsGoneOrDamagedStopsReceiptsUntilItIsRestored(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"gone":    os.Remove,
		"damaged": func(path string) error { return os.Truncate(path, 9) },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 10)
			defer w.close()
			w.accept("a", 1, 1)
			path := filepath.Join(w.dir, "archive", "0000000", "0000000001.batch")
			w.chain.gate = make(chan struct{})
			stop := w.start()
			time.Sleep(time.Second) // archived, and waiting for the ledger
			whole, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.Chmod(path, 0o600))
			require.NoError(t, harm(path), name)
			close(w.chain.gate)
			time.Sleep(time.Minute)
			require.Equal(t, anchor.Person, w.courier.Condition().Kind, name)
			require.Zero(t, w.mail.sent(), name)
			require.NoError(t, os.WriteFile(path, whole, 0o600))
			time.Sleep(2 * time.Minute)
			require.True(t, w.allReceipted(), name)
			require.Equal(t, anchor.Well, w.courier.Condition().Kind, name)
			require.NoError(t, stop())
		})
	}
}

func TestReceiptsSentAgainReadFewBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1) // a batch for each reading: the dearest case
		defer w.close()
		const n = 120
		w.accept("a", 1, n)
		stop := w.start()
		w.until("all receipted", w.allReceipted)
		before := w.mail.sent()
		for range 10 { // seconds
			for seq := uint64(1); seq <= n; seq++ {
				w.courier.Again(device("a"), seq)
			}
			time.Sleep(time.Second)
		}
		again := w.mail.sent() - before
		require.LessOrEqual(t, again, 50+5*10+5, "of %d asked for", 10*n)
		require.GreaterOrEqual(t, again, 50)
		require.NoError(t, stop())
	})
}
