// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/contract"
	"github.com/anchorline/anchorline/chaincode/internal/ledgertest"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// world is a channel of two organisations with the chaincode on it: in memory, or on the network
// that this run is on.
type world struct {
	t      testing.TB
	ledger *ledgertest.Ledger
	site   site // on a network only
	// cc endorses every proposal; so does second, on which submit insists on the same result. On a
	// network the chaincodes of both organisations' peers do.
	cc, second *contract.Chaincode
	org1, org2 ledgertest.Organisation
	// admin1 and admin2 are the organisations' NodeOU admins.
	admin1, admin2 ledgertest.Identity
	// bridge1 has the role bridge in organisation 1, by the unit "bridges".
	bridge1 ledgertest.Identity
}

func newWorld(t testing.TB) *world {
	t.Helper()
	cc, err := contract.New(contract.LocalMSP("Org1MSP"))
	require.NoError(t, err)
	second, err := contract.New(contract.LocalMSP("Org2MSP"))
	require.NoError(t, err)
	w := &world{t: t, cc: cc, second: second}
	if onNetwork() {
		w.site = newSite(t)
		w.org1, w.org2, w.ledger = w.site.org1, w.site.org2, w.site.ledger(t)
	} else {
		w.org1, w.org2 = ledgertest.NewOrganisation(t, "Org1MSP"), ledgertest.NewOrganisation(t, "Org2MSP")
		w.ledger = ledgertest.New("Org1MSP", "Org2MSP")
	}
	w.admin1, w.admin2 = w.org1.Admin(t), w.org2.Admin(t)
	w.bridge1 = w.org1.Member(t, "bridge", []string{"client", "bridges"}, nil)
	w.submit(w.admin1, "roles:Grant", object{"role": "bridge", "unit": "bridges"})
	return w
}

// agree sets up the consortium: both organisations, each change signed by both.
func (w *world) agree() {
	w.t.Helper()
	terms := object{"organisations": []string{"Org1MSP", "Org2MSP"}, "others": 1}
	w.submit(w.admin1, "consortium:Approve", terms)
	w.submit(w.admin2, "consortium:Approve", terms)
}

// submit commits a transaction that must be valid and returns its payload.
func (w *world) submit(as ledgertest.Identity, function string, request any) string {
	w.t.Helper()
	p := w.ledger.Propose(w.cc, as, function, text(w.t, request))
	require.Empty(w.t, p.Response.GetMessage())
	if !w.ledger.OnNetwork() {
		w.sameAgain(w.second, p)
	}
	require.Equal(w.t, peer.TxValidationCode_VALID, w.ledger.Commit(p, w.ledger.Organisations...))
	return string(p.Response.GetPayload())
}

// sameAgain requires that another instance of the chaincode does the same to the last byte.
func (w *world) sameAgain(cc *contract.Chaincode, p ledgertest.Proposal) {
	w.t.Helper()
	again := w.ledger.Again(cc, p)
	require.Equal(w.t, p.Stub.Writes, again.Stub.Writes)
	require.Equal(w.t, p.Stub.Policies, again.Stub.Policies)
	require.Equal(w.t, p.Stub.EventName, again.Stub.EventName)
	require.Equal(w.t, string(p.Stub.EventPayload), string(again.Stub.EventPayload))
	require.Equal(w.t, string(p.Response.GetPayload()), string(again.Response.GetPayload()))
}

// refused proposes a transaction that must be refused with a code and returns the refusal's text.
func (w *world) refused(code record.Code, as ledgertest.Identity, function string, args ...any) string {
	w.t.Helper()
	return w.refusal(code, as, function, args...).Error()
}

// refusal is refused that returns the error as a client reads it.
func (w *world) refusal(code record.Code, as ledgertest.Identity, function string, args ...any) *record.Error {
	w.t.Helper()
	texts := []string{function}
	for _, arg := range args {
		texts = append(texts, text(w.t, arg))
	}
	p := w.ledger.Propose(w.cc, as, texts...)
	e, coded := record.ParseError(p.Response.GetMessage())
	require.True(w.t, coded, "%s answered %d %q", function, p.Response.GetStatus(), p.Response.GetMessage())
	require.Equal(w.t, code, e.Code, e.Message)
	require.Equal(w.t, p.Response.GetMessage(), e.Error())
	require.Empty(w.t, p.Response.GetPayload())
	require.Empty(w.t, p.Stub.EventName)
	return e
}

// query evaluates a call that must succeed and must not write.
func (w *world) query(as ledgertest.Identity, function string, args ...any) string {
	w.t.Helper()
	texts := []string{function}
	for _, arg := range args {
		texts = append(texts, text(w.t, arg))
	}
	p := w.ledger.Propose(w.cc, as, texts...)
	require.Empty(w.t, p.Response.GetMessage())
	require.Empty(w.t, p.Stub.Writes)
	return string(p.Response.GetPayload())
}

// decode reads a result.
func decode[T any](t testing.TB, text string) T {
	t.Helper()
	var v T
	require.NoError(t, record.Decode([]byte(text), &v))
	return v
}

// text is an argument: a string as it is, anything else as JSON.
func text(t testing.TB, arg any) string {
	t.Helper()
	if s, ok := arg.(string); ok {
		return s
	}
	data, err := json.Marshal(arg)
	require.NoError(t, err)
	return string(data)
}

