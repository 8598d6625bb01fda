// SPDX-License-Identifier: Apache-2.0

package ops_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/bridge/ops"
	"github.com/anchorline/anchorline/bridge/quarantine"
	"github.com/anchorline/anchorline/bridge/verify"
)

// controlled serves a bridge's control socket until the test ends, and returns a client of it.
func controlled(t *testing.T, b *bridge.Bridge) *ops.Client {
	t.Helper()
	dir, err := os.MkdirTemp("", "ops") // a socket's path is short
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	_, err = ops.Control(t.Context(), dir)
	require.ErrorIs(t, err, ops.ErrNotRunning)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "control.sock"), nil, 0o600)) // left behind by a crash
	s, err := ops.ListenControl(t.Context(), dir, b, quiet)
	require.NoError(t, err)
	info, err := os.Stat(filepath.Join(dir, "control.sock"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "for the bridge's user alone")
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	c, err := ops.Control(t.Context(), dir)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, c.Close())
		cancel()
		served.Wait()
	})
	return c
}

func TestTheQuarantineIsReadRetriedAndPurgedWhileTheBridgeRuns(t *testing.T) {
	w := newWorld(t)
	w.until()
	c := controlled(t, w.bridge)
	key := w.register("known")
	w.publish("known", []byte("garbage"), bytes.Repeat([]byte{1}, 200_000))
	late := w.signed(key, "known", 1)
	w.publish("other", late) // under another device's topic
	w.awaitReceived(3)
	var all []quarantine.Message
	require.Eventually(t, func() bool {
		var err error
		all, err = c.List(quarantine.Filter{})
		return err == nil && len(all) == 3
	}, patience, 10*time.Millisecond)
	byReason := map[string]quarantine.Message{}
	for _, m := range all {
		byReason[m.Reason] = m
		require.Empty(t, m.Payload, "a list is short")
	}
	m, err := c.Get(byReason[verify.ReasonMalformed].ID)
	require.NoError(t, err)
	require.Equal(t, []byte("garbage"), m.Payload)
	_, err = c.Get(999)
	require.ErrorIs(t, err, quarantine.ErrNotFound)

	r, err := c.Retry(m.ID)
	require.NoError(t, err)
	require.Equal(t, verify.ReasonMalformed, r.Outcome, "still garbage")
	_, err = c.Retry(byReason[verify.ReasonOversized].ID)
	require.ErrorContains(t, err, "only the beginning")

	n, err := c.Purge(quarantine.Filter{Reason: verify.ReasonMalformed})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, c.Remove(byReason[verify.ReasonOversized].ID))
	totals, err := c.Totals()
	require.NoError(t, err)
	require.EqualValues(t, 1, totals.Messages)
}

func TestAMessageThatIsGoodByNowIsAcceptedWhenItIsRetried(t *testing.T) {
	w := newWorld(t)
	w.until()
	c := controlled(t, w.bridge)
	key := w.key()
	data := w.signed(key, "late", 1)
	w.publish("late", data)
	w.awaitReceived(1)
	w.registerKey("late", key)
	var all []quarantine.Message
	require.Eventually(t, func() bool {
		var err error
		all, err = c.List(quarantine.Filter{Reason: verify.ReasonUnknownDevice})
		return err == nil && len(all) == 1
	}, patience, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		r, err := c.Retry(all[0].ID)
		return err == nil && r.Outcome == "accepted"
	}, patience, 300*time.Millisecond, "that it is unknown is believed for a moment")
	require.Eventually(t, func() bool {
		s, err := w.bridge.Status()
		return err == nil && s.Anchored == 1 && s.Balance()
	}, patience, 10*time.Millisecond)
	_, err := c.Get(all[0].ID)
	require.ErrorIs(t, err, quarantine.ErrNotFound)

	outcomes, err := c.TakeIn([]bridge.Exported{{Reading: data}, {Reading: w.signed(key, "late", 2)}, {Reading: []byte("x")}})
	require.NoError(t, err)
	require.Equal(t, []string{"duplicate", "accepted", verify.ReasonMalformed}, outcomes)
}
