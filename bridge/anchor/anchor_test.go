// SPDX-License-Identifier: Apache-2.0

package anchor_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge/anchor"
	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
)

func mustEncode(t *testing.T, a record.Anchor) string {
	t.Helper()
	data, err := a.Encode()
	require.NoError(t, err)
	return string(data)
}

func fault(kind error) error {
	return &ledger.Error{Step: "test", Kind: kind, Err: errors.New("fault")}
}

// times refuses a call so many times, and counts how often it was made.
func times(n int, call string, kind error, made *int) func(string) error {
	return func(c string) error {
		if c != call {
			return nil
		}
		*made++
		if *made <= n {
			return fault(kind)
		}
		return nil
	}
}

const always = 1 << 30

func TestWhatSomebodyMustMendIsSaidAndGoesOnByItselfWhenItIsMended(t *testing.T) {
	for _, kind := range []error{ledger.ErrInvalidArgument, ledger.ErrDenied, ledger.ErrConfig} {
		for _, call := range []string{"endorse", "submit"} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 10)
				defer w.close()
				made := 0
				w.chain.refuse = times(40, call, kind, &made)
				w.accept("a", 1, 3)
				stop := w.start()
				time.Sleep(time.Second)
				condition := w.anchorer.Condition()
				require.Equal(t, anchor.Person, condition.Kind)
				require.ErrorIs(t, condition.Halted(), kind)
				require.ErrorContains(t, condition.Err, "batch 1")
				require.EqualValues(t, 3, w.books().Pending(), "it is kept")
				began := time.Now()
				for !w.allReceipted() {
					time.Sleep(time.Minute) // of the bubble's clock
				}
				require.Greater(t, time.Since(began), 15*time.Minute, "it is tried slowly")
				require.NoError(t, stop())
				require.NoError(t, w.anchorer.Condition().Halted())
				require.Len(t, w.chain.anchored, 1)
				require.Len(t, w.said(), 1, "a change is logged once: %v", w.said())
			})
		}
	}
}

func TestAForkEndsAnchoringAtOnceAndKeepsTheBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		defer w.close()
		made := 0
		w.chain.refuse = times(always, "endorse", ledger.ErrEquivocation, &made)
		w.accept("a", 1, 3)
		err := w.run(t.Context())
		require.ErrorIs(t, err, anchor.ErrForked)
		require.ErrorIs(t, err, ledger.ErrEquivocation)
		require.Equal(t, 1, made)
		require.Equal(t, anchor.Fork, w.anchorer.Condition().Kind)
		require.EqualValues(t, 3, w.books().Pending())
	})
}

func TestEquivocationIsRecordedOnTheLedgerBeforeAnchoringHalts(t *testing.T) {
	for name, c := range map[string]struct {
		away   int   // how often the ledger is away for the report
		kind   error // in which way
		stored int
		says   string
	}{
		"at once":                     {0, nil, 1, "recorded on the ledger in transaction the report's transaction"},
		"when the ledger is back":     {30, ledger.ErrUnavailable, 1, "recorded on the ledger in transaction the report's transaction"},
		"when the outcome is unknown": {1, ledger.ErrUnknownOutcome, 1, "recorded on the ledger in transaction the report's transaction"},
		"or says that it could not":   {always, ledger.ErrForbidden, 0, "could not be recorded on the ledger"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 10)
				defer w.close()
				made, asked := 0, 0
				away := times(c.away, "report", c.kind, &made)
				equivocation := times(always, "endorse", ledger.ErrEquivocation, &asked)
				w.chain.refuse = func(call string) error { return errors.Join(away(call), equivocation(call)) }
				w.accept("a", 1, 3)
				err := w.run(t.Context())
				require.ErrorIs(t, err, anchor.ErrForked)
				require.ErrorIs(t, err, ledger.ErrEquivocation)
				require.ErrorContains(t, err, c.says)
				require.Len(t, w.chain.reported, c.stored)
				if c.stored > 0 {
					b, err := w.spool.Latest()
					require.NoError(t, err)
					require.Equal(t, ledger.Equivocation{Anchor: string(b.Anchor)}, w.chain.reported[0])
				}
			})
		})
	}
}

func TestALedgerThatIsAwayIsWaitedForHoweverLong(t *testing.T) {
	for _, kind := range []error{ledger.ErrUnavailable, ledger.ErrUnknownOutcome, ledger.ErrChaincode} {
		for _, call := range []string{"endorse", "submit"} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 10)
				defer w.close()
				made, began := 0, time.Now()
				w.chain.refuse = times(300, call, kind, &made)
				w.accept("a", 1, 3)
				stop := w.start()
				for !w.allReceipted() {
					time.Sleep(time.Minute) // of the bubble's clock
				}
				require.NoError(t, stop())
				require.Greater(t, time.Since(began), time.Hour, "attempts must be far apart")
			})
		}
	}
}

func TestAPeerThatLagsBehindTheOthersDoesNotHaltAnchoring(t *testing.T) {
	for _, kind := range []error{ledger.ErrConflict, ledger.ErrNotFound, ledger.ErrForbidden} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 10)
			defer w.close()
			made := 0
			w.chain.refuse = times(3, "endorse", kind, &made)
			w.accept("a", 1, 3)
			stop := w.start()
			w.until("all receipted", w.allReceipted)
			require.NoError(t, stop())
		})
	}
}

