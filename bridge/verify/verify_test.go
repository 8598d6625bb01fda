// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anchorline/anchorline/bridge/verify"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func edKey(t testing.TB) cose.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	s, err := cose.NewSigner(private)
	require.NoError(t, err)
	return s
}

func esKey(t testing.TB) cose.Signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	s, err := cose.NewSigner(private)
	require.NoError(t, err)
	return s
}

// device is a device of Org1MSP.
func device(id string) name.Name { return name.New("Org1MSP", id) }

func sign(t testing.TB, s cose.Signer, id string, at int64) []byte {
	t.Helper()
	data, err := reading.Sign(s, reading.Claims{Device: device(id), Sequence: 1, Time: at}, reading.SenMLJSON, []byte("[]"))
	require.NoError(t, err)
	return data
}

func registered(id string, keys ...cose.Signer) record.Device {
	d := record.Device{Owner: "Org1MSP", ID: id, Status: record.Active}
	for _, k := range keys {
		d.Keys = append(d.Keys, record.Key{ID: k.Key().ID().String(), Public: k.Key().Text()})
	}
	return d
}

// devices is a registry of what is in the map.
type devices map[name.Name]record.Device

func (d devices) Device(_ context.Context, id name.Name) (record.Device, error) {
	r, ok := d[id]
	if !ok {
		return r, verify.ErrUnknown
	}
	return r, nil
}

var errAway = errors.New("the ledger is away")

type away struct{}

func (away) Device(context.Context, name.Name) (record.Device, error) {
	return record.Device{}, errAway
}

func TestAReadingOfARegisteredKeyPassesWithEitherAlgorithm(t *testing.T) {
	ed, es := edKey(t), esKey(t)
	c := verify.New(devices{device("a"): registered("a", ed), device("b"): registered("b", es)}, time.Now)
	for id, key := range map[string]cose.Signer{"a": ed, "b": es} {
		data := sign(t, key, id, 1)
		v, err := c.Check(t.Context(), mqtt.ReadingsTopic(device(id)), data)
		require.NoError(t, err)
		require.Empty(t, v.Reason, v.Detail)
		require.Equal(t, data, v.Reading.Bytes())
	}
}

// now is the bridge's clock in the tests that set it, in ms.
const now = int64(1_700_000_000_000)

func TestEveryRefusalHasItsReason(t *testing.T) {
	key, other := edKey(t), edKey(t)
	day := (24 * time.Hour).Milliseconds()
	status := func(s record.Status) record.Device {
		d := registered("d", key)
		d.Status = s
		return d
	}
	was := &record.Moment{Time: now - 1000}
	revoked, suspended, transferred := status(record.Revoked), status(record.Suspended), status(record.Transferred)
	revoked.Revoked = was
	suspended.Suspensions = []record.Period{{From: *was}}
	transferred.Transferred, transferred.TransferredTo = was, name.New("Org2MSP", "pump-of-org2")
	resumed := registered("d", key)
	resumed.Suspensions = []record.Period{{From: record.Moment{Time: now - 2000}, Until: was}}
	ended := func(at int64) record.Device {
		d := registered("d", key, other)
		d.Keys[0].Until = &record.Moment{Time: at}
		return d
	}
	replaced := ended(now)
	replaced.Keys[0].Reason = "stolen"
	disowned := ended(now)
	disowned.Keys[0].CompromisedSince = now - 500
	good := sign(t, key, "d", now-1000)
	badSignature := bytes.Clone(good)
	badSignature[len(badSignature)-1] ^= 1
	unsupported := bytes.Replace(good, []byte{0x01, 0x27, 0x03}, []byte{0x01, 0x26, 0x03}, 1) // EdDSA -8 → ES256 -7
	unsupported = bytes.Replace(unsupported, []byte{0x01, 0x26, 0x03}, []byte{0x01, 0x28, 0x03}, 1)
	require.NotEqual(t, good, unsupported)
	for title, c := range map[string]struct {
		device record.Device
		topic  string
		data   []byte
		reason string // empty: accepted
		detail string
	}{
		"nothing wrong":                 {registered("d", key), "d", good, "", ""},
		"too large":                     {registered("d", key), "d", make([]byte, reading.MaxSize+1), verify.ReasonOversized, "at most"},
		"garbage":                       {registered("d", key), "d", []byte("garbage"), verify.ReasonMalformed, ""},
		"trailing byte":                 {registered("d", key), "d", append(bytes.Clone(good), 0), verify.ReasonMalformed, ""},
		"unknown algorithm":             {registered("d", key), "d", unsupported, verify.ReasonUnsupported, ""},
		"another device's topic":        {registered("d", key), "e", good, verify.ReasonTopic, mqtt.ReadingsTopic(device("d"))},
		"not registered":                {registered("x", key), "d", good, verify.ReasonUnknownDevice, "register it"},
		"another key":                   {registered("d", other), "d", good, verify.ReasonUnknownKey, key.Key().ID().String()},
		"no key that we know":           {record.Device{Owner: "Org1MSP", ID: "d", Status: record.Active, Keys: []record.Key{{ID: "00", Public: "future"}}}, "d", good, verify.ReasonUnknownKey, ""},
		"changed byte":                  {registered("d", key), "d", badSignature, verify.ReasonSignature, "sequence number 1"},
		"suspended":                     {suspended, "d", good, verify.ReasonDeviceSuspended, "suspended"},
		"resumed":                       {resumed, "d", good, "", ""},
		"revoked":                       {revoked, "d", good, verify.ReasonDeviceRevoked, "revoked"},
		"transferred":                   {transferred, "d", good, verify.ReasonDeviceTransferred, "it is Org2MSP/pump-of-org2 since"},
		"status of a newer chaincode":   {status("resting"), "d", good, verify.ReasonDeviceSuspended, "resting"},
		"its key authorised another":    {ended(now - 1), "d", good, "", ""},
		"within the grace":              {ended(now - day + 1), "d", good, "", ""},
		"after the grace":               {ended(now - day), "d", good, verify.ReasonKeyEnded, "ended at"},
		"after, from the past":          {ended(now - day), "d", sign(t, key, "d", now-2*day), verify.ReasonKeyEnded, "ended at"},
		"within, from the future":       {ended(now - 1), "d", sign(t, key, "d", now+day), "", ""},
		"the new key, from the past":    {ended(now - day), "d", sign(t, other, "d", 5), "", ""},
		"replaced because it is stolen": {replaced, "d", sign(t, key, "d", now-2*day), verify.ReasonKeyReplaced, "stolen"},
		"authorised, then disowned":     {disowned, "d", good, verify.ReasonKeyReplaced, "must not be trusted"},
		"revoked, and signed by others": {revoked, "d", badSignature, verify.ReasonSignature, ""},
	} {
		t.Run(title, func(t *testing.T) {
			checker := verify.New(devices{c.device.Name(): c.device}, func() time.Time { return time.UnixMilli(now) })
			v, err := checker.Check(t.Context(), mqtt.ReadingsTopic(device(c.topic)), c.data)
			require.NoError(t, err)
			require.Equal(t, c.reason, v.Reason, v.Detail)
			require.Equal(t, c.reason == "", v.Reading != nil)
			require.Contains(t, v.Detail, c.detail)
		})
	}
}

