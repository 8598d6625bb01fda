// SPDX-License-Identifier: Apache-2.0

package fabric_test

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/ledger"
	network "github.com/anchorline/anchorline/network/fabric"
)

// freePorts finds forty ports in a row that nobody listens on, away from those of other suites.
func freePorts(t *testing.T) int {
	t.Helper()
	const room = 40
	for base := 21000 + os.Getpid()%100*room; base < 25960; base += room {
		free := true
		for port := base; free && port < base+room; port++ {
			l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
			if free = err == nil; free {
				require.NoError(t, l.Close())
			}
		}
		if free {
			return base
		}
	}
	require.FailNow(t, "no free ports")
	return 0
}

// started runs a real network of an ordering, with our chaincode on it, until the test ends.
func started(t *testing.T, ordering network.Ordering) (writer, reader *ledger.Client) {
	t.Helper()
	if f := flag.Lookup("fabric"); f == nil || f.Value.String() != "true" {
		t.Skip("SKIPPED, NOT TESTED AGAINST REAL FABRIC: run with -fabric")
	}
	config := network.Config{Dir: filepath.Join(t.TempDir(), "network"), Ordering: ordering, BasePort: freePorts(t)}
	n, err := network.Start(t.Context(), config)
	t.Cleanup(func() {
		// The test's context is over by now.
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if n != nil {
			require.NoError(t, n.Purge(ctx))
		}
	})
	require.NoError(t, err)
	require.NoError(t, n.Deploy(t.Context(), network.Deployment{}))
	client := func(user string) *ledger.Client {
		p, _, err := n.Profile("Org1MSP", user, "anchorline")
		require.NoError(t, err)
		c, err := ledger.Connect(ledger.Profile(p))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.Close()) })
		return c
	}
	return client("Admin"), client("User1")
}

func TestWhatARealSmartBFTNetworkSignedIsProvenAndNothingAlteredPasses(t *testing.T) {
	a := collectFrom(t, network.SmartBFT)
	require.Equal(t, 3, a.trust.Orderers.Signatures)
	require.Len(t, a.trust.Orderers.Consenters, 4)
	requireProven(t, a, 3)
	requireNothingAlteredPasses(t, a)
	a.keep(t, "smartbft")
}

func TestWhatThreeRealRaftOrderersSignedIsProven(t *testing.T) {
	a := collectFrom(t, network.ThreeRaft)
	requireProven(t, a, 1)
	a.keep(t, "raft")
}

func collectFrom(t *testing.T, ordering network.Ordering) artefacts {
	t.Helper()
	writer, reader := started(t, ordering)
	return collect(t, writer, reader)
}
