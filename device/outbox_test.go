// SPDX-License-Identifier: Apache-2.0

package device_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/name"
)

func signed(t testing.TB, seq uint64, i int) ([]byte, error) {
	t.Helper()
	return reading.Sign(signer(t, 1), reading.Claims{Device: d, Sequence: seq, Time: 5}, reading.SenMLJSON, []byte{byte(i)})
}

func TestASequenceNumberIsNeverUsedTwiceAndNothingIsForgotten(t *testing.T) {
	// A name that begins as another does, and the same id of another owner.
	d2, elsewhere := name.New(d.Owner, "d2"), name.New("Org2MSP", d.ID)
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		run, err := os.MkdirTemp(dir, "run")
		require.NoError(t, err)
		path := filepath.Join(run, "outbox.db")
		o, err := device.OpenOutbox(path)
		require.NoError(t, err)
		defer func() { require.NoError(t, errors.Join(o.Close(), os.RemoveAll(run))) }()
		want := map[name.Name]device.Tally{}
		left := map[name.Name]map[uint64]bool{d: {}, d2: {}, elsewhere: {}} // device → sequence → published
		t.Repeat(map[string]func(*rapid.T){
			"Put": func(t *rapid.T) {
				id, n := rapid.SampledFrom([]name.Name{d, d2, elsewhere}).Draw(t, "device"), rapid.IntRange(0, 4).Draw(t, "n")
				fail := rapid.IntRange(-1, n-1).Draw(t, "fails at")
				tally := want[id]
				queued, err := o.Put(id, n, func(i int, seq uint64) ([]byte, error) {
					require.Equal(t, tally.Signed+uint64(i)+1, seq)
					if i == fail {
						return nil, errors.New("cannot sign")
					}
					return []byte{byte(seq)}, nil
				})
				if fail >= 0 {
					require.ErrorContains(t, err, "cannot sign")
					return
				}
				require.NoError(t, err)
				for _, p := range queued {
					left[id][p.Sequence] = false
				}
				tally.Signed += uint64(n)
				want[id] = tally
			},
			"Published": func(t *rapid.T) {
				id, seq := rapid.SampledFrom([]name.Name{d, d2, elsewhere}).Draw(t, "device"), rapid.Uint64Range(1, 20).Draw(t, "seq")
				require.NoError(t, o.Published(id, seq, seq))
				if published, there := left[id][seq]; there && !published {
					left[id][seq] = true
					tally := want[id]
					tally.Published++
					want[id] = tally
				}
			},
			"Verified": func(t *rapid.T) {
				id, seq := rapid.SampledFrom([]name.Name{d, d2, elsewhere}).Draw(t, "device"), rapid.Uint64Range(1, 20).Draw(t, "seq")
				release := rapid.Bool().Draw(t, "release")
				if release {
					require.NoError(t, o.Release(id, seq, seq))
				} else {
					require.NoError(t, o.Verified(id, seq, seq))
				}
				published, there := left[id][seq]
				if !there {
					return
				}
				delete(left[id], seq)
				tally := want[id]
				if !published {
					tally.Published++
				}
				if !release {
					tally.Verified++
				}
				want[id] = tally
			},
			"Reopen": func(t *rapid.T) {
				require.NoError(t, o.Close())
				o, err = device.OpenOutbox(path)
				require.NoError(t, err)
			},
			"": func(t *rapid.T) {
				for id, readings := range left {
					tally, err := o.Tally(id)
					require.NoError(t, err)
					require.Equal(t, want[id], tally)
					queued, err := o.Waiting(id, 1000, nil)
					require.NoError(t, err)
					var seqs []uint64
					for _, p := range queued {
						seqs = append(seqs, p.Sequence)
						require.Equal(t, readings[p.Sequence], p.Published)
						require.Equal(t, []byte{byte(p.Sequence)}, p.Reading)
					}
					require.Equal(t, slices.Sorted(maps.Keys(readings)), seqs)
				}
			},
		})
	})
}

func TestADamagedOutboxNeverStartsCountingAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	o := outbox(t, path)
	sign := func(int, uint64) ([]byte, error) { return []byte("r"), nil }
	_, err := o.Put(d, 3, sign)
	require.NoError(t, err)
	require.NoError(t, o.Close())
	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("tallies")).Put([]byte(d.String()), []byte("x")) }))
	require.NoError(t, db.Close())
	o = outbox(t, path)
	defer o.Close()
	_, err = o.Put(d, 1, sign)
	require.ErrorIs(t, err, device.ErrOutboxDamaged)
	_, err = o.Tally(d)
	require.ErrorIs(t, err, device.ErrOutboxDamaged)
}

func TestAnOutboxInUseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	o := outbox(t, path)
	defer o.Close()
	_, err := device.OpenOutbox(path)
	require.ErrorIs(t, err, device.ErrOutboxInUse)
}
