// SPDX-License-Identifier: Apache-2.0

package bridge_test

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/trust"
	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/bridge/anchor"
	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/fsck"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/device"
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

var stream, d = name.New("Org1MSP", "s"), name.New("Org1MSP", "d")

var quiet = slog.New(slog.DiscardHandler)

// world is a network and a broker for one bridge.
type world struct {
	t      *testing.T
	ledger *ledger.Client
	broker *broker.Broker
	cfg    bridge.Config

	network *testnet.Network
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, cfg: bridge.Default(), network: testnet.Start(t)}
	w.ledger = w.network.Connect("Org1MSP", "User1")
	var err error
	w.broker, err = broker.Start(broker.Config{
		Dir: t.TempDir(), Listen: "127.0.0.1:0", Consumer: bridge.ClientID(stream), Filter: mqtt.ReadingsFilter, Logger: quiet,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.broker.Close()) })
	w.cfg.Dir, w.cfg.Stream, w.cfg.Broker = filepath.Join(t.TempDir(), "bridge"), "s", mqtt.Broker{URL: w.broker.URL()}
	w.cfg.Linger, w.cfg.Evidence.Interval = 10*time.Millisecond, 100*time.Millisecond
	return w
}

// start opens and runs the bridge; stop ends it and returns its error.
func (w *world) start() (b *bridge.Bridge, stop func() error) {
	w.t.Helper()
	b, err := bridge.Open(w.cfg, w.ledger, quiet)
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- b.Run(ctx) }()
	return b, func() error {
		cancel()
		return errors.Join(<-result, b.Close())
	}
}

// device registers a device and connects it.
func (w *world) device(id string, key cose.Key, box *device.Outbox) (*device.Device, cose.Signer) {
	w.t.Helper()
	private, err := device.NewKey(cose.AlgorithmES256)
	require.NoError(w.t, err)
	signer, err := cose.NewSigner(private)
	require.NoError(w.t, err)
	named := name.New("Org1MSP", id)
	proof, err := device.Possession(signer, named, w.ledger.Profile().Channel)
	require.NoError(w.t, err)
	_, err = w.ledger.RegisterDevice(w.t.Context(), ledger.Registration{ID: id, Key: signer.Key().Text(), Proof: proof})
	require.NoError(w.t, err)
	dev, err := device.Connect(device.Config{
		Device: named, Signer: signer, Broker: w.cfg.Broker, Outbox: box, Logger: quiet,
		Streams: func(name.Name) (record.Stream, bool) {
			return record.Stream{Owner: stream.Owner, ID: stream.ID, Keys: []record.Key{{ID: key.ID().String(), Public: key.Text()}}}, true
		},
	})
	require.NoError(w.t, err)
	w.t.Cleanup(dev.Close)
	return dev, signer
}

// verifier trusts the channel's organisations and orderers and nobody else, and wants all there is.
func (w *world) verifier() *audit.Verifier {
	w.t.Helper()
	block, err := w.ledger.ConfigBlock(w.t.Context())
	require.NoError(w.t, err)
	anchors, err := trust.FromConfigBlock(block, w.ledger.Profile().Ledger(), 2)
	require.NoError(w.t, err)
	verifier, err := audit.NewVerifier(anchors, audit.Requirement{})
	require.NoError(w.t, err)
	return verifier
}

// copyFolder copies a stopped bridge's folder.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
}

func payloads(n int) []device.Payload {
	out := make([]device.Payload, n)
	for i := range out {
		out[i] = device.Payload{ContentType: reading.SenMLJSON, Data: []byte("[]")}
	}
	return out
}

func TestEveryReadingIsAnchoredOnceOverRestartsOfTheBridge(t *testing.T) {
	w := newWorld(t)
	box, err := device.OpenOutbox(filepath.Join(t.TempDir(), "outbox.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, box.Close()) })
	b, stop := w.start()
	dev, signer := w.device("d", b.Key(), box)
	const rounds, each = 3, 40
	for range rounds {
		_, err := dev.Publish(t.Context(), payloads(each)...)
		require.NoError(t, err)
		require.NoError(t, stop())
		b, stop = w.start()
	}
	require.NoError(t, dev.Drain(t.Context()))
	// The last receipt can reach the device before the bridge has noted that it was sent.
	require.Eventually(t, func() bool {
		s, err := b.Status()
		return err == nil && s.Receipted == rounds*each
	}, patience, 5*time.Millisecond)
	s, err := b.Status()
	require.NoError(t, err)
	require.True(t, s.Balance())
	require.NoError(t, s.Halted)
	require.EqualValues(t, rounds*each, s.Accepted)
	require.Zero(t, s.Gaps)

	files, err := archive.Open(filepath.Join(w.cfg.Dir, "archive"))
	require.NoError(t, err)
	report, err := fsck.Check(t.Context(), files, w.ledger, stream)
	require.NoError(t, err)
	require.True(t, report.OK(), "%v", report.Faults)
	require.EqualValues(t, rounds*each, report.Readings)

	known, err := w.ledger.Device(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, signer.Key().ID().String(), known.Keys[0].ID)
	verifier := w.verifier()
	for _, sequence := range []uint64{1, 17, rounds * each} {
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			statement, err := b.Statement(d, sequence)
			require.NoError(c, err)
			require.NoError(c, verifier.Verify(statement).Err(), "reading %d", sequence)
		}, patience, 50*time.Millisecond, "the bridge collects what an auditor needs")
	}
	_, err = b.Statement(d, 1000)
	require.Error(t, err)
	require.NoError(t, stop())
}

