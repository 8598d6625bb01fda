// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
)

func TestTwoOrganisationsHaveDevicesAndStreamsOfTheSameID(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	w.submit(w.admin2, "devices:Register", w.registration("pump-1", "Org2MSP", newSigner(t, "EdDSA")))
	w.stream(w.bridge1, "bridge-1")
	w.submit(w.admin2, "roles:Grant", object{"role": "bridge", "unit": "bridges"})
	bridge2 := w.org2.Member(t, "bridge", []string{"client", "bridges"}, nil)
	w.stream(bridge2, "bridge-1")
	w.submit(w.admin2, "devices:Suspend", object{"id": "pump-1"})
	require.Equal(t, record.Active, decode[record.Device](t, w.query(w.admin2, "devices:Get", "Org1MSP/pump-1")).Status)
	require.Equal(t, record.Suspended, decode[record.Device](t, w.query(w.admin1, "devices:Get", "Org2MSP/pump-1")).Status)

	theirs := anchor("bridge-1", 1, record.ZeroHash)
	w.refused(record.Forbidden, bridge2, "anchors:Anchor", canonical(t, theirs))
	theirs.Stream = their("bridge-1")
	w.submit(bridge2, "anchors:Anchor", canonical(t, theirs))
	require.Zero(t, decode[record.Head](t, w.query(w.admin1, "anchors:Head", "Org1MSP/bridge-1")).Number)
	require.EqualValues(t, 1, decode[record.Head](t, w.query(w.admin1, "anchors:Head", "Org2MSP/bridge-1")).Number)
}

func TestOnlyAKeysOwnConsentRotatesItForAnotherOrganisation(t *testing.T) {
	w := newWorld(t)
	old, next := w.device("pump-1"), newSigner(t, "EdDSA")
	lost := object{
		"owner": "Org1MSP", "id": "pump-1", "key": next.Key().Text(), "reason": "lost",
		"proof": possession(t, next, "pump-1", "Org1MSP", w.ledger.Channel),
	}
	w.refused(record.Forbidden, w.admin2, "devices:RotateKey", lost)
	w.refused(record.NotFound, w.admin2, "devices:RotateKey", w.rotation("pump-1", "Org1MSP", old, next))
	d := decode[record.Device](t, w.submit(w.admin2, "devices:RotateKey", w.rotation("pump-1", "Org1MSP", old, next).with("owner", "Org1MSP")))
	require.Len(t, d.Keys, 2)
	require.Empty(t, d.Keys[0].Reason)
}

// TestAChangeThatNarrowsARightIsDatedByItsOwnTransaction has a clock that is far ahead at first: nothing
// that it dated may hold back what is said later.
func TestAChangeThatNarrowsARightIsDatedByItsOwnTransaction(t *testing.T) {
	w := newWorld(t)
	w.ledger.Advance(10 * time.Minute)
	w.device("pump-1")
	w.ledger.Advance(-10 * time.Minute)
	lastTx := func() string { return w.ledger.Events()[len(w.ledger.Events())-1].TxID }

	now := w.ledger.Now()
	d := decode[record.Device](t, w.submit(w.admin1, "devices:Suspend", object{"id": "pump-1"}))
	require.Equal(t, record.Moment{Time: now, Tx: lastTx()}, d.Suspensions[0].From)
	require.Equal(t, d.Suspensions[0].From, d.Updated)
	require.Less(t, d.Suspensions[0].From.Time, d.Registered.Time)

	next := newSigner(t, "EdDSA")
	now = w.ledger.Now()
	d = decode[record.Device](t, w.submit(w.admin1, "devices:RotateKey", object{
		"id": "pump-1", "key": next.Key().Text(), "reason": "stolen", "proof": possession(t, next, "pump-1", "Org1MSP", w.ledger.Channel),
	}))
	require.Equal(t, record.Moment{Time: now, Tx: lastTx()}, *d.Keys[0].Until)
	require.Less(t, d.Keys[0].Until.Time, d.Keys[0].From.Time)
	require.Equal(t, standing.KeyReplaced, standing.DeviceNow(record.Device{
		Owner: d.Owner, ID: d.ID, Keys: d.Keys, Registered: d.Registered,
	}, d.Keys[0].ID, now).Reason)

	now = w.ledger.Now()
	d = decode[record.Device](t, w.submit(w.admin1, "devices:Revoke", object{"id": "pump-1", "reason": "gone"}))
	require.Equal(t, record.Moment{Time: now, Tx: lastTx()}, *d.Revoked)
	require.Equal(t, d.Revoked, d.Keys[1].Until)
}

