// SPDX-License-Identifier: Apache-2.0

// Package e2e drives the built binary as a person would, and looks at what it leaves on disk
// with the product's own verifier.
//
// By default it runs on the embedded network. With -fabric it runs on a real one, started from
// Fabric's own binaries, which it finds through FABRIC_BIN or PATH.
package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
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

var onFabric = flag.Bool("fabric", false, "run on a real Fabric network instead of the embedded one")

// patience bounds every wait for a condition; a healthy run needs a fraction of it.
const patience = 3 * time.Minute

// binary is the built program.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "anchorline-e2e-*")
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
	stop, err := startFabric(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "real network:", err)
		return 1
	}
	defer stop()
	return m.Run()
}

// A report is the part of up's report that the tests look at.
type report struct {
	Published        uint64            `json:"published"`
	Received         uint64            `json:"received"`
	Accepted         uint64            `json:"accepted"`
	Duplicates       uint64            `json:"duplicates"`
	Quarantined      map[string]uint64 `json:"quarantined"`
	Anchored         uint64            `json:"anchored"`
	Pending          uint64            `json:"pending"`
	Batches          uint64            `json:"batches"`
	Gaps             uint64            `json:"gaps"`
	ReceiptsVerified uint64            `json:"receipts_verified"`
	LedgerHeight     uint64            `json:"ledger_height"`
	DurationSeconds  float64           `json:"duration_seconds"`
}

func readReport(t *testing.T, path string) report {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var r report
	require.NoError(t, json.Unmarshal(data, &r))
	return r
}

// A process is a running command whose output is gathered.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{}
	err  error

	mu  sync.Mutex
	out bytes.Buffer
}

// start runs the binary in dir.
func start(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(binary, args...), done: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = p, p
	require.NoError(t, p.cmd.Start())
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		select {
		case <-p.done:
		default:
			_ = p.cmd.Process.Kill()
			<-p.done
		}
		if t.Failed() {
			t.Logf("%s %s printed:\n%s", filepath.Base(binary), strings.Join(args, " "), p.output())
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

// until waits until the output holds text.
func (p *process) until(text string) {
	p.t.Helper()
	p.untilTimes(text, 1)
}

// untilTimes waits until the output holds text n times.
func (p *process) untilTimes(text string, n int) {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		select {
		case <-p.done:
			return true
		default:
			return strings.Count(p.output(), text) >= n
		}
	}, patience, 10*time.Millisecond, "never printed %q", text)
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

// kill is kill -9. A process that ended by itself in the meantime is as dead.
func (p *process) kill() {
	if err := p.cmd.Process.Kill(); !errors.Is(err, os.ErrProcessDone) {
		require.NoError(p.t, err)
	}
	<-p.done
}

// interrupt is Ctrl-C.
func (p *process) interrupt() { require.NoError(p.t, p.cmd.Process.Signal(os.Interrupt)) }

// command runs the binary to its end and returns what it printed and its exit status.
func command(t *testing.T, dir, stdin string, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// must runs the binary and fails the test unless it succeeds.
func must(t *testing.T, dir, stdin string, args ...string) string {
	t.Helper()
	out, status := command(t, dir, stdin, args...)
	require.Zero(t, status, "%s: %s", strings.Join(args, " "), out)
	return out
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	return ln.Addr().String()
}

// series is one of the real sensor series, or the test is skipped.
func series(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "shared", "data", "nab", name))
	require.NoError(t, err)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED, NOT TESTED: the sensor series %s is not at %s", name, path)
	}
	return path
}

// generated is a series of so many rows in the same form, for tests that need no real sensor.
func generated(t *testing.T, rows int) string {
	t.Helper()
	var text strings.Builder
	text.WriteString("timestamp,value\n")
	at := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	for i := range rows {
		fmt.Fprintf(&text, "%s,%d.%03d\n", at.Add(time.Duration(i)*5*time.Minute).Format(time.DateTime), 20+i%7, i%1000)
	}
	path := filepath.Join(t.TempDir(), "generated.csv")
	require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o600))
	return path
}
