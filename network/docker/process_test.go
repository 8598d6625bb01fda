// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds every wait for a condition.
const patience = time.Minute

// A process is a running program whose output is gathered. It ends with the test.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{}
	err  error

	mu   sync.Mutex
	said bytes.Buffer
}

func start(t *testing.T, command *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: command, done: make(chan struct{})}
	command.Stdout, command.Stderr = p, p
	require.NoError(t, command.Start())
	go func() {
		p.err = command.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill() // unless it has ended
		<-p.done
		if t.Failed() {
			t.Logf("%s printed:\n%s", strings.Join(command.Args, " "), p.output())
		}
	})
	return p
}

// Write gathers output.
func (p *process) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(data)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// until waits until the program has printed a text.
func (p *process) until(text string) {
	p.t.Helper()
	p.await(func() error {
		if !strings.Contains(p.output(), text) {
			return fmt.Errorf("%q is not printed", text)
		}
		return nil
	})
}

// await tries again until there is no error. That the program has ended is one at once.
func (p *process) await(try func() error) {
	p.t.Helper()
	tick, late := time.NewTicker(50*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-p.done:
			require.FailNow(p.t, "it ended", "%v; %v", p.err, err)
		case <-late:
			require.FailNow(p.t, "it takes too long", "%v", err)
		case <-tick.C:
		}
	}
}

// healthy waits until a health check passes.
func (p *process) healthy(check func() error) {
	p.t.Helper()
	p.await(check)
}

// unhealthy waits until a health check fails and says this.
func (p *process) unhealthy(check func() error, why string) {
	p.t.Helper()
	p.await(func() error {
		err := check()
		switch {
		case err == nil:
			return errors.New("it passes its health check")
		case !strings.Contains(err.Error(), why):
			return fmt.Errorf("not for this reason: %w", err)
		}
		return nil
	})
}

// interrupt stops the program as a container engine does, and returns how it ended.
func (p *process) interrupt() error {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(os.Interrupt))
	select {
	case <-p.done:
		return p.err
	case <-time.After(patience):
		return errors.New("it does not end")
	}
}

// freeAddress is an address of this machine that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}