func TestAResumptionIsNotDatedBeforeTheSuspensionThatItEnds(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	w.ledger.Advance(10 * time.Minute)
	suspended := decode[record.Device](t, w.submit(w.admin1, "devices:Suspend", object{"id": "pump-1"})).Suspensions[0].From
	w.ledger.Advance(-10 * time.Minute)
	d := decode[record.Device](t, w.submit(w.admin1, "devices:Resume", object{"id": "pump-1"}))
	require.Equal(t, suspended.Time, d.Suspensions[0].Until.Time)
	require.NotEqual(t, suspended.Tx, d.Suspensions[0].Until.Tx)
	require.Less(t, d.Updated.Time, suspended.Time)
}

func TestTheLedgerTimeOfAStreamRunsForward(t *testing.T) {
	w := newWorld(t)
	w.stream(w.bridge1, "bridge-1")
	w.ledger.Advance(10 * time.Minute)
	first := anchor("bridge-1", 1, record.ZeroHash)
	entry := decode[record.AnchorEntry](t, w.submit(w.bridge1, "anchors:Anchor", canonical(t, first)))
	require.Equal(t, entry.LedgerTime, decode[record.Head](t, w.query(w.admin1, "anchors:Head", "Org1MSP/bridge-1")).LedgerTime)
	second := canonical(t, anchor("bridge-1", 2, entry.Hash))
	w.ledger.Advance(-10 * time.Minute)
	require.Contains(t, w.refused(record.Conflict, w.bridge1, "anchors:Anchor", second), "set the clock of the bridge")
	w.submit(w.bridge1, "anchors:Anchor", canonical(t, first)) // what is there already is

	w.ledger.Advance(time.Duration(entry.LedgerTime-w.ledger.Now()) * time.Millisecond)
	again := decode[record.AnchorEntry](t, w.submit(w.bridge1, "anchors:Anchor", second))
	require.GreaterOrEqual(t, again.LedgerTime, entry.LedgerTime)
}

func TestAStreamBeginsNotBeforeItsOpening(t *testing.T) {
	w := newWorld(t)
	w.ledger.Advance(10 * time.Minute)
	w.stream(w.bridge1, "bridge-1")
	w.ledger.Advance(-10 * time.Minute)
	a := canonical(t, anchor("bridge-1", 1, record.ZeroHash))
	require.Contains(t, w.refused(record.Conflict, w.bridge1, "anchors:Anchor", a), "before its opening")
}