// object is a JSON request under construction.
type object map[string]any

// with returns a copy of the request with one field changed.
func (o object) with(field string, value any) object {
	changed := object{}
	for k, v := range o {
		changed[k] = v
	}
	changed[field] = value
	return changed
}

// newSigner makes a key pair: EdDSA or ES256.
func newSigner(t testing.TB, algorithm string) cose.Signer {
	t.Helper()
	if algorithm == "EdDSA" {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		require.NoError(t, err)
		signer, err := cose.NewSigner(private)
		require.NoError(t, err)
		return signer
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	signer, err := cose.NewSigner(private)
	require.NoError(t, err)
	return signer
}

// registration is a valid request to register a device of an organisation.
func (w *world) registration(id, msp string, signer cose.Signer) object {
	return object{
		"id": id, "key": signer.Key().Text(), "proof": possession(w.t, signer, id, msp, w.ledger.Channel),
		"type": "thermometer", "attributes": object{"site": "east"}, "profile": strings.Repeat("ab", 32),
	}
}

// device registers a device of organisation 1 and returns its signer.
func (w *world) device(id string) cose.Signer {
	w.t.Helper()
	signer := newSigner(w.t, "EdDSA")
	w.submit(w.admin1, "devices:Register", w.registration(id, "Org1MSP", signer))
	return signer
}

// rotation is a valid request to rotate a device's key, authorised by the old one.
func (w *world) rotation(id, msp string, old, next cose.Signer) object {
	return object{
		"id": id, "key": next.Key().Text(), "proof": possession(w.t, next, id, msp, w.ledger.Channel),
		"authorization": authorization(w.t, old, next, id, msp, w.ledger.Channel),
	}
}

// acceptance is a valid request to take over a device of another organisation under its own id.
func (w *world) acceptance(from name.Name, msp string, signer cose.Signer) object {
	return object{"from": from, "key": signer.Key().Text(), "proof": possession(w.t, signer, from.ID, msp, w.ledger.Channel)}
}

// streamRotation is a valid request to rotate a stream's key, authorised by the old one.
func (w *world) streamRotation(id, msp string, old, next cose.Signer) object {
	s := reading.Subject{Kind: reading.StreamKey, Name: name.New(msp, id), Channel: w.ledger.Channel}
	return object{
		"id": id, "key": next.Key().Text(), "proof": possessionOf(w.t, next, s), "authorization": authorizationOf(w.t, old, next, s),
	}
}

// stream opens a stream of organisation 1's bridge.
func (w *world) stream(bridge ledgertest.Identity, id string) cose.Signer {
	w.t.Helper()
	signer := newSigner(w.t, "EdDSA")
	w.submit(bridge, "anchors:OpenStream", object{
		"id": id, "key": signer.Key().Text(), "proof": streamPossession(w.t, signer, id, bridge.MSP, w.ledger.Channel),
	})
	return signer
}

// our is the name of a record of organisation 1, their of organisation 2.
func our(id string) name.Name   { return name.New("Org1MSP", id) }
func their(id string) name.Name { return name.New("Org2MSP", id) }

// hashOf is the hash of an anchor.
func hashOf(t testing.TB, a record.Anchor) string {
	t.Helper()
	hash, err := a.HashText()
	require.NoError(t, err)
	return hash
}

// anchor is the n-th anchor of a stream of organisation 1.
func anchor(stream string, number uint64, previous string) record.Anchor {
	return record.Anchor{
		Type: record.AnchorType, Version: record.Version,
		Stream: our(stream), Number: number, Previous: previous, Root: strings.Repeat("5", 64), Size: 2,
		BridgeTime: record.Span{First: 1_700_000_000_000, Last: 1_700_000_000_100},
		DeviceTime: record.Span{First: 1_700_000_000_000, Last: 1_700_000_000_050},
		Counts:     map[string]uint64{record.DeviceSigned: 2},
	}
}

// canonical is an anchor as an argument.
func canonical(t testing.TB, a record.Anchor) string {
	t.Helper()
	data, err := a.Encode()
	require.NoError(t, err)
	return string(data)
}

// possession is the proof that signer's key is held, as an argument.
func possession(t testing.TB, signer cose.Signer, id, msp, channel string) string {
	t.Helper()
	return possessionOf(t, signer, reading.Subject{Kind: reading.DeviceKey, Name: name.New(msp, id), Channel: channel})
}

// streamPossession is the same of a stream's key.
func streamPossession(t testing.TB, signer cose.Signer, id, msp, channel string) string {
	t.Helper()
	return possessionOf(t, signer, reading.Subject{Kind: reading.StreamKey, Name: name.New(msp, id), Channel: channel})
}

func possessionOf(t testing.TB, signer cose.Signer, s reading.Subject) string {
	t.Helper()
	token, err := reading.SignPossession(signer, s)
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(token)
}

// authorization is the old key's consent to the next, as an argument.
func authorization(t testing.TB, old, next cose.Signer, id, msp, channel string) string {
	t.Helper()
	return authorizationOf(t, old, next, reading.Subject{Kind: reading.DeviceKey, Name: name.New(msp, id), Channel: channel})
}

func authorizationOf(t testing.TB, old, next cose.Signer, s reading.Subject) string {
	t.Helper()
	token, err := reading.SignRotation(old, s, next.Key())
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(token)
}
