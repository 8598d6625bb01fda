// SPDX-License-Identifier: Apache-2.0

package spool_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"flag"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// Each step of a model costs an fsync or more, so fewer runs than rapid's hundred, unless asked for.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := f.Value.Set("25"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

var stream = name.New("Org1MSP", "stream-1")

// device is the name of a device: of Org1MSP, unless the id names its owner.
func device(id string) name.Name {
	n, err := name.ParseWithin("Org1MSP", id)
	if err != nil {
		return name.Name{}
	}
	return n
}

// failer is what *testing.T, *testing.B and *rapid.T share.
type failer interface {
	require.TestingT
	Helper()
}

func newSigner(t failer) cose.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	s, err := cose.NewSigner(private)
	require.NoError(t, err)
	return s
}

// item is a reading of a device as verify passes it; another content makes other bytes.
func item(t failer, s cose.Signer, id string, seq uint64, content string) spool.Item {
	t.Helper()
	data, err := reading.Sign(s, reading.Claims{Device: device(id), Sequence: seq, Time: 1000 + int64(seq%1000)}, reading.SenMLJSON, []byte(content))
	require.NoError(t, err)
	r, err := reading.Parse(data)
	require.NoError(t, err)
	return spool.Item{Topic: "t/" + id, Payload: data, Received: 5000 + int64(seq%1000), Reading: r}
}

func refused(reason string, payload []byte) spool.Item {
	return spool.Item{Topic: "t/x", Payload: payload, Received: 7, Reason: reason, Detail: "because " + reason}
}

func open(t failer, path string) *spool.Spool {
	t.Helper()
	s, err := spool.Open(path, stream)
	require.NoError(t, err)
	return s
}

// opened is a new spool that is closed at the end.
func opened(t testing.TB) *spool.Spool {
	t.Helper()
	s := open(t, filepath.Join(t.TempDir(), "spool.db"))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// accept appends readings and requires that each is accepted.
func accept(t testing.TB, s *spool.Spool, items ...spool.Item) {
	t.Helper()
	out, err := s.Append(items)
	require.NoError(t, err)
	for i, o := range out {
		require.Equal(t, spool.Accepted, o.Fate, "item %d", i)
	}
}

func series(t testing.TB, s cose.Signer, id string, from, to uint64) []spool.Item {
	t.Helper()
	var items []spool.Item
	for seq := from; seq <= to; seq++ {
		items = append(items, item(t, s, id, seq, fmt.Sprint(seq)))
	}
	return items
}

// commit takes a sealed batch to committed.
func commit(t testing.TB, s *spool.Spool, b *spool.Batch) {
	t.Helper()
	require.NoError(t, s.Prepare(b.Number, []byte("tx"), spool.Commit{TransactionID: "ab", Time: 9}))
	require.NoError(t, s.Commit(b.Number, spool.Commit{TransactionID: "ab", Block: 3, Time: 9}))
}
