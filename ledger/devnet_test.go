// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/internal/testnet"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// network runs our contracts on the embedded network, with the roles that a bridge needs.
func network(t *testing.T) ledger.Profile {
	t.Helper()
	return ledger.Profile(testnet.Start(t).Profile("Org1MSP", "User1"))
}

// our is a name of our organisation.
func our(id string) name.Name { return name.New("Org1MSP", id) }

func signer(t *testing.T, seed byte) cose.Signer {
	t.Helper()
	s, err := cose.NewSigner(ed25519.NewKeyFromSeed(append(make([]byte, 31), seed)))
	require.NoError(t, err)
	return s
}

func possession(t *testing.T, s cose.Signer, kind reading.Kind, id string, p ledger.Profile) string {
	t.Helper()
	token, err := reading.SignPossession(s, reading.Subject{Kind: kind, Name: name.New(p.MSPID, id), Channel: p.Channel})
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(token)
}

func TestADevicesLifeOnALedger(t *testing.T) {
	p := network(t)
	c, ctx := connect(t, p), t.Context()
	_, err := c.Device(ctx, our("d"))
	require.ErrorIs(t, err, ledger.ErrNotFound)

	key := signer(t, 1)
	r := ledger.Registration{ID: "d", Key: key.Key().Text(), Proof: possession(t, key, reading.DeviceKey, "d", p), Type: "pump"}
	for range 2 {
		d, err := c.RegisterDevice(ctx, r)
		require.NoError(t, err, "the same registration again is a success")
		require.Equal(t, record.Active, d.Status)
	}
	wrong := r
	wrong.ID = "e"
	_, err = c.RegisterDevice(ctx, wrong)
	require.ErrorIs(t, err, ledger.ErrInvalidArgument, "a proof for another id")
	_, err = c.RegisterDevices(ctx, []ledger.Registration{r, wrong})
	var refused *record.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "devices[1].proof", refused.Field, "the client learns which one it is")
	i, found := refused.Index()
	require.True(t, found)
	require.Equal(t, 1, i)

	d, err := c.SuspendDevice(ctx, "d", "in repair")
	require.NoError(t, err)
	require.Equal(t, record.Suspended, d.Status)
	_, err = c.ResumeDevice(ctx, "d", "repaired")
	require.NoError(t, err)
	d, err = c.RevokeDevice(ctx, "d", "stolen", d.Registered.Time)
	require.NoError(t, err)
	require.Equal(t, record.Revoked, d.Status)
	d, err = c.Device(ctx, our("d"))
	require.NoError(t, err)
	require.Equal(t, d.Registered.Time, d.CompromisedSince)
}

func TestAnAnchorIsPreparedSubmittedAndFoundAgain(t *testing.T) {
	p := network(t)
	c, ctx := connect(t, p), t.Context()
	key := signer(t, 2)
	_, err := c.OpenStream(ctx, ledger.StreamRegistration{ID: "s", Key: key.Key().Text(), Proof: possession(t, key, reading.StreamKey, "s", p)})
	require.NoError(t, err)
	head, err := c.Head(ctx, our("s"))
	require.NoError(t, err)
	require.Zero(t, head.Number)

	a := record.Anchor{
		Type: record.AnchorType, Version: record.Version, Stream: our("s"), Number: 1, Previous: record.ZeroHash,
		Root: record.ZeroHash, Size: 1, Counts: map[string]uint64{record.DeviceSigned: 1},
	}
	data, err := a.Encode()
	require.NoError(t, err)
	prepared, err := c.PrepareAnchor(ctx, data)
	require.NoError(t, err)
	require.Equal(t, prepared.TxID, prepared.Entry.TxID)
	first, err := c.Submit(ctx, prepared.Bytes)
	require.NoError(t, err)
	again, err := connect(t, p).Submit(ctx, prepared.Bytes)
	require.NoError(t, err, "the same bytes after a restart")
	require.Equal(t, first, again)
	status, err := c.Status(ctx, prepared.TxID)
	require.NoError(t, err)
	require.Equal(t, first, status)

	other, err := c.PrepareAnchor(ctx, data)
	require.NoError(t, err)
	require.NotEqual(t, other.TxID, other.Entry.TxID, "it is on the ledger already")
	require.Equal(t, prepared.TxID, other.Entry.TxID)
	entry, err := c.Anchor(ctx, our("s"), 1)
	require.NoError(t, err)
	hash, err := a.HashText()
	require.NoError(t, err)
	require.Equal(t, hash, entry.Hash)

	a.Size, a.Counts = 2, map[string]uint64{record.DeviceSigned: 2}
	data, err = a.Encode()
	require.NoError(t, err)
	_, err = c.PrepareAnchor(ctx, data)
	require.ErrorIs(t, err, ledger.ErrEquivocation)
	a.Number = 7
	data, err = a.Encode()
	require.NoError(t, err)
	_, err = c.PrepareAnchor(ctx, data)
	require.ErrorIs(t, err, ledger.ErrConflict)
}

func TestWhatChangesAfterMissedWasCalledIsAnnounced(t *testing.T) {
	p := network(t)
	c := connect(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	events, missed := make(chan ledger.Event, 100), make(chan struct{}, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Watch(ctx, func(e ledger.Event) { events <- e }, func(error) { missed <- struct{}{} })
	}()
	<-missed // from here on nothing may be left out, though the stream may not be open yet
	key := signer(t, 3)
	_, err := c.RegisterDevice(ctx, ledger.Registration{ID: "d", Key: key.Key().Text(), Proof: possession(t, key, reading.DeviceKey, "d", p)})
	require.NoError(t, err)
	e := <-events
	require.Equal(t, "DeviceRegistered", e.Name)
	require.Equal(t, []name.Name{our("d")}, e.Names())
	cancel()
	<-done
}
