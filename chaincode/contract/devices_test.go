// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
)

func TestARegisteredDeviceCanBeRead(t *testing.T) {
	for _, algorithm := range []string{"EdDSA", "ES256"} {
		t.Run(algorithm, func(t *testing.T) {
			w := newWorld(t)
			signer := newSigner(t, algorithm)
			time := w.ledger.Now()
			answer := w.submit(w.admin1, "devices:Register", w.registration("pump-1", "Org1MSP", signer).with("reportingPeriod", 60_000))
			now := record.Moment{Time: time, Tx: w.ledger.Events()[len(w.ledger.Events())-1].TxID}
			require.Equal(t, answer, w.query(w.admin2, "devices:Get", "Org1MSP/pump-1"))

			d := decode[record.Device](t, answer)
			require.Equal(t, record.Device{
				Type: record.DeviceType, Version: record.Version, ID: "pump-1", Owner: "Org1MSP", Status: record.Active,
				Keys:       []record.Key{{ID: signer.Key().ID().String(), Algorithm: algorithm, Public: signer.Key().Text(), From: now}},
				DeviceType: "thermometer", Attributes: map[string]string{"site": "east"}, Profile: strings.Repeat("ab", 32),
				ReportingPeriod: 60_000, Registration: d.Registration, Registered: now, Updated: now,
			}, d)
		})
	}
}

func TestRegisteringTheSameAgainSucceedsWithoutAChange(t *testing.T) {
	w := newWorld(t)
	signer := newSigner(t, "ES256")
	first := w.submit(w.admin1, "devices:Register", w.registration("pump-1", "Org1MSP", signer))
	// A retry makes a new proof, which differs, as ECDSA signatures do.
	p := w.ledger.Propose(w.cc, w.admin1, "devices:Register", text(t, w.registration("pump-1", "Org1MSP", signer)))
	require.Equal(t, first, string(p.Response.GetPayload()))
	require.Empty(t, p.Stub.Writes)
	require.Empty(t, p.Stub.EventName)
}

func TestRegisteringOtherContentUnderTheSameIDIsRefused(t *testing.T) {
	w := newWorld(t)
	signer := newSigner(t, "EdDSA")
	request := w.registration("pump-1", "Org1MSP", signer)
	w.submit(w.admin1, "devices:Register", request)
	w.refused(record.AlreadyExists, w.admin1, "devices:Register", request.with("type", "hygrometer"))
	w.refused(record.AlreadyExists, w.admin1, "devices:Register", w.registration("pump-1", "Org1MSP", newSigner(t, "EdDSA")))
}

func TestADeviceWithoutProofOfPossessionIsRefused(t *testing.T) {
	w := newWorld(t)
	signer, other := newSigner(t, "EdDSA"), newSigner(t, "EdDSA")
	request := w.registration("pump-1", "Org1MSP", signer)
	for name, proof := range map[string]string{
		"of another key":          possession(t, other, "pump-1", "Org1MSP", w.ledger.Channel),
		"for another device":      possession(t, signer, "pump-2", "Org1MSP", w.ledger.Channel),
		"for another MSP":         possession(t, signer, "pump-1", "Org2MSP", w.ledger.Channel),
		"for another channel":     possession(t, signer, "pump-1", "Org1MSP", "other"),
		"that is a rotation":      authorization(t, signer, other, "pump-1", "Org1MSP", w.ledger.Channel),
		"that is no token":        "AAAA",
		"that is not base64url":   "!",
		"with padding":            request["proof"].(string) + "=",
		"with a line break":       request["proof"].(string) + "\n",
		"with something after it": request["proof"].(string) + "AAAA",
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, w.refused(record.InvalidArgument, w.admin1, "devices:Register", request.with("proof", proof)), "field=proof:")
		})
	}
	require.Contains(t, w.refused(record.InvalidArgument, w.admin1, "devices:Register", request.with("key", "AAAA")), "field=key:")
}

func TestARotatedKeyEndsWhereTheNextBegins(t *testing.T) {
	w := newWorld(t)
	old, next := w.device("pump-1"), newSigner(t, "ES256")
	w.ledger.Advance(time.Minute)
	now := w.ledger.Now()
	d := decode[record.Device](t, w.submit(w.admin1, "devices:RotateKey", w.rotation("pump-1", "Org1MSP", old, next)))
	require.Len(t, d.Keys, 2)
	require.Equal(t, now, d.Keys[0].Until.Time)
	require.Empty(t, d.Keys[0].Reason, "it named its successor itself")
	require.Equal(t, *d.Keys[0].Until, d.Keys[1].From)
	current, open := d.CurrentKey()
	require.True(t, open)
	require.Equal(t, next.Key().ID().String(), current.ID)
}

func TestRotatingToTheCurrentKeyAgainSucceedsWithoutAChange(t *testing.T) {
	w := newWorld(t)
	old, next := w.device("pump-1"), newSigner(t, "EdDSA")
	request := w.rotation("pump-1", "Org1MSP", old, next)
	first := w.submit(w.admin1, "devices:RotateKey", request)
	p := w.ledger.Propose(w.cc, w.admin1, "devices:RotateKey", text(t, request))
	require.Equal(t, first, string(p.Response.GetPayload()))
	require.Empty(t, p.Stub.Writes)
}

