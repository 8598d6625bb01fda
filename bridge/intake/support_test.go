// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anchorline/anchorline/bridge/intake"
	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/bridge/verify"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/network/broker"
	"github.com/anchorline/anchorline/reading/name"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience = 30 * time.Second
	tick     = 5 * time.Millisecond
	clientID = "bridge"
)

// log collects what is logged.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// A service is a broker that can be stopped and started again at the same address.
type service struct {
	url   string
	start func()
	stop  func()
}

// embedded runs our own broker.
func embedded(t *testing.T) *service {
	t.Helper()
	dir := t.TempDir()
	s := &service{url: "tcp://" + freeAddress(t)}
	var b *broker.Broker
	s.start = func() {
		var err error
		b, err = broker.Start(broker.Config{
			Dir: dir, Listen: s.url[len("tcp://"):], Consumer: clientID, Filter: mqtt.ReadingsFilter,
			Logger: slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err)
	}
	s.stop = func() {
		if b != nil {
			require.NoError(t, b.Close())
			b = nil
		}
	}
	s.start()
	t.Cleanup(s.stop)
	return s
}

// mosquitto runs the real one, with further lines of configuration.
func mosquitto(t *testing.T, config string) *service {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto"
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("SKIPPED: mosquitto is not installed (apt-get install mosquitto), so intake is NOT tested against it")
	}
	dir, address := t.TempDir(), freeAddress(t)
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	file := filepath.Join(dir, "mosquitto.conf")
	text := fmt.Sprintf("listener %s %s\nuser root\nallow_anonymous true\npersistence true\npersistence_location %s/\nmax_queued_messages 0\n%s\n",
		port, host, dir, config)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	s := &service{url: "tcp://" + address}
	var cmd *exec.Cmd
	out := &log{}
	s.start = func() {
		cmd = exec.Command(path, "-c", file)
		cmd.Stdout, cmd.Stderr = out, out
		require.NoError(t, cmd.Start())
		require.Eventually(t, func() bool {
			c, err := net.Dial("tcp", address)
			if err == nil {
				c.Close()
			}
			return err == nil
		}, patience, tick, "mosquitto does not listen: %s", out)
	}
	s.stop = func() {
		if cmd != nil {
			require.NoError(t, cmd.Process.Signal(os.Interrupt))
			require.NoError(t, cmd.Wait())
			cmd = nil
		}
	}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// onEach runs a test on every broker there is.
func onEach(t *testing.T, test func(t *testing.T, s *service)) {
	t.Run("embedded", func(t *testing.T) { test(t, embedded(t)) })
	t.Run("mosquitto", func(t *testing.T) { test(t, mosquitto(t, "")) })
}

var pump = name.New("Org1MSP", "d")

// device publishes and waits for every PUBACK.
type device struct {
	t *testing.T
	c paho.Client
}

func newDevice(t *testing.T, s *service) *device {
	t.Helper()
	o, err := mqtt.Broker{URL: s.url}.Options("device")
	require.NoError(t, err)
	d := &device{t, paho.NewClient(o.SetAutoReconnect(false))}
	d.done(d.c.Connect())
	t.Cleanup(func() { d.c.Disconnect(100) })
	return d
}

func (d *device) done(tok paho.Token) {
	d.t.Helper()
	require.True(d.t, tok.WaitTimeout(patience))
	require.NoError(d.t, tok.Error())
}

func (d *device) publish(payloads ...string) {
	d.t.Helper()
	var tokens []paho.Token
	for _, p := range payloads {
		tokens = append(tokens, d.c.Publish(mqtt.ReadingsTopic(pump), 1, false, p))
	}
	for _, tok := range tokens {
		d.done(tok)
	}
}

// store records what it is given. before, when set, runs first and may fail.
type store struct {
	mu     sync.Mutex
	before func() error
	calls  int
	stored []string
	reason map[string]int
}

// Append stores.
func (s *store) Append(items []spool.Item) ([]spool.Outcome, error) {
	s.mu.Lock()
	s.calls++
	before := s.before
	s.mu.Unlock()
	if before != nil {
		if err := before(); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, it := range items {
		if it.Reason != "" {
			if s.reason == nil {
				s.reason = map[string]int{}
			}
			s.reason[it.Reason]++
		}
		if it.Reason != intake.ReasonRetained {
			s.stored = append(s.stored, string(it.Payload))
		}
	}
	return make([]spool.Outcome, len(items)), nil
}

func (s *store) set(before func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

// refused is how many messages were refused for a reason.
func (s *store) refused(reason string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason[reason]
}

func (s *store) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *store) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.stored...)
}

func (s *store) await(t *testing.T, payload string) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, p := range s.all() {
			if p == payload {
				return true
			}
		}
		return false
	}, patience, tick, "%s was never stored", payload)
}

// checker judges as a function says.
type checker func(payload string) (verify.Verdict, error)

// Check judges.
func (c checker) Check(_ context.Context, _ string, payload []byte) (verify.Verdict, error) {
	return c(string(payload))
}

func good(string) (verify.Verdict, error) { return verify.Verdict{}, nil }

var errLedger = errors.New("the ledger is away")

// running is an intake at work.
type running struct {
	session *intake.Session
	log     *log
	stop    func()
}

func run(t *testing.T, s *service, c intake.Checker, st intake.Store) *running {
	t.Helper()
	r := &running{log: &log{}}
	logger := slog.New(slog.NewTextHandler(r.log, nil))
	var err error
	r.session, err = intake.NewSession(mqtt.Broker{URL: s.url}, clientID, logger)
	require.NoError(t, err)
	in := intake.New(c, st, func(spool.Item, spool.Outcome) {}, time.Now, logger)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx, r.session) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			require.NoError(t, err)
		case <-time.After(patience):
			require.Fail(t, "intake does not end")
		}
		require.False(t, r.session.Connected())
	})
	t.Cleanup(r.stop)
	return r
}

// connected runs an intake and waits until it receives.
func connected(t *testing.T, s *service, c intake.Checker, st intake.Store) *running {
	t.Helper()
	r := run(t, s, c, st)
	require.Eventually(t, r.session.Connected, patience, tick, "no session")
	return r
}