func TestATopicThatIsNoReadingsTopicIsRefused(t *testing.T) {
	key := edKey(t)
	c := verify.New(devices{device("d"): registered("d", key)}, time.Now)
	for _, topic := range []string{"", "d", mqtt.ReceiptsTopic(device("d")), "x/" + mqtt.ReadingsTopic(device("d"))} {
		v, err := c.Check(t.Context(), topic, sign(t, key, "d", 1))
		require.NoError(t, err)
		require.Equal(t, verify.ReasonTopic, v.Reason, topic)
	}
}

func TestALedgerThatCannotAnswerIsAnErrorAndNeverARefusal(t *testing.T) {
	key := edKey(t)
	v, err := verify.New(away{}, time.Now).Check(t.Context(), mqtt.ReadingsTopic(device("d")), sign(t, key, "d", 1))
	require.ErrorIs(t, err, errAway)
	require.ErrorContains(t, err, "device Org1MSP/d")
	require.Equal(t, verify.Verdict{}, v)
}

// asked is a registry whose answers the test gives.
type asked struct {
	questions chan name.Name
	answers   chan func() (record.Device, error)
}

func newAsked() *asked {
	return &asked{questions: make(chan name.Name, 100), answers: make(chan func() (record.Device, error))}
}

func (a *asked) Device(ctx context.Context, id name.Name) (record.Device, error) {
	a.questions <- id
	select {
	case f := <-a.answers:
		return f()
	case <-ctx.Done():
		return record.Device{}, ctx.Err()
	}
}

func (a *asked) answer(d record.Device, err error) {
	a.answers <- func() (record.Device, error) { return d, err }
}

// check runs Check in the background and returns where its reason will be.
func check(t *testing.T, c *verify.Checker, data []byte) <-chan string {
	reason := make(chan string, 1)
	go func() {
		v, err := c.Check(t.Context(), mqtt.ReadingsTopic(device("d")), data)
		if err != nil {
			reason <- err.Error()
			return
		}
		reason <- v.Reason
	}()
	return reason
}

func TestManyWhoAskAtOnceAskTheLedgerOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, ledger := edKey(t), newAsked()
		c := verify.New(ledger, time.Now)
		data := sign(t, key, "d", 1)
		var all []<-chan string
		for range 50 {
			all = append(all, check(t, c, data))
		}
		synctest.Wait()
		require.Len(t, ledger.questions, 1)
		ledger.answer(registered("d", key), nil)
		for _, reason := range all {
			require.Empty(t, <-reason)
		}
		require.Empty(t, <-check(t, c, data))
		require.Len(t, ledger.questions, 1, "the answer is remembered")
	})
}

