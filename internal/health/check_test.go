// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anchorline/anchorline/internal/health"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestManyWhoAskAreOneQuestionASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		c := health.New("ledger", func(ctx context.Context) error {
			asked.Add(1)
			select {
			case <-time.After(100 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if err := c.Err(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		require.NoError(t, c.Err())
		require.EqualValues(t, 1, asked.Load())
		time.Sleep(time.Second)
		require.NoError(t, c.Err())
		require.EqualValues(t, 2, asked.Load())
	})
}

func TestAnAnswerThatDoesNotComeIsNotWaitedForAndNotAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		mended := make(chan struct{})
		c := health.New("disk", func(context.Context) error { // a disk that hangs heeds no context
			asked.Add(1)
			<-mended
			return nil
		})
		for range 3 {
			began := time.Now()
			require.ErrorContains(t, c.Err(), "no answer within")
			require.Less(t, time.Since(began), 2*time.Second)
		}
		require.EqualValues(t, 1, asked.Load())
		close(mended)
		synctest.Wait()
		require.NoError(t, c.Err())
	})
}

func TestAReportNamesWhatIsWrong(t *testing.T) {
	well := health.New("a", func(context.Context) error { return nil })
	ill := health.New("b", func(context.Context) error { return errors.New("no space left") })
	require.Equal(t, health.Report{OK: true, Checks: []health.Result{{Name: "a", OK: true}}}, health.Examine(well))
	require.Equal(t, health.Report{Checks: []health.Result{{Name: "a", OK: true}, {Name: "b", Detail: "no space left"}}}, health.Examine(well, ill))
	require.True(t, health.Examine().OK)
}
