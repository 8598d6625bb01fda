// SPDX-License-Identifier: Apache-2.0

package quarantine_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anchorline/anchorline/bridge/quarantine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func opened(t *testing.T) *quarantine.Store {
	t.Helper()
	s, err := quarantine.Open(filepath.Join(t.TempDir(), "quarantine.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func arrival(topic, payload, reason string, at int64) quarantine.Arrival {
	return quarantine.Arrival{Topic: topic, Payload: []byte(payload), Received: at, Reason: reason, Detail: "because " + reason}
}

func totals(t *testing.T, s *quarantine.Store) quarantine.Totals {
	t.Helper()
	all, err := s.Totals()
	require.NoError(t, err)
	return all
}

func TestOneCopyOfAContentIsKeptAndHowOftenItCame(t *testing.T) {
	s := opened(t)
	require.NoError(t, s.Put([]quarantine.Arrival{arrival("a", "x", "malformed", 5), arrival("b", "x", "malformed", 7), arrival("a", "y", "malformed", 6)}))
	require.NoError(t, s.Put([]quarantine.Arrival{arrival("a", "x", "malformed", 9), arrival("a", "x", "retained", 9)}))
	all, err := s.List(quarantine.Filter{})
	require.NoError(t, err)
	require.Len(t, all, 3, "newest first")
	require.Equal(t, []string{"retained", "malformed", "malformed"}, []string{all[0].Reason, all[1].Reason, all[2].Reason})
	first, err := s.Get(all[2].ID)
	require.NoError(t, err)
	require.Equal(t, []byte("x"), first.Payload)
	require.EqualValues(t, 3, first.Count)
	require.EqualValues(t, 5, first.Received)
	require.EqualValues(t, 9, first.Last)
	counts := map[string]uint64{}
	require.NoError(t, s.Counts(func(reason, topic string, c quarantine.Count) bool {
		counts[reason+" "+topic] = c.Messages
		return true
	}))
	require.Equal(t, map[string]uint64{"malformed a": 3, "malformed b": 1, "retained a": 1}, counts)
	_, err = s.Get(99)
	require.ErrorIs(t, err, quarantine.ErrNotFound)
}

func TestTheOldestRefusalsAreSummarisedAndAcceptedReadingsNever(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quarantine.db")
	s, err := quarantine.Open(path)
	require.NoError(t, err)
	const limit = 1 << 20
	s.SetLimit(limit)
	accepted := arrival("mine", "accepted", "device_revoked", 1)
	accepted.Accepted = true
	require.NoError(t, s.Put([]quarantine.Arrival{accepted}))
	const n = 400
	for i := range n {
		payload := string(bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 15_000))
		require.NoError(t, s.Put([]quarantine.Arrival{arrival("t", payload, "malformed", int64(10+i))}))
		require.LessOrEqual(t, totals(t, s).Bytes, int64(limit))
	}
	got := totals(t, s)
	require.EqualValues(t, n+1, got.Messages+got.Dropped.Messages)
	require.EqualValues(t, 10, got.Dropped.First)
	require.EqualValues(t, 1, got.Accepted)
	all, err := s.List(quarantine.Filter{Accepted: true})
	require.NoError(t, err)
	require.Equal(t, "device_revoked", all[len(all)-1].Reason, "the oldest of all, and still there")
	require.EqualValues(t, 10+n-1, all[0].Received)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(4*limit), "12 MB came, the file is bounded")

	s.SetLimit(0) // as small as can be
	require.NoError(t, s.Put([]quarantine.Arrival{arrival("t", "more", "malformed", 999)}))
	require.EqualValues(t, 1, totals(t, s).Messages)
	require.NoError(t, s.Close())
	s, err = quarantine.Open(path)
	require.NoError(t, err)
	require.EqualValues(t, 1, totals(t, s).Accepted, "kept over a restart")
	require.NoError(t, s.Close())
}

func TestCountsByTopicAreBounded(t *testing.T) {
	s := opened(t)
	s.SetLimit(1 << 20)
	const n = 12_000
	var flood []quarantine.Arrival
	for i := range n {
		flood = append(flood, arrival(fmt.Sprint("t", i), "x", "unknown_device", int64(i)))
	}
	require.NoError(t, s.Put(flood))
	var topics int
	var others, all uint64
	require.NoError(t, s.Counts(func(_, topic string, c quarantine.Count) bool {
		topics++
		all += c.Messages
		if topic == quarantine.OtherTopics {
			others = c.Messages
		}
		return true
	}))
	require.LessOrEqual(t, topics, 10_001)
	require.EqualValues(t, n, all, "none is lost")
	require.EqualValues(t, 2000, others)
}

func TestMessagesAreFilteredAndPurged(t *testing.T) {
	s := opened(t)
	accepted := arrival("a", "kept", "device_revoked", 1)
	accepted.Accepted = true
	require.NoError(t, s.Put([]quarantine.Arrival{accepted, arrival("a", "1", "malformed", 2), arrival("b", "2", "malformed", 3), arrival("b", "3", "replay", 4)}))
	list := func(f quarantine.Filter) (ids []uint64) {
		found, err := s.List(f)
		require.NoError(t, err)
		for _, m := range found {
			ids = append(ids, m.ID)
		}
		return ids
	}
	require.Equal(t, []uint64{4, 3, 2, 1}, list(quarantine.Filter{Accepted: true}))
	require.Equal(t, []uint64{4, 3}, list(quarantine.Filter{Limit: 2}))
	require.Equal(t, []uint64{2}, list(quarantine.Filter{Before: 3}))
	require.Equal(t, []uint64{4, 3, 2}, list(quarantine.Filter{Before: 99}))
	require.Equal(t, []uint64{3}, list(quarantine.Filter{Topic: "b", Reason: "malformed"}))
	n, err := s.Purge(quarantine.Filter{Reason: "malformed"})
	require.NoError(t, err)
	require.Equal(t, 2, n)
	n, err = s.Purge(quarantine.Filter{})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, []uint64{1}, list(quarantine.Filter{Accepted: true}), "an accepted reading is only removed by name")
	require.NoError(t, s.Remove(1))
	require.ErrorIs(t, s.Remove(1), quarantine.ErrNotFound)
	require.Equal(t, quarantine.Totals{Topics: 4}, totals(t, s))
}

func TestWhatStrangersWriteIsBounded(t *testing.T) {
	s := opened(t)
	topic := string(bytes.Repeat([]byte{0xff, 'a'}, 30_000))
	large := bytes.Repeat([]byte{1}, quarantine.MaxPayload+5)
	require.NoError(t, s.Put([]quarantine.Arrival{{Topic: topic, Payload: large, Reason: "oversized", Detail: topic}}))
	m, err := s.Get(1)
	require.NoError(t, err)
	require.Less(t, len(m.Topic)+len(m.Detail), 4000)
	require.Equal(t, len(large), m.Size)
	require.Len(t, m.Payload, quarantine.MaxPayload)
}

func TestAStoreInUseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quarantine.db")
	s, err := quarantine.Open(path)
	require.NoError(t, err)
	defer s.Close()
	_, err = quarantine.Open(path)
	require.ErrorIs(t, err, quarantine.ErrInUse)
}
