// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge/verify"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/reading/name"
)

// outage is a registry that can be taken away, and counts its questions.
type outage struct {
	mu      sync.Mutex
	devices devices
	away    bool
	asked   int
}

// Device answers while the registry is there.
func (o *outage) Device(ctx context.Context, id name.Name) (record.Device, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked++
	if o.away {
		return record.Device{}, errAway
	}
	return o.devices.Device(ctx, id)
}

func (o *outage) set(away bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.away = away
}

func (o *outage) questions() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked
}

func (o *outage) list(context.Context) ([]record.Device, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.away {
		return nil, errAway
	}
	var all []record.Device
	for _, d := range o.devices {
		all = append(all, d)
	}
	return all, nil
}

func TestWhileTheLedgerIsAwayTheLastKnownRegistryCountsForTheGraceAndNotLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := edKey(t)
		ledger := &outage{devices: devices{device("d"): registered("d", key)}}
		c := verify.New(ledger, time.Now)
		c.SetGrace(time.Hour)
		require.NoError(t, c.Fill(t.Context(), ledger.list))
		data := sign(t, key, "d", 1)
		require.Empty(t, <-check(t, c, data))
		require.Zero(t, ledger.questions(), "the list was enough")
		ledger.set(true)
		c.Forget(name.Name{}) // as when the stream of events breaks
		before := ledger.questions()
		for range 1000 {
			require.Empty(t, <-check(t, c, data))
		}
		require.LessOrEqual(t, ledger.questions(), before+2, "a ledger that is away is not asked for each reading")
		_, _, err := c.Standing(t.Context(), device("d"), key.Key().ID())
		require.ErrorIs(t, err, errAway, "nothing is sealed on the last known word")
		since, away := c.AwaySince()
		require.True(t, away)
		require.LessOrEqual(t, time.Since(since), time.Second)
		time.Sleep(59 * time.Minute)
		require.Empty(t, <-check(t, c, data))
		time.Sleep(2 * time.Minute)
		require.Contains(t, <-check(t, c, data), errAway.Error())
		ledger.set(false)
		require.Empty(t, <-check(t, c, data))
		_, away = c.AwaySince()
		require.False(t, away)
	})
}

func TestADeviceThatTheLastKnownRegistryLacksIsUndecidedOnlyIfThatWasComplete(t *testing.T) {
	key := edKey(t)
	ledger := &outage{devices: devices{device("other"): registered("other", key)}}
	c := verify.New(ledger, time.Now)
	c.SetGrace(time.Hour)
	data := sign(t, key, "d", 1)
	ledger.set(true)
	require.Contains(t, <-check(t, c, data), errAway.Error(), "nothing is known yet")
	ledger.set(false)
	require.NoError(t, c.Fill(t.Context(), ledger.list))
	ledger.set(true)
	require.Equal(t, verify.ReasonUndecided, <-check(t, c, data))
}

func TestStandingIsThePresentWord(t *testing.T) {
	key, other := edKey(t), edKey(t)
	at := time.UnixMilli(now)
	known := devices{device("d"): registered("d", key)}
	c := verify.New(known, func() time.Time { return at })
	standing := func() string {
		reason, detail, err := c.Standing(t.Context(), device("d"), key.Key().ID())
		require.NoError(t, err)
		require.Equal(t, reason == "", detail == "")
		return reason
	}
	require.Empty(t, standing())
	suspended := registered("d", key)
	suspended.Status, suspended.Suspensions = record.Suspended, []record.Period{{From: record.Moment{Time: now - 1}}}
	known[device("d")] = suspended
	c.Forget(device("d"))
	require.Equal(t, verify.ReasonDeviceSuspended, standing())
	replaced := registered("d", key, other)
	replaced.Keys[0].Until, replaced.Keys[0].Reason = &record.Moment{Time: now - 1}, "lost"
	known[device("d")] = replaced
	c.Forget(device("d"))
	require.Equal(t, verify.ReasonKeyReplaced, standing())
	delete(known, device("d"))
	c.Forget(device("d"))
	require.Equal(t, verify.ReasonUnknownDevice, standing())
}

func TestAFloodOfUnknownDevicesAsksTheLedgerWithinItsBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := edKey(t)
		ledger := &outage{devices: devices{device("d"): registered("d", key)}}
		c := verify.New(ledger, time.Now)
		require.NoError(t, c.Fill(t.Context(), ledger.list))
		const seconds, flood = 5, 3000
		for range seconds {
			for i := range flood {
				id := fmt.Sprint("made-up-", i)
				v, err := c.Check(t.Context(), mqtt.ReadingsTopic(device(id)), sign(t, key, id, 1))
				require.NoError(t, err)
				require.Equal(t, verify.ReasonUnknownDevice, v.Reason)
			}
			time.Sleep(time.Second)
		}
		require.LessOrEqual(t, ledger.questions(), 400+200*seconds)
		require.Empty(t, <-check(t, c, sign(t, key, "d", 1)))
	})
}

// hanging is a registry that does not answer, and counts who waits.
type hanging struct {
	mu      sync.Mutex
	waiting int
}

// Device waits for ctx to end.
func (h *hanging) Device(ctx context.Context, _ name.Name) (record.Device, error) {
	h.mu.Lock()
	h.waiting++
	h.mu.Unlock()
	<-ctx.Done()
	return record.Device{}, ctx.Err()
}

func TestUnknownDevicesShareALane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, ledger := edKey(t), &hanging{}
		c := verify.New(ledger, time.Now)
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 100 {
			id := fmt.Sprint("d", i)
			data := sign(t, key, id, 1)
			go func() { _, _ = c.Check(ctx, mqtt.ReadingsTopic(device(id)), data) }()
		}
		synctest.Wait()
		require.LessOrEqual(t, ledger.waiting, 8)
		cancel()
		synctest.Wait()
	})
}

func TestTheLastKnownRegistrySurvivesARestart(t *testing.T) {
	key := edKey(t)
	path := filepath.Join(t.TempDir(), "registry.json")
	ledger := &outage{devices: devices{device("d"): registered("d", key)}}
	c := verify.New(ledger, time.Now)
	require.NoError(t, c.Load(path), "a file that is not there yet")
	require.NoError(t, c.Fill(t.Context(), ledger.list))
	require.NoError(t, c.Save(path))
	ledger.set(true)
	restarted := func() (*verify.Checker, error) {
		c := verify.New(ledger, time.Now)
		c.SetGrace(time.Hour)
		return c, c.Load(path)
	}
	c, err := restarted()
	require.NoError(t, err)
	require.Empty(t, <-check(t, c, sign(t, key, "d", 1)))
	require.Equal(t, verify.ReasonUnknownKey, <-check(t, c, sign(t, edKey(t), "d", 1)))
	ledger.set(false)
	delete(ledger.devices, device("d"))
	c, err = restarted()
	require.NoError(t, err)
	require.Equal(t, verify.ReasonUnknownDevice, <-check(t, c, sign(t, key, "d", 1)), "a ledger that answers is asked first")

	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for at := range whole {
		broken := append([]byte(nil), whole...)
		broken[at] ^= 0x10
		require.NoError(t, os.WriteFile(path, broken, 0o600))
		_, err := restarted()
		require.ErrorIs(t, err, verify.ErrSaved, "byte %d", at)
	}
}
