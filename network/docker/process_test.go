// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"bytes"
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

// findMosquitto looks where Debian puts it, which is on the PATH of root only.
func findMosquitto() (string, error) {
	if path, err := exec.LookPath("mosquitto"); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/mosquitto")
}

// A mosquitto is a running broker.
type mosquitto struct {
	*process
	address string
}

// stop ends the broker, which must have had nothing to complain of.
func (m *mosquitto) stop() {
	m.t.Helper()
	_ = m.cmd.Process.Kill() // unless it has ended
	<-m.done
	require.NotContains(m.t, m.output(), "Error")
	require.NotContains(m.t, m.output(), "recommended to replace")
}

// startMosquitto starts a broker with the configuration of a folder of network, with only the
// address and the folder for its data replaced.
func startMosquitto(t *testing.T, folder string) *mosquitto {
	t.Helper()
	program, err := findMosquitto()
	if err != nil {
		t.Skip("SKIPPED, NOT TESTED: mosquitto is not installed, its configuration cannot be tried")
	}
	address := freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	dir := t.TempDir()
	listener := "\nlistener " + port + " 127.0.0.1\n"
	config := strings.NewReplacer("/mosquitto/data/", dir+"/", "/var/lib/mosquitto/", dir+"/",
		"\nlistener 1883\n", listener, "\nlistener 1883 127.0.0.1\n", listener,
	).Replace(read(t, "network", folder, "mosquitto.conf"))
	require.Contains(t, config, listener)
	file := filepath.Join(dir, "mosquitto.conf")
	// Mosquitto gives up root for a user of its own, who has to read and write here.
	require.NoError(t, os.Chmod(dir, 0o777))
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(config), 0o644))
	m := &mosquitto{start(t, exec.CommandContext(t.Context(), program, "-c", file)), address}
	t.Cleanup(m.stop)
	m.await(func() error {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		return connection.Close()
	})
	return m
}