func TestALostKeyIsReplacedForAReason(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	next := newSigner(t, "EdDSA")
	request := object{
		"id": "pump-1", "key": next.Key().Text(), "reason": "board replaced",
		"proof": possession(t, next, "pump-1", "Org1MSP", w.ledger.Channel),
	}
	d := decode[record.Device](t, w.submit(w.admin1, "devices:RotateKey", request))
	require.Equal(t, "board replaced", d.Keys[0].Reason)
	require.Empty(t, d.Keys[1].Reason)
}

func TestAnUnauthorisedRotationIsRefused(t *testing.T) {
	w := newWorld(t)
	old, next, stranger := w.device("pump-1"), newSigner(t, "EdDSA"), newSigner(t, "EdDSA")
	w.device("pump-2")
	good := w.rotation("pump-1", "Org1MSP", old, next)
	for name, bad := range map[string]object{
		"by a stranger":        good.with("authorization", authorization(t, stranger, next, "pump-1", "Org1MSP", w.ledger.Channel)),
		"to another key":       good.with("authorization", authorization(t, old, stranger, "pump-1", "Org1MSP", w.ledger.Channel)),
		"of another device":    good.with("authorization", authorization(t, old, next, "pump-2", "Org1MSP", w.ledger.Channel)),
		"on another channel":   good.with("authorization", authorization(t, old, next, "pump-1", "Org1MSP", "other")),
		"by the new key":       good.with("authorization", authorization(t, next, next, "pump-1", "Org1MSP", w.ledger.Channel)),
		"with both":            good.with("reason", "lost"),
		"with neither":         good.with("authorization", ""),
		"without proof of key": good.with("proof", possession(t, stranger, "pump-1", "Org1MSP", w.ledger.Channel)),
	} {
		t.Run(name, func(t *testing.T) {
			w.refused(record.InvalidArgument, w.admin1, "devices:RotateKey", bad)
		})
	}
}

func TestAUsedKeyIsNeverTakenAgain(t *testing.T) {
	w := newWorld(t)
	first, second := w.device("pump-1"), newSigner(t, "EdDSA")
	w.submit(w.admin1, "devices:RotateKey", w.rotation("pump-1", "Org1MSP", first, second))
	w.refused(record.Conflict, w.admin1, "devices:RotateKey", w.rotation("pump-1", "Org1MSP", second, first))
}

func TestSuspensionIsPassingAndRevocationFinal(t *testing.T) {
	w := newWorld(t)
	signer := w.device("pump-1")
	d := decode[record.Device](t, w.submit(w.admin1, "devices:Suspend", object{"id": "pump-1", "reason": "moved"}))
	require.Equal(t, record.Suspended, d.Status)
	require.Equal(t, "moved", d.StatusReason)
	d = decode[record.Device](t, w.submit(w.admin1, "devices:Resume", object{"id": "pump-1"}))
	require.Equal(t, record.Active, d.Status)

	w.ledger.Advance(time.Minute)
	since := w.ledger.Now() - 1000
	now := w.ledger.Now()
	d = decode[record.Device](t, w.submit(w.admin1, "devices:Revoke", object{"id": "pump-1", "reason": "stolen", "compromisedSince": since}))
	require.Equal(t, record.Revoked, d.Status)
	require.Equal(t, since, d.CompromisedSince)
	require.Equal(t, now, d.Keys[0].Until.Time)
	require.Equal(t, "stolen", d.Keys[0].Reason, "a key that its device's revocation ends did not name a successor")
	_, open := d.CurrentKey()
	require.False(t, open)

	w.refused(record.Conflict, w.admin1, "devices:Suspend", object{"id": "pump-1"})
	w.refused(record.Conflict, w.admin1, "devices:Resume", object{"id": "pump-1"})
	w.refused(record.Conflict, w.admin1, "devices:Revoke", object{"id": "pump-1", "reason": "other"})
	w.refused(record.Conflict, w.admin1, "devices:RotateKey", w.rotation("pump-1", "Org1MSP", signer, newSigner(t, "EdDSA")))
}

func TestRevocationCannotBeDatedIntoTheFuture(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	w.refused(record.InvalidArgument, w.admin1, "devices:Revoke", object{"id": "pump-1", "reason": "x", "compromisedSince": w.ledger.Now() + 60_000})
}

func TestRepeatingAChangeOfStatusWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	for _, call := range []struct{ function, reason string }{{"devices:Suspend", "a"}, {"devices:Resume", "b"}, {"devices:Revoke", "c"}} {
		request := object{"id": "pump-1", "reason": call.reason}
		first := w.submit(w.admin1, call.function, request)
		p := w.ledger.Propose(w.cc, w.admin1, call.function, text(t, request))
		require.Equal(t, first, string(p.Response.GetPayload()))
		require.Empty(t, p.Stub.Writes)
	}
}

func TestAnUnknownDeviceIsNotFound(t *testing.T) {
	w := newWorld(t)
	w.refused(record.NotFound, w.admin1, "devices:Get", "Org1MSP/pump-1")
	w.refused(record.NotFound, w.admin1, "devices:Suspend", object{"id": "pump-1"})
	w.refused(record.InvalidArgument, w.admin1, "devices:Get", "Org1MSP/no such id!")
}