func TestACompromiseIsDatedWithinTheLifeOfWhatIsCompromised(t *testing.T) {
	w := newWorld(t)
	first := w.device("pump-1")
	streamKey := w.stream(w.bridge1, "bridge-1")
	w.ledger.Advance(5 * time.Minute)
	second := newSigner(t, "EdDSA")
	w.submit(w.admin1, "devices:RotateKey", w.rotation("pump-1", "Org1MSP", first, second))
	d := decode[record.Device](t, w.query(w.admin1, "devices:Get", "Org1MSP/pump-1"))
	s := decode[record.Stream](t, w.query(w.admin1, "anchors:GetStream", "Org1MSP/bridge-1"))
	w.ledger.Advance(5 * time.Minute)
	third := newSigner(t, "EdDSA")
	device := object{"id": "pump-1", "key": third.Key().Text(), "reason": "stolen", "proof": possession(t, third, "pump-1", "Org1MSP", w.ledger.Channel)}
	stream := object{"id": "bridge-1", "key": third.Key().Text(), "reason": "stolen", "proof": streamPossession(t, third, "bridge-1", "Org1MSP", w.ledger.Channel)}
	for _, c := range []struct {
		function string
		request  object
		earliest int64
	}{
		{"devices:RotateKey", device, d.Keys[1].From.Time},
		{"anchors:RotateStreamKey", stream, s.Opened.Time},
		{"devices:Revoke", object{"id": "pump-1", "reason": "stolen"}, d.Registered.Time},
	} {
		for _, bad := range []int64{c.earliest - 1, w.ledger.Now() + 60_000} {
			require.Equal(t, "compromisedSince", w.refusal(record.InvalidArgument, w.admin1, c.function, c.request.with("compromisedSince", bad)).Field, c.function)
		}
		w.submit(w.admin1, c.function, c.request.with("compromisedSince", c.earliest))
	}
	d = decode[record.Device](t, w.query(w.admin1, "devices:Get", "Org1MSP/pump-1"))
	require.Equal(t, d.Keys[1].From.Time, d.Keys[1].CompromisedSince)
	s = decode[record.Stream](t, w.query(w.admin1, "anchors:GetStream", "Org1MSP/bridge-1"))
	require.Equal(t, s.Opened.Time, s.Keys[0].CompromisedSince)
	require.Equal(t, streamKey.Key().ID().String(), s.Keys[0].ID)

	w.device("pump-2")
	lost := newSigner(t, "EdDSA")
	consent := w.rotation("pump-2", "Org1MSP", first, lost).with("compromisedSince", w.ledger.Now())
	w.refused(record.InvalidArgument, w.admin1, "devices:RotateKey", consent)
}

// TestAnAnchorIsWrittenOnlyWithTheOwnersPeers has the peers of other organisations write what they
// like: without the owner's there is no head, and so no anchor.
func TestAnAnchorIsWrittenOnlyWithTheOwnersPeers(t *testing.T) {
	inMemory(t, "it needs a channel of three organisations and more")
	w := newWorld(t)
	w.ledger.Organisations = []string{"Org1MSP", "Org2MSP", "Org3MSP"}
	w.agree()
	w.stream(w.bridge1, "bridge-1")
	a := anchor("bridge-1", 1, record.ZeroHash)
	p := w.ledger.Propose(w.cc, w.bridge1, "anchors:Anchor", canonical(t, a))
	require.Empty(t, p.Response.GetMessage())
	require.Equal(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, w.ledger.Commit(p, "Org2MSP", "Org3MSP"))
	// An entry that others wrote past the head is not an anchor.
	entry := record.AnchorEntry{Type: record.AnchorEntryType, Version: record.Version, Anchor: a, Hash: hashOf(t, a), TxID: record.ZeroHash, LedgerTime: 1, Creator: "Org1MSP"}
	data, err := record.Encode(entry)
	require.NoError(t, err)
	w.ledger.Load(record.AnchorKey(our("bridge-1"), 1), data)
	w.refused(record.NotFound, w.admin2, "anchors:Get", "Org1MSP/bridge-1", "1")
	stored := decode[record.AnchorEntry](t, w.submit(w.bridge1, "anchors:Anchor", canonical(t, a)))
	require.NotEqual(t, entry.TxID, stored.TxID)
}

