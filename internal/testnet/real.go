// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/network/devnet"
	"github.com/anchorline/anchorline/network/fabric"
)

// patience bounds the start and the end of a real network, and each deployment.
const patience = 5 * time.Minute

// A realNetwork is a real network of this process, started by the scripts that operators use. A
// process that is killed leaves it running, in a folder anchorline-testnet-* of the temporary files,
// where down.sh finds it.
type realNetwork struct {
	dir     string
	network *fabric.Network
	names   int
}

// kind is what real networks differ in.
type kind struct {
	organisations int
	ordering      fabric.Ordering
}

// realNetworks are the real networks of this process.
type realNetworks struct {
	mu sync.Mutex
	of map[kind]*realNetwork
}

var shared realNetworks

// start gives a test a chaincode name of its own and so an empty state.
func (r *realNetworks) start(t testing.TB, o options) *Network {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	running, err := r.up(ctx, kind{o.organisations, o.ordering})
	require.NoError(t, err)
	running.names++
	name, network := fmt.Sprint("anchorline-", running.names), running.network
	n := &Network{t: t, profile: func(msp, user string) devnet.Profile {
		p, _, err := network.Profile(msp, user, name)
		require.NoError(t, err)
		return devnet.Profile(p)
	}}
	for i := range o.organisations {
		n.organisations = append(n.organisations, fmt.Sprintf("Org%dMSP", i+1))
	}
	deployment := fabric.Deployment{Name: name, Policy: o.policy, Like: base}
	if o.own {
		deployment = ownDeployment(t, n.organisations, o)
		deployment.Name = name
	}
	require.NoError(t, network.Deploy(ctx, deployment))
	n.kill = func(t testing.TB, msp string) {
		require.True(t, o.own, "the processes serve other tests too: start the network with OwnChaincode")
		require.NoError(t, network.KillChaincode(t.Context(), msp, name))
	}
	n.restart = func(t testing.TB, _ string) { require.NoError(t, network.Deploy(t.Context(), deployment)) }
	return n
}

// ownDeployment is a deployment with processes of its own.
func ownDeployment(t testing.TB, organisations []string, o options) fabric.Deployment {
	t.Helper()
	d := fabric.Deployment{Policy: o.policy, Sources: make(map[string]string), Addresses: make(map[string]string)}
	for _, msp := range organisations {
		d.Addresses[msp] = freeAddress(t)
	}
	for msp, path := range o.code {
		folder, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", path).Output()
		require.NoError(t, err)
		d.Sources[msp] = strings.TrimSpace(string(folder))
	}
	return d
}

// base is the name under which our chaincode is deployed first; others share its processes.
const base = "anchorline"

// up starts a network of a kind with our chaincode on it, unless it runs.
func (r *realNetworks) up(ctx context.Context, of kind) (*realNetwork, error) {
	if running := r.of[of]; running != nil {
		return running, nil
	}
	if err := fabric.Available(); err != nil {
		return nil, err
	}
	port, err := freePorts()
	if err != nil {
		return nil, err
	}
	n := &realNetwork{}
	if n.dir, err = os.MkdirTemp("", "anchorline-testnet-*"); err != nil {
		return nil, err
	}
	n.network, err = fabric.Start(ctx, fabric.Config{
		Dir: filepath.Join(n.dir, "network"), BasePort: port, Organisations: of.organisations, Ordering: of.ordering,
	})
	if err == nil {
		err = n.network.Deploy(ctx, fabric.Deployment{Name: base})
	}
	if err != nil && n.network != nil {
		err = errors.Join(err, n.network.Purge(context.WithoutCancel(ctx)))
	}
	if err != nil {
		return nil, err
	}
	if r.of == nil {
		r.of = make(map[kind]*realNetwork)
	}
	r.of[of] = n
	return n, nil
}

// stopped ends the networks and reports whether nothing is left.
func (r *realNetworks) stopped() bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	clean := true
	for _, n := range r.of {
		if err := errors.Join(n.network.Purge(ctx), os.RemoveAll(n.dir)); err != nil {
			fmt.Fprintln(os.Stderr, "real network:", err)
			clean = false
		}
	}
	return clean
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
