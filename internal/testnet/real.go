// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/network/devnet"
	"github.com/anchorline/anchorline/network/fabric"
)

// patience bounds the start and the end of a real network, and each deployment.
const patience = 5 * time.Minute

// realNetwork is the real network of this process, started by the scripts that operators use. A
// process that is killed leaves it running, in a folder anchorline-testnet-* of the temporary files,
// where down.sh finds it.
type realNetwork struct {
	mu      sync.Mutex
	dir     string
	network *fabric.Network
	names   int
}

var shared realNetwork

// name gives a test a chaincode name of its own and so an empty state, and returns the connection
// profiles for it.
func (r *realNetwork) name(t testing.TB) func(msp, user string) devnet.Profile {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, r.up(ctx))
	r.names++
	name, network := fmt.Sprint("anchorline-", r.names), r.network
	// A package that is installed may be defined under any number of names. Both peers take the
	// first organisation's here, and so reach the same process.
	file := filepath.Join(network.Dir(), "deploy", "anchorline-Org1MSP.tar.gz")
	require.NoError(t, network.Deploy(ctx, fabric.Deployment{Name: name, Package: file}))
	return func(msp, user string) devnet.Profile {
		p, _, err := network.Profile(msp, user, name)
		require.NoError(t, err)
		return devnet.Profile(p)
	}
}

// up starts the network with our chaincode on it, unless it runs.
func (r *realNetwork) up(ctx context.Context) error {
	if r.network != nil {
		return nil
	}
	if err := fabric.Available(); err != nil {
		return err
	}
	port, err := freePorts()
	if err != nil {
		return err
	}
	if r.dir, err = os.MkdirTemp("", "anchorline-testnet-*"); err != nil {
		return err
	}
	network, err := fabric.Start(ctx, fabric.Config{Dir: filepath.Join(r.dir, "network"), BasePort: port})
	if err != nil {
		return errors.Join(err, network.Purge(ctx))
	}
	r.network = network
	return network.Deploy(ctx, fabric.Deployment{})
}

// stopped ends the network, if there is one, and reports whether nothing is left.
func (r *realNetwork) stopped() bool {
	if r.network == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := errors.Join(r.network.Purge(ctx), os.RemoveAll(r.dir)); err != nil {
		fmt.Fprintln(os.Stderr, "real network:", err)
		return false
	}
	return true
}

// The ports among which a real network looks for room, away from those of other suites.
const (
	firstPort, lastPort = 16000, 20960
	room                = 40
)

// freePorts finds ports in a row that nobody listens on. Where it begins depends on the process, so
// that two at the same time do not choose the same.
func freePorts() (int, error) {
	const places = (lastPort - firstPort) / room
	for i := range places {
		if base := firstPort + (os.Getpid()+i)%places*room; allFree(base) {
			return base, nil
		}
	}
	return 0, fmt.Errorf("no %d free ports in a row between %d and %d", room, firstPort, lastPort)
}

func allFree(base int) bool {
	var config net.ListenConfig
	for port := base; port < base+room; port++ {
		listener, err := config.Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil || listener.Close() != nil {
			return false
		}
	}
	return true
}