func TestAReadingsSignatureCountsAsItsKeyStoodWhenItWasAnchored(t *testing.T) {
	verify := func(w *world, b batch) call.Inclusion {
		return decode[call.Inclusion](t, w.query(w.admin2, "anchors:VerifyInclusion", "Org1MSP/bridge-1", "1", b64(b.readings[0]), b64(b.path(t, 2, 0))))
	}
	lost := func(w *world, since int64) {
		next := newSigner(t, "EdDSA")
		w.submit(w.admin1, "devices:RotateKey", object{
			"id": "pump-1", "key": next.Key().Text(), "reason": "stolen", "compromisedSince": since,
			"proof": possession(t, next, "pump-1", "Org1MSP", w.ledger.Channel),
		})
	}
	t.Run("a key that was stolen before vouches for nothing", func(t *testing.T) {
		w := newWorld(t)
		device := w.device("pump-1")
		lost(w, 0)
		b := batch{stream: w.stream(w.bridge1, "bridge-1")}
		b.fill(t, device, 2)
		w.submit(w.bridge1, "anchors:Anchor", canonical(t, b.anchor))
		answer := verify(w, b)
		require.True(t, answer.Included)
		require.False(t, answer.Signed)
		require.Equal(t, standing.KeyReplaced, answer.Standing.Reason)
		require.Contains(t, answer.SignatureReason, "stolen")
	})
	t.Run("a key that was stolen later vouched for it", func(t *testing.T) {
		w := newWorld(t)
		b := w.anchoredBatch(2)
		w.ledger.Advance(time.Minute)
		lost(w, 0)
		answer := verify(w, b)
		require.True(t, answer.Signed)
		require.Nil(t, answer.Standing.Repudiated)
	})
	t.Run("its owner disowns it by then", func(t *testing.T) {
		w := newWorld(t)
		b := w.anchoredBatch(2)
		w.ledger.Advance(time.Minute)
		lost(w, b.entry.LedgerTime)
		answer := verify(w, b)
		require.True(t, answer.Signed)
		require.Equal(t, "Org1MSP", answer.Standing.Repudiated.By)
	})
	t.Run("a suspended device", func(t *testing.T) {
		w := newWorld(t)
		device := w.device("pump-1")
		w.submit(w.admin1, "devices:Suspend", object{"id": "pump-1"})
		b := batch{stream: w.stream(w.bridge1, "bridge-1")}
		b.fill(t, device, 2)
		w.submit(w.bridge1, "anchors:Anchor", canonical(t, b.anchor))
		answer := verify(w, b)
		require.False(t, answer.Signed)
		require.Equal(t, standing.Suspended, answer.Standing.Reason)
	})
	t.Run("a signature by nobody", func(t *testing.T) {
		w := newWorld(t)
		w.device("pump-1")
		b := batch{stream: w.stream(w.bridge1, "bridge-1")}
		b.fill(t, newSigner(t, "EdDSA"), 2)
		w.submit(w.bridge1, "anchors:Anchor", canonical(t, b.anchor))
		answer := verify(w, b)
		require.True(t, answer.Included)
		require.False(t, answer.Signed)
		require.Equal(t, standing.UnknownKey, answer.Standing.Reason)
	})
}

func TestAReceiptByAKeyThatWasReplacedBeforeProvesNothingByItself(t *testing.T) {
	w := newWorld(t)
	device := w.device("pump-1")
	stolen := w.stream(w.bridge1, "bridge-1")
	next := newSigner(t, "EdDSA")
	w.submit(w.admin1, "anchors:RotateStreamKey", object{
		"id": "bridge-1", "key": next.Key().Text(), "reason": "stolen", "proof": streamPossession(t, next, "bridge-1", "Org1MSP", w.ledger.Channel),
	})
	b := batch{stream: next, ledger: w.ledger.Channel + "/" + w.ledger.Chaincode}
	b.fill(t, device, 2)
	b.entry = decode[record.AnchorEntry](t, w.submit(w.bridge1, "anchors:Anchor", canonical(t, b.anchor)))
	verify := func(receipt []byte) call.Inclusion {
		return decode[call.Inclusion](t, w.query(w.admin2, "anchors:VerifyInclusion", "Org1MSP/bridge-1", "1", b64(b.readings[0]), b64(receipt)))
	}
	answer := verify(b.receipt(t, stolen, b.claims(t), 0))
	require.True(t, answer.Included)
	require.False(t, answer.Receipt.Verified)
	require.Equal(t, standing.KeyReplaced, answer.Receipt.Standing.Reason)
	require.True(t, verify(b.receipt(t, next, b.claims(t), 0)).Receipt.Verified)
}
