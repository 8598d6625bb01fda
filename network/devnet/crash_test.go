// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/network/devnet"
	"github.com/anchorline/anchorline/network/devnet/internal/probe"
)

// victimDir names the folder of the network that a helper process runs, and dies in.
const victimDir = "DEVNET_TEST_VICTIM_DIR"

// TestVictim is the helper process of the test below; it does nothing on its own.
func TestVictim(t *testing.T) {
	dir := os.Getenv(victimDir)
	if dir == "" {
		t.Skip("helper process of TestKilledAtAnyMomentTheLedgerContinues, started by it")
	}
	cfg := devnet.Default(dir)
	cfg.Chaincode, cfg.BatchTimeout, cfg.MaxMessages = devnet.Everywhere(&probe.Chaincode{}), time.Millisecond, 4
	n, err := devnet.Start(context.Background(), cfg)
	require.NoError(t, err)
	profile, err := json.Marshal(n.Profile("Org1MSP", "User1"))
	require.NoError(t, err)
	fmt.Printf("profile %s\n", profile)
	select {} // until killed
}

func victimCommand(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestVictim$", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	return cmd
}

// victim runs the helper until kill is called.
func victim(t *testing.T, dir string) (devnet.Profile, func()) {
	t.Helper()
	cmd := victimCommand(t, dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	var p devnet.Profile
	for lines.Scan() {
		if text, found := strings.CutPrefix(lines.Text(), "profile "); found {
			require.NoError(t, json.Unmarshal([]byte(text), &p))
			break
		}
		t.Log(lines.Text())
	}
	require.NotEmpty(t, p.Endpoint, "the helper did not start")
	return p, sync.OnceFunc(func() {
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // its status is that it was killed
	})
}

// TestKilledAtAnyMomentTheLedgerContinues kills a process that commits blocks, again and
// again: what a client was told is committed stays, and the chain stays whole.
func TestKilledAtAnyMomentTheLedgerContinues(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	committed := map[string]string{} // key -> value, as told by commit statuses
	for round := range 6 {
		// After so many commits, while others are under way: which step is hit is left to chance.
		remaining, due := 10+rand.IntN(40), make(chan struct{})
		p, kill := victim(t, dir)
		c := connect(t, p).GetNetwork(p.Channel).GetContract(p.Chaincode)
		var writers sync.WaitGroup
		for w := range 4 {
			writers.Go(func() {
				for i := 0; ; i++ {
					key, value := fmt.Sprintf("k%d-%d", w, i%7), fmt.Sprintf("%d.%d.%d", round, w, i)
					_, err := c.Submit("put", client.WithArguments(key, value))
					mu.Lock()
					if err == nil {
						committed[key] = value
						if remaining--; remaining == 0 {
							close(due)
						}
					} else {
						delete(committed, key) // may or may not be there
					}
					mu.Unlock()
					if err != nil {
						return
					}
				}
			})
		}
		stopped := make(chan struct{})
		go func() { writers.Wait(); close(stopped) }()
		select {
		case <-due:
		case <-stopped:
			require.Fail(t, "every writer failed before the kill")
		}
		kill()
		writers.Wait()
	}
	n := start(t, func(cfg *devnet.Config) { cfg.Dir = dir })
	require.Greater(t, n.Height(), uint64(6))
	c := contractOf(t, n)
	require.NotEmpty(t, committed)
	for key, value := range committed {
		require.Equal(t, value, evaluate(t, c, "get", key))
	}
	submit(t, c, "put", "after", "1")
	bytes, err := n.Bytes()
	require.NoError(t, err)
	require.Positive(t, bytes)
}

// TestKilledWhileItIsMadeTheNetworkIsMadeAgain kills a process that makes identities and the
// first block: the next start makes what is missing.
func TestKilledWhileItIsMadeTheNetworkIsMadeAgain(t *testing.T) {
	for range 3 {
		dir := t.TempDir()
		for range 3 {
			cmd := victimCommand(t, dir)
			require.NoError(t, cmd.Start())
			time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond) // the moment of death is what varies
			require.NoError(t, cmd.Process.Kill())
			_ = cmd.Wait() // its status is that it was killed
		}
		n := start(t, func(cfg *devnet.Config) { cfg.Dir = dir })
		submit(t, contractOf(t, n), "put", "a", "1")
		require.NoError(t, n.Close())
	}
}
