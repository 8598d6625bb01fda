// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/network/devnet"
	"github.com/anchorline/anchorline/network/fabric"
)

// embedded starts an embedded network of the test's own.
func embedded(t testing.TB, o options) *Network {
	t.Helper()
	if o.ordering == fabric.SmartBFT {
		t.Skip("SKIPPED, NOT TESTED ON THE EMBEDDED NETWORK: it has no SmartBFT orderers, run it with -fabric")
	}
	cfg := devnet.Default(t.TempDir())
	cfg.BatchTimeout = 20 * time.Millisecond
	cfg.Organisations, cfg.EndorsementPolicy = o.organisations, o.policy
	cfg.Services = make(map[string]devnet.Service)
	processes := make(map[string]*process)
	for msp, path := range o.code {
		p := &process{msp: msp, program: build(t, path), address: freeAddress(t)}
		p.start(t)
		t.Cleanup(p.kill)
		processes[msp], cfg.Services[msp] = p, devnet.Service{Address: p.address}
	}
	running, err := devnet.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, running.Close()) })
	return &Network{
		t: t, organisations: running.Organisations(), profile: running.Profile, embedded: running,
		kill: func(t testing.TB, msp string) {
			if p := processes[msp]; p != nil {
				p.kill()
				return
			}
			require.NoError(t, running.Faults().StopChaincode(msp))
		},
		restart: func(t testing.TB, msp string) {
			if p := processes[msp]; p != nil {
				p.start(t)
				return
			}
			require.NoError(t, running.Faults().StartChaincode(t.Context(), msp))
		},
	}
}

// process is the chaincode of one organisation as a process.
type process struct {
	msp, program, address string
	command               *exec.Cmd // nil when it does not run
}

// start starts the process and waits until it listens.
func (p *process) start(t testing.TB) {
	t.Helper()
	p.command = exec.Command(p.program) //nolint:noctx // kill ends it
	p.command.Env = []string{
		"CHAINCODE_SERVER_ADDRESS=" + p.address, "CHAINCODE_ID=testnet:" + p.msp, "CORE_PEER_LOCALMSPID=" + p.msp,
	}
	p.command.Stderr = os.Stderr
	require.NoError(t, p.command.Start())
	require.Eventually(t, func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.address)
		return err == nil && conn.Close() == nil
	}, time.Minute, 10*time.Millisecond, "the chaincode of %s does not listen", p.msp)
}

// kill ends the process, if it runs.
func (p *process) kill() {
	if p.command == nil {
		return
	}
	_ = p.command.Process.Kill() // it may have ended by itself
	_ = p.command.Wait()         // killed
	p.command = nil
}

// build builds a main package.
func build(t testing.TB, path string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "chaincode")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, path).CombinedOutput()
	require.NoError(t, err, string(out))
	return program
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}