func TestAFolderThatDidNotWriteTheStreamIsRefused(t *testing.T) {
	w := newWorld(t)
	box, err := device.OpenOutbox(filepath.Join(t.TempDir(), "outbox.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, box.Close()) })
	b, stop := w.start()
	dev, _ := w.device("d", b.Key(), box)
	_, err = dev.Publish(t.Context(), payloads(1)...)
	require.NoError(t, err)
	require.NoError(t, dev.Drain(t.Context()))
	require.NoError(t, stop())

	key, err := os.ReadFile(filepath.Join(w.cfg.Dir, "stream.key"))
	require.NoError(t, err)
	w.cfg.Dir = t.TempDir() // the disk was lost, only the key was kept
	require.NoError(t, os.WriteFile(filepath.Join(w.cfg.Dir, "stream.key"), key, 0o600))
	var log bytes.Buffer
	other, err := bridge.Open(w.cfg, w.ledger, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	defer other.Close()
	require.ErrorIs(t, other.Run(t.Context()), bridge.ErrDiverged)
	require.Contains(t, log.String(), "the archive lacks a batch")

	w.cfg.Dir = t.TempDir() // and without the key
	other, err = bridge.Open(w.cfg, w.ledger, quiet)
	require.NoError(t, err)
	defer other.Close()
	err = other.Run(t.Context())
	require.ErrorIs(t, err, ledger.ErrAlreadyExists)
	require.ErrorContains(t, err, "stream rotate-key")
}

func TestABridgeWithoutItsArchiveGoesOnAndSaysWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	box, err := device.OpenOutbox(filepath.Join(t.TempDir(), "outbox.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, box.Close()) })
	b, stop := w.start()
	dev, _ := w.device("d", b.Key(), box)
	publish := func() {
		t.Helper()
		_, err := dev.Publish(t.Context(), payloads(1)...)
		require.NoError(t, err)
		require.NoError(t, dev.Drain(t.Context()))
	}
	publish()
	require.NoError(t, stop())
	require.NoError(t, os.RemoveAll(filepath.Join(w.cfg.Dir, "archive")))

	var log bytes.Buffer
	b, err = bridge.Open(w.cfg, w.ledger, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	publish()
	_, err = b.Statement(d, 1)
	require.Error(t, err, "what was in it cannot be assembled any more")
	require.Eventually(t, func() bool { _, err := b.Statement(d, 2); return err == nil }, patience, 5*time.Millisecond)
	cancel()
	require.NoError(t, errors.Join(<-ended, b.Close()))
	require.Contains(t, log.String(), "the archive lacks a batch that the ledger has")
}

func TestTwoCopiesOfAFolderLeaveEvidenceOnTheLedger(t *testing.T) {
	w := newWorld(t)
	first, stop := w.start()
	publish := func(id string, key cose.Key) {
		t.Helper()
		box, err := device.OpenOutbox(filepath.Join(t.TempDir(), "outbox.db"))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, box.Close()) })
		dev, _ := w.device(id, key, box)
		_, err = dev.Publish(t.Context(), payloads(3)...)
		require.NoError(t, err)
	}
	publish("a", first.Key())
	anchored := func(b *bridge.Bridge, n uint64) func() bool {
		return func() bool {
			s, err := b.Status()
			return err == nil && s.Receipted >= n
		}
	}
	require.Eventually(t, anchored(first, 3), patience, 5*time.Millisecond)
	require.NoError(t, stop())

	// Somebody restores a backup beside the bridge that is still there, at a broker of its own.
	original := w.cfg
	w.cfg.Dir = filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.CopyFS(w.cfg.Dir, os.DirFS(original.Dir)))
	other, err := broker.Start(broker.Config{
		Dir: t.TempDir(), Listen: "127.0.0.1:0", Consumer: bridge.ClientID(stream), Filter: mqtt.ReadingsFilter, Logger: quiet,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	w.cfg.Broker = mqtt.Broker{URL: other.URL()}
	second, stopSecond := w.start()
	require.Eventually(t, func() bool { s, err := second.Status(); return err == nil && s.Connected }, patience, 5*time.Millisecond)
	copied := w.cfg
	w.cfg = original
	first, stop = w.start()
	publish("b", first.Key())
	require.Eventually(t, anchored(first, 6), patience, 5*time.Millisecond)
	w.cfg = copied
	publish("c", second.Key())

	require.Eventually(t, func() bool { s, err := second.Status(); return err == nil && s.Halted != nil }, patience, 5*time.Millisecond)
	evidence, err := w.ledger.Equivocations(t.Context(), stream)
	require.NoError(t, err)
	require.Len(t, evidence, 1)
	before, err := second.Status()
	require.NoError(t, err)
	require.ErrorIs(t, before.Intake, anchor.ErrForked)
	require.Eventually(t, func() bool { s, err := second.Status(); return err == nil && !s.Connected }, patience, 5*time.Millisecond,
		"what it took now could never be anchored")
	publish("e", second.Key())
	require.Eventually(t, func() bool { return other.Waiting() > 0 }, patience, 5*time.Millisecond, "it stays with the broker")
	after, err := second.Status()
	require.NoError(t, err)
	require.Equal(t, before.Accepted, after.Accepted)
	err = stopSecond()
	require.ErrorIs(t, err, ledger.ErrEquivocation)
	require.ErrorIs(t, err, anchor.ErrForked)
	require.ErrorContains(t, err, evidence[0].Reported.Tx)
	s, err := first.Status()
	require.NoError(t, err)
	require.NoError(t, s.Halted, "the bridge that is right goes on")
	b, err := w.ledger.Anchor(t.Context(), stream, evidence[0].Number)
	require.NoError(t, err)
	require.Equal(t, b.Hash, evidence[0].Anchored)
	require.NotEqual(t, b.Hash, evidence[0].Claimed)
	require.NoError(t, stop())
}

func TestABridgeEndsWhenItsKeyIsReplacedAndGoesOnWithTheNewOne(t *testing.T) {
	w := newWorld(t)
	box, err := device.OpenOutbox(filepath.Join(t.TempDir(), "outbox.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, box.Close()) })
	b, err := bridge.Open(w.cfg, w.ledger, quiet)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- b.Run(t.Context()) }()
	require.Eventually(t, func() bool { s, err := b.Status(); return err == nil && s.Connected }, patience, 5*time.Millisecond)

	next, err := device.NewKey(cose.AlgorithmEdDSA)
	require.NoError(t, err)
	w.rotate(next)
	require.ErrorIs(t, <-ended, bridge.ErrKeyReplaced)
	require.NoError(t, b.Close())
	b, err = bridge.Open(w.cfg, w.ledger, quiet)
	require.NoError(t, err)
	require.ErrorIs(t, b.Run(t.Context()), bridge.ErrKeyReplaced, "the folder still has the old key")
	require.NoError(t, b.Close())

	text, err := cose.MarshalPrivateKeyPEM(next)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(w.cfg.Dir, "stream.key"), text, 0o600))
	b, stop := w.start()
	dev, _ := w.device("d", b.Key(), box)
	_, err = dev.Publish(t.Context(), payloads(2)...)
	require.NoError(t, err)
	require.NoError(t, dev.Drain(t.Context()), "the device takes receipts of the new key")
	require.NoError(t, stop())
}

// rotate replaces the stream's key on the ledger, with the consent of the one in the folder.
func (w *world) rotate(next crypto.Signer) {
	w.t.Helper()
	signer, err := cose.NewSigner(next)
	require.NoError(w.t, err)
	old, err := device.ReadKey(filepath.Join(w.cfg.Dir, "stream.key"))
	require.NoError(w.t, err)
	s := reading.Subject{Kind: reading.StreamKey, Name: stream, Channel: w.ledger.Profile().Channel}
	proof, err := reading.SignPossession(signer, s)
	require.NoError(w.t, err)
	consent, err := reading.SignRotation(old, s, signer.Key())
	require.NoError(w.t, err)
	_, err = w.ledger.RotateStreamKey(w.t.Context(), ledger.Rotation{
		ID: stream.ID, Key: signer.Key().Text(), Proof: base64.RawURLEncoding.EncodeToString(proof),
		Authorization: base64.RawURLEncoding.EncodeToString(consent),
	})
	require.NoError(w.t, err)
}

func TestAFolderInUseKeepsItsKey(t *testing.T) {
	cfg := bridge.Default()
	cfg.Dir, cfg.Stream, cfg.Broker = t.TempDir(), "s", mqtt.Broker{URL: "tcp://127.0.0.1:1"}
	l := testnet.Start(t).Connect("Org1MSP", "User1")
	first, err := bridge.Open(cfg, l, quiet)
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(cfg.Dir, "stream.key")))
	_, err = bridge.Open(cfg, l, quiet)
	require.ErrorContains(t, err, "in use by another process")
	require.NoFileExists(t, filepath.Join(cfg.Dir, "stream.key"), "only who has the folder makes its key")
	require.NoError(t, first.Close())
}

func TestEveryFaultOfAConfigurationIsReportedAtOnce(t *testing.T) {
	err := bridge.Config{Stream: "a/b", Linger: -1, Evidence: bridge.Evidence{Organisations: []string{"a b"}}}.Validate()
	require.ErrorIs(t, err, bridge.ErrConfig)
	for _, want := range []string{"no data folder", `stream "a/b"`, "broker URL", "linger", "max batch", "max batch bytes", "evidence interval", `"a b" attests`} {
		require.ErrorContains(t, err, want)
	}
}
