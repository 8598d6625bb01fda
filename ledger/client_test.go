// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/anchorline/anchorline/ledger"
)

func TestAPeerThatIsBackIsFoundWithinSecondsHoweverLongItWasAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var tried []time.Time
		away := func(context.Context, string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			tried = append(tried, time.Now())
			return nil, errors.New("connection refused")
		}
		conn, err := grpc.NewClient("passthrough:///peer", grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(away), ledger.Reconnecting())
		require.NoError(t, err)
		defer conn.Close()
		conn.Connect()
		time.Sleep(10 * time.Minute)
		mu.Lock()
		defer mu.Unlock()
		require.Less(t, time.Since(tried[len(tried)-1]), 7*time.Second)
		for i := range tried[1:] {
			require.Less(t, tried[i+1].Sub(tried[i]), 7*time.Second)
		}
	})
}
