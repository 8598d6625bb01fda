// SPDX-License-Identifier: Apache-2.0

package ops_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/bridge/ops"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/internal/health"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/internal/testnet"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/network/broker"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

func TestMain(m *testing.M) { testnet.Main(m) }

const patience = 30 * time.Second

var stream = name.New("Org1MSP", "s")

var quiet = slog.New(slog.DiscardHandler)

// world is a bridge with its listener, over a network and a broker that tests take away.
type world struct {
	t       *testing.T
	network *testnet.Network
	ledger  *ledger.Client
	cfg     bridge.Config
	bridge  *bridge.Bridge
	url     string // of the listener

	brokerDir, brokerAddress string
	broker                   *broker.Broker
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, network: testnet.Start(t), cfg: bridge.Default(), brokerDir: t.TempDir(), brokerAddress: "127.0.0.1:0"}
	w.ledger = w.network.Connect("Org1MSP", "User1")
	w.startBroker()
	t.Cleanup(w.stopBroker)
	w.cfg.Dir, w.cfg.Stream, w.cfg.Broker = filepath.Join(t.TempDir(), "bridge"), "s", mqtt.Broker{URL: w.broker.URL()}
	w.cfg.Linger = 10 * time.Millisecond
	w.startBridge()
	return w
}

// startBroker starts the broker, the second time at the same address.
func (w *world) startBroker() {
	w.t.Helper()
	b, err := broker.Start(broker.Config{
		Dir: w.brokerDir, Listen: w.brokerAddress, Consumer: bridge.ClientID(stream), Filter: mqtt.ReadingsFilter, Logger: quiet,
	})
	require.NoError(w.t, err)
	w.broker, w.brokerAddress = b, b.URL()[len("tcp://"):]
}

func (w *world) stopBroker() {
	if w.broker != nil {
		require.NoError(w.t, w.broker.Close())
	}
	w.broker = nil
}

// startBridge opens and runs the bridge and its listener until the test ends.
func (w *world) startBridge() {
	w.t.Helper()
	b, err := bridge.Open(w.cfg, w.ledger, quiet)
	require.NoError(w.t, err)
	w.bridge = b
	w.url = listen(w.t, ops.Config{Dir: w.cfg.Dir, Stream: stream, Name: "mychannel/anchorline"}, b, w.ledger)
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- b.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		<-result // a halted bridge has its fault to tell; tests look at its status
		require.NoError(w.t, b.Close())
	})
}

// listen serves a bridge until the test ends and returns the URL.
func listen(t *testing.T, cfg ops.Config, b ops.Bridge, l ops.Ledger) string {
	t.Helper()
	cfg.Listen = "127.0.0.1:0"
	s, err := ops.Listen(t.Context(), cfg, b, l, quiet)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		served.Wait()
		_, err := net.Dial("tcp", s.Address())
		require.Error(t, err, "the listener is closed")
	})
	return "http://" + s.Address()
}

// get returns status and body.
func get(t *testing.T, url string) (int, []byte) {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, errors.Join(err, response.Body.Close()))
	return response.StatusCode, body
}

// wrong returns the answer of a health address: its status, and what is wrong by check.
func wrong(t *testing.T, url string) (int, map[string]string) {
	t.Helper()
	status, body := get(t, url)
	var h health.Report
	require.NoError(t, json.Unmarshal(body, &h), string(body))
	require.Equal(t, h.OK, status == http.StatusOK)
	faults := map[string]string{}
	for _, c := range h.Checks {
		if !c.OK {
			require.NotEmpty(t, c.Detail)
			faults[c.Name] = c.Detail
		}
	}
	require.Equal(t, h.OK, len(faults) == 0)
	return status, faults
}

// until waits for an answer of /readyz with exactly these faults.
func (w *world) until(faults ...string) map[string]string {
	w.t.Helper()
	var last map[string]string
	require.EventuallyWithT(w.t, func(c *assert.CollectT) {
		_, last = wrong(w.t, w.url+"/readyz")
		require.Len(c, last, len(faults), "%v", last)
		for _, f := range faults {
			require.Contains(c, last, f)
		}
	}, patience, 20*time.Millisecond)
	return last
}

// register registers a device and returns its key.
func (w *world) register(id string) cose.Signer {
	w.t.Helper()
	signer := w.key()
	w.registerKey(id, signer)
	return signer
}

func (w *world) key() cose.Signer {
	w.t.Helper()
	private, err := device.NewKey(cose.AlgorithmES256)
	require.NoError(w.t, err)
	signer, err := cose.NewSigner(private)
	require.NoError(w.t, err)
	return signer
}

func (w *world) registerKey(id string, signer cose.Signer) {
	w.t.Helper()
	proof, err := device.Possession(signer, name.New("Org1MSP", id), w.ledger.Profile().Channel)
	require.NoError(w.t, err)
	_, err = w.ledger.RegisterDevice(w.t.Context(), ledger.Registration{ID: id, Key: signer.Key().Text(), Proof: proof})
	require.NoError(w.t, err)
}

// signed is a device's reading.
func (w *world) signed(s cose.Signer, id string, sequence uint64) []byte {
	w.t.Helper()
	claims := reading.Claims{Device: name.New("Org1MSP", id), Sequence: sequence, Time: time.Now().UnixMilli()}
	data, err := reading.Sign(s, claims, reading.SenMLJSON, []byte("[]"))
	require.NoError(w.t, err)
	return data
}

// publish sends messages as a device, and waits until the broker has each.
func (w *world) publish(id string, messages ...[]byte) {
	w.t.Helper()
	conn, err := mqtt.Dial(w.t.Context(), w.cfg.Broker, "tester", nil, quiet)
	require.NoError(w.t, err)
	defer conn.Close()
	for _, m := range messages {
		require.NoError(w.t, conn.Publish(mqtt.ReadingsTopic(name.New("Org1MSP", id)), m)(w.t.Context()))
	}
}
