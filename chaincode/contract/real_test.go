// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/internal/networktest"
	"github.com/anchorline/anchorline/network/devnet"
	"github.com/anchorline/anchorline/network/fabric"
)

// label is the label under which the scripts install our chaincode.
const label = "anchorline_1.0"

// realNetwork is the real network of this run: two organisations, one Raft orderer.
type realNetwork struct {
	dir     string
	network *fabric.Network
	channel *networktest.Channel
	port    int
	// names counts the chaincode names that tests were given.
	names atomic.Int64
}

// realNet is nil unless this run is on a real network.
var realNet *realNetwork

// startReal starts a real network with our chaincode on it, by the scripts that operators use.
func startReal() (*realNetwork, error) {
	if err := fabric.Available(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "anchorline-contract-*")
	if err != nil {
		return nil, err
	}
	r := &realNetwork{dir: dir}
	if r.port, err = findPorts(21000, 22960, 40); err != nil {
		return nil, err
	}
	config := fabric.Config{Dir: filepath.Join(dir, "network"), BasePort: r.port, Output: os.Stderr}
	if r.network, err = fabric.Start(ctx, config); err != nil {
		return nil, err
	}
	if err := r.deploy(ctx); err != nil {
		return nil, errors.Join(err, r.stop())
	}
	if r.channel, err = r.at("anchorline").dial(); err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return r, nil
}

// deploy deploys our chaincode: as a service, or as a package that the peers build and launch.
func (r *realNetwork) deploy(ctx context.Context) error {
	if !*launched {
		return r.network.Deploy(ctx, fabric.Deployment{})
	}
	file := filepath.Join(r.dir, "anchorline.tar.gz")
	pack := exec.CommandContext(ctx, filepath.Join("..", "..", "test-network-scripts", "package-chaincode.sh"), "--output", file)
	if output, err := pack.CombinedOutput(); err != nil {
		return fmt.Errorf("package-chaincode.sh: %w\n%s", err, output)
	}
	return r.network.Deploy(ctx, fabric.Deployment{Package: file})
}

// stop ends everything that startReal started.
func (r *realNetwork) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if r.channel != nil {
		_ = r.channel.Close()
	}
	return errors.Join(r.network.Purge(ctx), os.RemoveAll(r.dir))
}

// at is the site of a chaincode of this network.
func (r *realNetwork) at(chaincode string) *site {
	return &site{
		channel: r.channel, chaincode: chaincode, crypto: filepath.Join(r.network.Dir(), "crypto"),
		profile: func(msp, user string) devnet.Profile {
			p, _, err := r.network.Profile(msp, user, "")
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
			p.Chaincode = chaincode
			return devnet.Profile(p)
		},
	}
}

// site gives a test a name of its own, and so an empty state, for our chaincode. policy is nil for
// the channel's own, by which both organisations must endorse; change may choose other packages.
func (r *realNetwork) site(t testing.TB, policy *common.SignaturePolicyEnvelope, change ...func(*networktest.Admin)) site {
	t.Helper()
	s := r.at(fmt.Sprint("anchorline-", r.names.Add(1)))
	s.open(t)
	admins := []networktest.Admin{{Identity: s.org1.Admin(t)}, {Identity: s.org2.Admin(t)}}
	for i := range admins {
		var err error
		admins[i].Package, err = r.channel.Installed(admins[i].Identity, label)
		require.NoError(t, err)
		for _, c := range change {
			c(&admins[i])
		}
	}
	require.NoError(t, r.channel.Define(s.chaincode, policy, admins...))
	return *s
}

// findPorts finds ports in a row that nobody listens on. Where it begins depends on the process, so
// that two at the same time do not choose the same.
func findPorts(from, to, count int) (int, error) {
	places := (to - from) / count
	for i := range places {
		if base := from + (os.Getpid()+i)%places*count; allFree(base, count) {
			return base, nil
		}
	}
	return 0, fmt.Errorf("no %d free ports in a row between %d and %d", count, from, to)
}

func allFree(base, count int) bool {
	for port := base; port < base+count; port++ {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil || listener.Close() != nil {
			return false
		}
	}
	return true
}
