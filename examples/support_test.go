// SPDX-License-Identifier: Apache-2.0

package examples_test

import (
	"bytes"
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
)

// patience bounds every wait for a condition; a healthy run needs a fraction of it.
const patience = time.Minute

// binary is the built program.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "anchorline-examples-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "anchorline")
	build := exec.Command("go", "build", "-o", binary, "../cmd/anchorline")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		return 1
	}
	return m.Run()
}

// A process is a running command whose output is gathered.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{}

	mu  sync.Mutex
	out bytes.Buffer
}

// start runs a command in dir. It is killed at the end of the test, unless it ended before.
func start(t *testing.T, dir string, command ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(command[0], command[1:]...), done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, p, p
	p.cmd.WaitDelay = time.Second // a child of a killed shell may hold the output open
	require.NoError(t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("%s printed:\n%s", strings.Join(command, " "), p.output())
		}
	})
	return p
}

// Write gathers output.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// until waits until the output holds text n times.
func (p *process) until(text string, n int) {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		select {
		case <-p.done:
			return true
		default:
			return strings.Count(p.output(), text) >= n
		}
	}, patience, 10*time.Millisecond, "never printed %q %d times", text, n)
	require.GreaterOrEqual(p.t, strings.Count(p.output(), text), n, "the process ended before it printed %q %d times", text, n)
}

// wait waits for the end and returns the exit status.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		require.Fail(p.t, "the process does not end", p.output())
	}
	return p.cmd.ProcessState.ExitCode()
}

// execute runs a command in dir to its end and returns what it printed and its exit status.
func execute(t *testing.T, dir string, command ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// must runs a command and fails the test unless it succeeds.
func must(t *testing.T, dir string, command ...string) string {
	t.Helper()
	out, status := execute(t, dir, command...)
	require.Zero(t, status, "%s: %s", strings.Join(command, " "), out)
	return out
}

// freeAddress is an address on this machine that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// A setting is a broker to run the examples on.
type setting struct {
	name string
	args func(t *testing.T) []string // of `anchorline up`
}

// settings are the embedded broker and mosquitto.
func settings() []setting {
	return []setting{
		{"embedded broker", func(t *testing.T) []string { return []string{"--listen", freeAddress(t)} }},
		{"mosquitto", func(t *testing.T) []string { return []string{"--broker", "tcp://" + startMosquitto(t)} }},
	}
}

// startMosquitto runs a mosquitto as network/broker/mosquitto.conf has it and returns its address.
func startMosquitto(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto" // where Debian puts it, outside a user's PATH
	}
	if _, err := os.Stat(program); err != nil {
		t.Skip("SKIPPED, NOT TESTED: mosquitto is not installed (apt-get install mosquitto)")
	}
	dir, addr := t.TempDir(), freeAddress(t)
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	template, err := os.ReadFile(filepath.Join("..", "network", "broker", "mosquitto.conf"))
	require.NoError(t, err)
	text := strings.NewReplacer("listener 1883", "listener "+port, "/var/lib/mosquitto/", dir+"/").Replace(string(template))
	conf := filepath.Join(dir, "mosquitto.conf")
	require.NoError(t, os.WriteFile(conf, []byte(text+"\nuser root\n"), 0o600))
	start(t, dir, program, "-c", conf)
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", addr)
		return err == nil && c.Close() == nil
	}, patience, 10*time.Millisecond, "mosquitto does not listen")
	return addr
}
