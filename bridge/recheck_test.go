// SPDX-License-Identifier: Apache-2.0

package bridge_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/bridge/anchor"
	"github.com/anchorline/anchorline/bridge/quarantine"
	"github.com/anchorline/anchorline/bridge/verify"
	"github.com/anchorline/anchorline/device"
)

func outbox(t *testing.T) *device.Outbox {
	t.Helper()
	box, err := device.OpenOutbox(filepath.Join(t.TempDir(), "outbox.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, box.Close()) })
	return box
}

func (w *world) await(b *bridge.Bridge, what string, condition func(bridge.Status) bool) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { s, err := b.Status(); return err == nil && condition(s) }, patience, 5*time.Millisecond, what)
}

func TestAReadingOfADeviceThatWasRevokedSinceIsNotAnchoredButKept(t *testing.T) {
	w := newWorld(t)
	w.cfg.Linger = 3 * time.Second // time to revoke between acceptance and seal
	b, stop := w.start()
	dev, _ := w.device("d", b.Key(), outbox(t))
	other, _ := w.device("e", b.Key(), outbox(t))
	_, err := dev.Publish(t.Context(), payloads(3)...)
	require.NoError(t, err)
	_, err = other.Publish(t.Context(), payloads(2)...)
	require.NoError(t, err)
	w.await(b, "accepted", func(s bridge.Status) bool { return s.Accepted == 5 })
	_, err = w.ledger.RevokeDevice(t.Context(), "d", "stolen", 0)
	require.NoError(t, err)
	w.await(b, "the others are receipted", func(s bridge.Status) bool { return s.Receipted == 2 })
	s, err := b.Status()
	require.NoError(t, err)
	require.True(t, s.Balance())
	require.Zero(t, s.Pending())
	require.Equal(t, map[string]uint64{verify.ReasonDeviceRevoked: 3}, s.Withdrawn)
	require.EqualValues(t, 3, s.Quarantine.Accepted)
	kept, err := b.Quarantine().List(quarantine.Filter{Reason: verify.ReasonDeviceRevoked, Accepted: true})
	require.NoError(t, err)
	require.Len(t, kept, 3)
	_, err = b.Statement(d, 1)
	require.Error(t, err)
	require.NoError(t, stop())
}

func TestWithoutRoomNothingIsAcceptedAndWhatWasAcceptedIsAnchored(t *testing.T) {
	w := newWorld(t)
	w.cfg.Linger = time.Hour // it is accepted and stays pending
	b, stop := w.start()
	dev, _ := w.device("d", b.Key(), outbox(t))
	_, err := dev.Publish(t.Context(), payloads(2)...)
	require.NoError(t, err)
	w.await(b, "accepted", func(s bridge.Status) bool { return s.Accepted == 2 })
	require.NoError(t, stop())

	w.cfg.Linger, w.cfg.DiskReserve = 10*time.Millisecond, 1<<62 // more than any disk has
	b, stop = w.start()
	_, err = dev.Publish(t.Context(), payloads(1)...)
	require.NoError(t, err)
	w.await(b, "anchored", func(s bridge.Status) bool { return s.Anchored == 2 })
	w.await(b, "intake stopped", func(s bridge.Status) bool { return s.Intake != nil })
	s, err := b.Status()
	require.NoError(t, err)
	require.ErrorIs(t, s.Intake, bridge.ErrDiskReserve)
	require.EqualValues(t, 2, s.Accepted)
	require.NoError(t, s.Halted)
	require.NoError(t, stop())

	w.cfg.DiskReserve = 1 // there is room again
	b, stop = w.start()
	require.NoError(t, dev.Drain(t.Context()))
	w.await(b, "the third", func(s bridge.Status) bool { return s.Anchored == 3 })
	require.NoError(t, stop())
}

func TestAnOlderCopyOfTheFolderIsRefusedAndSaysWhatToDo(t *testing.T) {
	w := newWorld(t)
	b, stop := w.start()
	dev, _ := w.device("d", b.Key(), outbox(t))
	publish := func() {
		_, err := dev.Publish(t.Context(), payloads(1)...)
		require.NoError(t, err)
		require.NoError(t, dev.Drain(t.Context()))
	}
	publish()
	w.await(b, "receipted", func(s bridge.Status) bool { return s.Receipted == 1 })
	require.NoError(t, stop())
	backup := filepath.Join(t.TempDir(), "backup")
	copyFolder(t, w.cfg.Dir, backup)
	_, stop = w.start()
	publish()
	require.NoError(t, stop())
	w.cfg.Dir = backup
	old, err := bridge.Open(w.cfg, w.ledger, quiet)
	require.NoError(t, err)
	err = old.Run(t.Context())
	require.ErrorIs(t, err, bridge.ErrDiverged)
	require.ErrorContains(t, err, "an older copy")
	require.ErrorContains(t, err, "anchorline bridge export")
	require.NoError(t, old.Close())
}

func TestALedgerThatIsAwayDoesNotStopIntakeOfKnownDevices(t *testing.T) {
	w := newWorld(t)
	b, stop := w.start()
	dev, _ := w.device("d", b.Key(), outbox(t))
	_, err := dev.Publish(t.Context(), payloads(1)...)
	require.NoError(t, err)
	require.NoError(t, dev.Drain(t.Context()))
	faults := w.network.Faults(t)
	require.NoError(t, faults.StopPeer("Org1MSP"))
	const n = 50
	_, err = dev.Publish(t.Context(), payloads(n)...)
	require.NoError(t, err)
	w.await(b, "accepted on the last known word", func(s bridge.Status) bool { return s.Accepted == 1+n })
	require.NoError(t, faults.StartPeer(t.Context(), "Org1MSP"))
	require.NoError(t, dev.Drain(t.Context()))
	w.await(b, "anchored", func(s bridge.Status) bool { return s.Receipted == 1+n && s.Anchoring.Kind == anchor.Well })
	require.NoError(t, stop())
}