func TestAConflictThatStaysNeedsSomebodyInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		defer w.close()
		made, began := 0, time.Now()
		w.chain.refuse = times(always, "endorse", ledger.ErrConflict, &made)
		w.accept("a", 1, 3)
		stop := w.start()
		time.Sleep(time.Second)
		for w.anchorer.Condition().Halted() == nil {
			require.Equal(t, anchor.Passing, w.anchorer.Condition().Kind)
			time.Sleep(time.Second)
		}
		require.ErrorIs(t, w.anchorer.Condition().Err, ledger.ErrConflict)
		require.Greater(t, time.Since(began), time.Minute)
		require.Less(t, made, 50)
		require.NoError(t, stop())
	})
}

func TestATransactionThatTheLedgerWillNotTakeIsReplaced(t *testing.T) {
	for _, kind := range []error{ledger.ErrInvalidated, ledger.ErrRejected} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 10)
			defer w.close()
			made := 0
			w.chain.refuse = times(2, "submit", kind, &made)
			w.accept("a", 1, 3)
			stop := w.start()
			w.until("all receipted", w.allReceipted)
			require.NoError(t, stop())
			require.Equal(t, 3, w.chain.proposals, "one for each transaction")
		})
	}
}

func TestInvalidTransactionsDoNotFillTheLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		defer w.close()
		made := 0
		w.chain.refuse = times(always, "submit", ledger.ErrInvalidated, &made)
		w.accept("a", 1, 3)
		stop := w.start()
		time.Sleep(time.Hour)
		require.NoError(t, stop())
		require.Less(t, made, 150)
		require.ErrorIs(t, w.anchorer.Condition().Halted(), ledger.ErrInvalidated)
	})
}

func TestAnArchiveThatHoldsAnotherBatchNeedsSomebody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		defer w.close()
		path := filepath.Join(w.dir, "archive", "0000000", "0000000001.batch")
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte("of another stream"), 0o600))
		w.accept("a", 1, 1)
		stop := w.start()
		time.Sleep(time.Minute)
		require.ErrorIs(t, w.anchorer.Condition().Halted(), archive.ErrConflict)
		require.Zero(t, w.chain.proposed(), "nothing is anchored that is not archived")
		require.NoError(t, os.Remove(path))
		time.Sleep(2 * time.Minute)
		require.True(t, w.allReceipted(), "mended, it goes on")
		require.NoError(t, stop())
	})
}

func TestAnArchiveThatCannotBeWrittenNowIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		defer w.close()
		obstacle := filepath.Join(w.dir, "archive", "0000000")
		require.NoError(t, os.WriteFile(obstacle, nil, 0o600)) // stands for a full disk
		w.accept("a", 1, 1)
		stop := w.start()
		time.Sleep(time.Hour)
		require.Zero(t, w.chain.proposed())
		require.NoError(t, os.Remove(obstacle))
		w.until("all receipted", w.allReceipted)
		require.NoError(t, stop())
	})
}

func TestABatchLingersForOthersAndNotLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		defer w.close()
		stop := w.start()
		synctest.Wait()
		w.accept("a", 1, 1)
		time.Sleep(w.cfg.Linger / 2)
		require.Zero(t, w.books().Batches)
		w.accept("a", 2, 2)
		time.Sleep(w.cfg.Linger/2 + time.Millisecond)
		synctest.Wait()
		require.EqualValues(t, 1, w.books().Batches, "the first reading's time is over, whatever came later")
		require.EqualValues(t, 2, w.books().Sealed)
		require.NoError(t, stop())
	})
}

func TestAFullBatchIsSealedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		defer w.close()
		w.cfg.Linger = time.Hour
		w.close()
		w.open()
		stop := w.start()
		synctest.Wait()
		w.accept("a", 1, 3)
		synctest.Wait()
		require.Zero(t, w.books().Batches)
		w.accept("a", 4, 6)
		synctest.Wait()
		require.EqualValues(t, 1, w.books().Batches)
		require.EqualValues(t, 4, w.books().Anchored)
		require.NoError(t, stop())
	})
}

func TestWhileOneAnchorIsInFlightTheNextBatchGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1000)
		defer w.close()
		gate := make(chan struct{})
		w.chain.gate = gate
		stop := w.start()
		w.accept("a", 1, 1)
		time.Sleep(time.Second)
		for seq := uint64(2); seq <= 30; seq++ {
			w.accept("a", seq, seq)
			time.Sleep(w.cfg.Linger * 2)
		}
		require.EqualValues(t, 1, w.books().Batches)
		close(gate)
		w.until("all receipted", w.allReceipted)
		require.EqualValues(t, 2, w.books().Batches)
		require.NoError(t, stop())
	})
}

func TestAnAnchorThatIsOnTheLedgerAlreadyIsNotSubmittedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		defer w.close()
		w.accept("a", 1, 2)
		b, err := w.spool.Seal(10)
		require.NoError(t, err)
		// Another transaction with the same anchor was committed; its bytes are lost.
		p, err := w.chain.PrepareAnchor(t.Context(), b.Anchor)
		require.NoError(t, err)
		_, err = w.chain.Submit(t.Context(), p.Bytes)
		require.NoError(t, err)
		stop := w.start()
		w.until("all receipted", w.allReceipted)
		require.NoError(t, stop())
		require.Equal(t, 1, w.chain.submits)
		got, err := w.spool.Batch(1)
		require.NoError(t, err)
		require.Equal(t, spool.Commit{TransactionID: p.TxID, Block: 101, Time: 77}, got.Commit)
	})
}