func TestAChangeWhileTheLedgerIsAskedIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, ledger := edKey(t), newAsked()
		c := verify.New(ledger, time.Now)
		data := sign(t, key, "d", 1)
		early := check(t, c, data)
		synctest.Wait()
		c.Forget(device("d")) // the device is revoked now; the answer under way does not know it
		late := check(t, c, data)
		synctest.Wait()
		require.Len(t, ledger.questions, 2, "who asks after the change must not share the answer from before")
		ledger.answer(registered("d", key), nil)
		synctest.Wait()
		revoked := registered("d", key)
		revoked.Status, revoked.Revoked = record.Revoked, &record.Moment{Time: 1}
		ledger.answer(revoked, nil)
		reasons := []string{<-early, <-late}
		require.Contains(t, reasons, verify.ReasonDeviceRevoked)
		third := check(t, c, data)
		synctest.Wait()
		if len(ledger.questions) == 3 { // the answers may have come in the other order
			ledger.answer(revoked, nil)
		}
		require.Equal(t, verify.ReasonDeviceRevoked, <-third, "what was asked before the change is not remembered")
	})
}

func TestAnAnswerFromBeforeAChangeIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, ledger := edKey(t), newAsked()
		c := verify.New(ledger, time.Now)
		data := sign(t, key, "d", 1)
		early := check(t, c, data)
		synctest.Wait()
		c.Forget(device("d"))
		ledger.answer(registered("d", key), nil)
		require.Empty(t, <-early)
		late := check(t, c, data)
		synctest.Wait()
		require.Len(t, ledger.questions, 2)
		ledger.answer(record.Device{}, verify.ErrUnknown)
		require.Equal(t, verify.ReasonUnknownDevice, <-late)
	})
}

func TestForgettingEverythingAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := edKey(t)
		known := devices{device("d"): registered("d", key)}
		c := verify.New(known, time.Now)
		data := sign(t, key, "d", 1)
		require.Empty(t, <-check(t, c, data))
		delete(known, device("d"))
		require.Empty(t, <-check(t, c, data), "remembered")
		c.Forget(name.Name{})
		require.Equal(t, verify.ReasonUnknownDevice, <-check(t, c, data))
	})
}

func TestADeviceBecomesKnownAtOnceAfterItsEventAndSoonWithoutOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := edKey(t)
		known := devices{}
		c := verify.New(known, time.Now)
		data := sign(t, key, "d", 1)
		require.Equal(t, verify.ReasonUnknownDevice, <-check(t, c, data))
		known[device("d")] = registered("d", key)
		require.Equal(t, verify.ReasonUnknownDevice, <-check(t, c, data), "a flood does not ask each time")
		c.Forget(device("d"))
		require.Empty(t, <-check(t, c, data))

		delete(known, device("d"))
		c.Forget(device("d"))
		require.Equal(t, verify.ReasonUnknownDevice, <-check(t, c, data))
		known[device("d")] = registered("d", key)
		time.Sleep(time.Second) // of the bubble's clock
		require.Empty(t, <-check(t, c, data))
	})
}

func TestAnAnswerIsBelievedForMinutesAndNotLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := edKey(t)
		known := devices{device("d"): registered("d", key)}
		c := verify.New(known, time.Now)
		data := sign(t, key, "d", 1)
		require.Empty(t, <-check(t, c, data))
		delete(known, device("d"))
		time.Sleep(4 * time.Minute)
		require.Empty(t, <-check(t, c, data))
		time.Sleep(2 * time.Minute)
		require.Equal(t, verify.ReasonUnknownDevice, <-check(t, c, data))
	})
}

func TestAClockThatJumpsBackDoesNotKeepAnAnswerForEver(t *testing.T) {
	key := edKey(t)
	at := time.UnixMilli(now)
	known := devices{device("d"): registered("d", key)}
	c := verify.New(known, func() time.Time { return at })
	data := sign(t, key, "d", 1)
	require.Empty(t, <-check(t, c, data))
	delete(known, device("d"))
	at = at.Add(-time.Hour)
	require.Equal(t, verify.ReasonUnknownDevice, <-check(t, c, data))
}

func TestAnErrorIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, ledger := edKey(t), newAsked()
		c := verify.New(ledger, time.Now)
		data := sign(t, key, "d", 1)
		first := check(t, c, data)
		ledger.answer(record.Device{}, errAway)
		require.Contains(t, <-first, errAway.Error())
		second := check(t, c, data)
		ledger.answer(registered("d", key), nil)
		require.Empty(t, <-second)
	})
}
