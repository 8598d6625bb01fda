// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
)

// samePurpose permits devices what is done to devices of their type.
const samePurpose = `permit(principal is Device, action, resource) when { principal.type == resource.type };`

// signedBy returns a request with the question that a device of organisation 1 signed about it.
func (w *world) signedBy(signer cose.Signer, ask object, change ...func(*reading.Question)) object {
	w.t.Helper()
	var req call.AccessRequest
	require.NoError(w.t, json.Unmarshal([]byte(text(w.t, ask)), &req))
	digest, err := req.Digest()
	require.NoError(w.t, err)
	q := reading.Question{Device: req.Device, Channel: w.ledger.Channel, Expires: uint64(w.ledger.Now()/1000) + 300, Digest: digest}
	_, err = rand.Read(q.Nonce[:])
	require.NoError(w.t, err)
	for _, c := range change {
		c(&q)
	}
	token, err := reading.SignQuestion(signer, q)
	require.NoError(w.t, err)
	return ask.with("authorization", b64(token))
}

func TestNobodySpeaksAsAnothersDevice(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	w.device("pump-2")
	w.submit(w.admin1, "policies:Put", object{"id": "peers", "text": samePurpose})
	w.submit(w.admin2, "roles:Grant", object{"role": "bridge", "unit": "bridges"})
	ask := readOf("Org1MSP/pump-1").with("device", "Org1MSP/pump-2")
	for _, function := range []string{"access:Decide", "access:Request"} {
		require.Contains(t, w.refused(record.Forbidden, w.org2.Member(t, "bridge", []string{"client", "bridges"}, nil), function, ask), "authorization")
		w.refused(record.Forbidden, w.admin2, function, ask)
		require.Contains(t, w.refused(record.Forbidden, w.bridge1, function, ask), "registrar", "nor does its owner's bridge")
		w.refused(record.Forbidden, w.org1.Client(t, "client"), function, ask)
	}
}

func TestARegistrarOfItsOwnerAsksOnBehalfOfADevice(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	w.device("pump-2")
	w.submit(w.admin1, "policies:Put", object{"id": "peers", "text": samePurpose})
	ask := readOf("Org1MSP/pump-1").with("device", "Org1MSP/pump-2")
	a := decode[record.Access](t, w.submit(w.admin1, "access:Request", ask))
	require.True(t, a.Decision.Allowed)
	require.Equal(t, "Org1MSP/pump-2", a.Decision.Subject)
	require.Equal(t, "Org1MSP/"+w.whoAmI(w.admin1).Identity, a.Decision.AskedBy, "the record says so")
	require.Equal(t, a.Decision.AskedBy, decode[record.Decision](t, w.query(w.admin1, "access:Decide", ask)).AskedBy)
	w.submit(w.admin1, "devices:Suspend", object{"id": "pump-2"})
	w.refused(record.Forbidden, w.admin1, "access:Decide", ask)
}

func TestADeviceSpeaksForItselfThroughAnybodysBridge(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	signer := w.device("pump-2")
	w.submit(w.admin1, "policies:Put", object{"id": "peers", "text": samePurpose})
	w.submit(w.admin2, "roles:Grant", object{"role": "bridge", "unit": "bridges"})
	bridge2 := w.org2.Member(t, "bridge", []string{"client", "bridges"}, nil)
	ask := w.signedBy(signer, readOf("Org1MSP/pump-1").with("device", "Org1MSP/pump-2"))
	d := decode[record.Decision](t, w.query(bridge2, "access:Decide", ask))
	require.True(t, d.Allowed)
	require.Equal(t, "Org1MSP/pump-2", d.Subject)
	require.Empty(t, d.AskedBy)

	first := w.ledger.Propose(w.cc, bridge2, "access:Request", text(t, ask))
	second := w.ledger.Propose(w.cc, w.bridge1, "access:Request", text(t, ask))
	require.Empty(t, first.Response.GetMessage())
	require.Equal(t, peer.TxValidationCode_VALID, w.ledger.Commit(first, w.ledger.Organisations...))
	require.Equal(t, peer.TxValidationCode_MVCC_READ_CONFLICT, w.ledger.Commit(second, w.ledger.Organisations...), "one question is answered on the record once")
	a := decode[record.Access](t, string(first.Response.GetPayload()))
	require.Equal(t, "Org1MSP", a.MSP, "the device's organisation asks, whoever carries it")
	require.Contains(t, w.refused(record.Conflict, w.bridge1, "access:Request", ask), a.ID)
	w.refused(record.Conflict, w.bridge1, "access:Decide", ask)
	w.refused(record.Forbidden, w.org2.Client(t, "client"), "access:Request", ask)
}

func TestAQuestionThatTheDeviceDidNotSignForThisIsRefused(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	signer, other := w.device("pump-2"), w.device("pump-3")
	plain := readOf("Org1MSP/pump-1").with("device", "Org1MSP/pump-2")
	good := w.signedBy(signer, plain)
	for name, ask := range map[string]object{
		"another device's key":    w.signedBy(other, plain),
		"another device's name":   w.signedBy(signer, plain, func(q *reading.Question) { q.Device = our("pump-3") }),
		"another channel":         w.signedBy(signer, plain, func(q *reading.Question) { q.Channel = "elsewhere" }),
		"another request":         good.with("action", "configure"),
		"another context":         good.with("context", object{"purpose": "curiosity"}),
		"an end that is past":     w.signedBy(signer, plain, func(q *reading.Question) { q.Expires = uint64(w.ledger.Now() / 1000) }),
		"an end that is far away": w.signedBy(signer, plain, func(q *reading.Question) { q.Expires += 3_600 }),
		"no token":                plain.with("authorization", b64([]byte("token"))),
	} {
		e := w.refusal(record.InvalidArgument, w.bridge1, "access:Decide", ask)
		require.Equal(t, "authorization", e.Field, "%s: %s", name, e.Message)
	}
	w.refused(record.InvalidArgument, w.bridge1, "access:Request", good.with("ttl", 1000))
	w.refused(record.InvalidArgument, w.bridge1, "access:Decide", readOf("Org1MSP/pump-1").with("authorization", good["authorization"]))
	next := newSigner(t, "EdDSA")
	w.submit(w.bridge1, "devices:RotateKey", w.rotation("pump-2", "Org1MSP", signer, next))
	w.refused(record.InvalidArgument, w.bridge1, "access:Decide", good)
	w.ledger.Advance(time.Second)
	w.query(w.bridge1, "access:Decide", w.signedBy(next, plain))
}

func TestWhatARecordedDecisionWritesIsBounded(t *testing.T) {
	w := newWorld(t)
	var all []object
	for i := range 200 {
		all = append(all, w.registration(fmt.Sprintf("%064d", i), "Org1MSP", newSigner(t, "EdDSA")))
	}
	w.submit(w.admin1, "devices:RegisterMany", object{"devices": all})
	for i := range 10 {
		w.submit(w.admin1, "policies:Put", object{"id": fmt.Sprintf("%064d", i), "text": permitOrg2})
	}
	ask := object{"action": "read", "resource": object{"owner": "Org1MSP"}}
	require.Greater(t, len(w.query(w.admin2, "access:Decide", ask)), 64<<10)
	require.Equal(t, "resource", w.refusal(record.TooLarge, w.org2.Client(t, "nobody"), "access:Request", ask).Field)
}
