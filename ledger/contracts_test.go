// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/contract"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/network/devnet"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/name"
)

// A recorder runs the contracts and remembers which functions succeeded.
type recorder struct {
	shim.Chaincode
	mu   sync.Mutex
	done map[string]bool
}

// Invoke calls the contracts.
func (r *recorder) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	answer := r.Chaincode.Invoke(stub)
	function, _ := stub.GetFunctionAndParameters()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done[function] = r.done[function] || answer.GetStatus() == shim.OK
	return answer
}

// A member is an identity of the network and what it needs to sign for it.
type member struct {
	*ledger.Client
	t *testing.T
}

func (m member) prove(s cose.Signer, kind reading.Kind, id string) string {
	return possession(m.t, s, kind, id, m.Profile())
}

func TestEveryFunctionOfTheContractsHasATypedCall(t *testing.T) {
	code, err := contract.New(contract.LocalMSP("Org1MSP"))
	require.NoError(t, err)
	r := &recorder{Chaincode: code, done: map[string]bool{}}
	cfg := devnet.Default(t.TempDir())
	cfg.BatchTimeout, cfg.Chaincode = 10*time.Millisecond, devnet.Everywhere(r)
	n, err := devnet.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	as := func(msp, user string) member { return member{connect(t, ledger.Profile(n.Profile(msp, user))), t} }
	admin, other := as("Org1MSP", "Admin"), as("Org2MSP", "Admin")

	governs(t, admin, other)
	keepsDevices(t, admin, other)
	enrols(t, admin)
	decides(t, admin)
	anchors(t, admin)
	for _, f := range contract.Functions() {
		require.True(t, r.done[f.Name()], "%s has no typed call, or it never succeeded", f.Name())
	}
}

// governs agrees on terms, and makes the administrator of the first organisation a bridge too.
func governs(t *testing.T, admin, other member) {
	terms := record.Terms{Organisations: []string{"Org1MSP", "Org2MSP"}, Others: 1}
	c, err := admin.ApproveTerms(t.Context(), terms)
	require.NoError(t, err)
	require.Nil(t, c.Terms)
	_, err = other.ApproveTerms(t.Context(), terms)
	require.NoError(t, err)
	c, err = admin.Consortium(t.Context())
	require.NoError(t, err)
	require.True(t, terms.Equal(*c.Terms))
	require.Len(t, c.Approvals, 2)

	self, err := admin.WhoAmI(t.Context())
	require.NoError(t, err)
	request := ledger.RoleRequest{Role: record.Bridge, Certificate: self.Certificate}
	for _, active := range []bool{true, false, true} {
		change := admin.RevokeRole
		if active {
			change = admin.GrantRole
		}
		g, err := change(t.Context(), request)
		require.NoError(t, err)
		require.Equal(t, active, g.Active)
	}
	grants, err := other.Grants(t.Context(), "Org1MSP", record.Bridge)
	require.NoError(t, err)
	require.Len(t, grants, 1)
}

func keepsDevices(t *testing.T, admin, other member) {
	ctx := t.Context()
	old, next := signer(t, 1), signer(t, 2)
	register := func(id string) ledger.Registration {
		return ledger.Registration{ID: id, Key: old.Key().Text(), Proof: admin.prove(old, reading.DeviceKey, id)}
	}
	began := time.Now()
	_, err := admin.RegisterDevice(ctx, register("d"))
	require.NoError(t, err)
	many, err := admin.RegisterDevices(ctx, []ledger.Registration{register("d"), register("e")})
	require.NoError(t, err)
	require.Equal(t, ledger.Registered{Registered: []string{"e"}, Unchanged: []string{"d"}}, many)
	d, err := admin.DescribeDevice(ctx, ledger.Description{ID: "d", Type: "pump", Attributes: map[string]string{"site": "north"}, Profile: record.ZeroHash})
	require.NoError(t, err)
	require.Equal(t, "pump", d.DeviceType)
	for _, f := range []ledger.DeviceFilter{
		{Type: "pump"}, {Owner: "Org1MSP", Status: record.Active, Attribute: &record.Attribute{Name: "site", Value: "north"}},
	} {
		found, err := other.Devices(ctx, f)
		require.NoError(t, err)
		require.Equal(t, []record.Device{d}, found)
	}

	subject := reading.Subject{Kind: reading.DeviceKey, Name: our("d"), Channel: "mychannel"}
	token, err := reading.SignRotation(old, subject, next.Key())
	require.NoError(t, err)
	_, err = admin.RotateKey(ctx, ledger.Rotation{
		ID: "d", Key: next.Key().Text(), Proof: admin.prove(next, reading.DeviceKey, "d"), Authorization: base64.RawURLEncoding.EncodeToString(token),
	})
	require.NoError(t, err)
	k, err := other.DeviceKeyAt(ctx, our("d"), began.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, next.Key().ID().String(), k.Key.ID)
	require.True(t, k.Trusted)

	accept := ledger.Acceptance{From: our("d"), ID: "d2", Key: next.Key().Text(), Proof: other.prove(next, reading.DeviceKey, "d2")}
	for _, step := range []struct {
		call func() (record.Device, error)
		want record.Status
	}{
		{func() (record.Device, error) { return admin.SuspendDevice(ctx, "d", "repair") }, record.Suspended},
		{func() (record.Device, error) { return admin.ResumeDevice(ctx, "d", "repaired") }, record.Active},
		{func() (record.Device, error) { return admin.OfferDevice(ctx, "d", "Org2MSP") }, record.Active},
		{func() (record.Device, error) { return admin.WithdrawOffer(ctx, "d") }, record.Active},
		{func() (record.Device, error) { return admin.OfferDevice(ctx, "d", "Org2MSP") }, record.Active},
		{func() (record.Device, error) { return other.AcceptDevice(ctx, accept) }, record.Active},
		{func() (record.Device, error) { return other.RevokeDevice(ctx, "d2", "stolen", 0) }, record.Revoked},
	} {
		d, err := step.call()
		require.NoError(t, err)
		require.Equal(t, step.want, d.Status)
	}
	d, err = admin.Device(ctx, our("d"))
	require.NoError(t, err)
	require.Equal(t, name.New("Org2MSP", "d2"), d.TransferredTo)
	changes, err := admin.DeviceHistory(ctx, our("d"))
	require.NoError(t, err)
	require.Len(t, changes, 9)
	require.Equal(t, d, changes[0].Device)
}

func enrols(t *testing.T, admin member) {
	ctx := t.Context()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	template := func(name string, ca bool) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: ca, BasicConstraintsValid: true,
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		}
	}
	root, err := x509.CreateCertificate(rand.Reader, template("maker", true), template("maker", true), public, private)
	require.NoError(t, err)
	ca, err := x509.ParseCertificate(root)
	require.NoError(t, err)
	key := signer(t, 3)
	own, err := x509.CreateCertificate(rand.Reader, template("auto", false), ca, key.Key().Public(), private)
	require.NoError(t, err)
	text := base64.RawURLEncoding.EncodeToString

	_, err = admin.AddManufacturer(ctx, ledger.Manufacturer{Name: "m", Certificate: text(root), DeviceType: "pump"})
	require.NoError(t, err)
	d, err := admin.EnrolDevice(ctx, ledger.Enrolment{
		ID: "auto", Owner: "Org1MSP", Manufacturer: "m", Chain: []string{text(own)}, Proof: admin.prove(key, reading.DeviceKey, "auto"),
	})
	require.NoError(t, err)
	require.Equal(t, "pump", d.DeviceType)
	m, err := admin.RemoveManufacturer(ctx, "m")
	require.NoError(t, err)
	all, err := admin.Manufacturers(ctx, "Org1MSP")
	require.NoError(t, err)
	require.Equal(t, []record.Manufacturer{m}, all)
}

func decides(t *testing.T, admin member) {
	ctx := t.Context()
	const text = `permit (principal, action == Action::"read", resource);`
	schema, err := admin.PolicySchema(ctx)
	require.NoError(t, err)
	require.Contains(t, schema, "entity Device")
	checked, err := admin.CheckPolicy(ctx, text)
	require.NoError(t, err)
	require.Contains(t, checked.Text, "permit")
	require.Positive(t, checked.Cost)
	require.NotEmpty(t, checked.Warnings, "it permits everybody")
	_, err = admin.CheckPolicy(ctx, "permit")
	require.ErrorIs(t, err, ledger.ErrInvalidArgument)
	first, err := admin.PutPolicy(ctx, "p", text)
	require.NoError(t, err)

	question := record.AccessQuery{Action: "read", Resource: record.AccessResource{Device: our("e")}}
	decision, err := admin.Decide(ctx, question)
	require.NoError(t, err)
	require.True(t, decision.Allowed)
	a, err := admin.RequestAccess(ctx, question, 90*time.Minute)
	require.NoError(t, err)
	require.Equal(t, (90 * time.Minute).Milliseconds(), a.Expires-a.Decision.Time)
	again, err := admin.Access(ctx, a.ID)
	require.NoError(t, err)
	require.Equal(t, a, again)
	all, err := admin.Accesses(ctx)
	require.NoError(t, err)
	require.Equal(t, []record.Access{a}, all)

	last, err := admin.RevokePolicy(ctx, "p", "over")
	require.NoError(t, err)
	latest, err := admin.Policy(ctx, our("p"))
	require.NoError(t, err)
	require.Equal(t, last, latest)
	history, err := admin.PolicyHistory(ctx, our("p"))
	require.NoError(t, err)
	require.Equal(t, []record.Policy{last, first}, history)
	policies, err := admin.Policies(ctx, "")
	require.NoError(t, err)
	require.Equal(t, []record.Policy{last}, policies)
}

func anchors(t *testing.T, admin member) {
	ctx := t.Context()
	key, next := signer(t, 4), signer(t, 5)
	_, err := admin.OpenStream(ctx, ledger.StreamRegistration{ID: "s", Key: key.Key().Text(), Proof: admin.prove(key, reading.StreamKey, "s")})
	require.NoError(t, err)
	_, err = admin.StopStream(ctx, "s", "stolen", 0)
	require.NoError(t, err)
	s, err := admin.RotateStreamKey(ctx, ledger.Rotation{ID: "s", Key: next.Key().Text(), Proof: admin.prove(next, reading.StreamKey, "s"), Reason: "lost"})
	require.NoError(t, err)
	s, err = admin.SetBridge(ctx, "s", s.Bridge)
	require.NoError(t, err)
	all, err := admin.Streams(ctx)
	require.NoError(t, err)
	require.Equal(t, []record.Stream{s}, all)
	one, err := admin.Stream(ctx, our("s"))
	require.NoError(t, err)
	require.Equal(t, s, one)

	// A batch of one reading, whose leaf is the root.
	began := time.Date(2026, 1, 31, 23, 59, 0, 0, time.UTC)
	leaf, err := reading.Sign(signer(t, 1), reading.Claims{Device: our("e"), Subject: "e", Sequence: 1, Time: began.UnixMilli()}, reading.SenMLJSON, []byte("[]"))
	require.NoError(t, err)
	at := record.Span{First: began.UnixMilli(), Last: began.Add(time.Hour).UnixMilli()}
	a := record.Anchor{
		Type: record.AnchorType, Version: record.Version, Stream: our("s"), Number: 1, Previous: record.ZeroHash, BridgeTime: at, DeviceTime: at,
		Root: merkle.LeafHash(leaf).String(), Size: 1, Counts: map[string]uint64{record.DeviceSigned: 1},
	}
	data, err := a.Encode()
	require.NoError(t, err)
	p, err := admin.PrepareAnchor(ctx, data)
	require.NoError(t, err)
	_, err = admin.Submit(ctx, p.Bytes)
	require.NoError(t, err)
	head, err := admin.Head(ctx, our("s"))
	require.NoError(t, err)
	hash, err := a.HashText()
	require.NoError(t, err)
	require.Equal(t, hash, head.Hash)
	entry, err := admin.Anchor(ctx, our("s"), 1)
	require.NoError(t, err)
	run, err := admin.Anchors(ctx, our("s"), 1, 10)
	require.NoError(t, err)
	require.Equal(t, []record.AnchorEntry{entry}, run)
	for day, want := range map[time.Time]int{began: 1, began.Add(time.Hour): 0, began.In(time.FixedZone("east", 3*3600)): 1} {
		of, err := admin.AnchorsOfDay(ctx, day, our("s"))
		require.NoError(t, err)
		require.Len(t, of, want, "the day is UTC's, on which the batch began")
	}

	proof := []byte{0x83, 0x01, 0x00, 0x80} // [1, 0, []]: the path of the only leaf
	i, err := admin.VerifyInclusion(ctx, our("s"), 1, leaf, proof)
	require.NoError(t, err)
	require.True(t, i.Included)
	require.True(t, i.Signed)
	require.Equal(t, our("e"), i.Device)

	request := ledger.AttestRequest{Stream: our("s"), From: 1, To: 1, Devices: []name.Name{our("e")}, Nonce: record.ZeroHash}
	attested, err := admin.Attest(ctx, request)
	require.NoError(t, err)
	require.Equal(t, []record.AnchorEntry{entry}, attested.Anchors)
	require.Equal(t, admin.Profile().Ledger(), attested.Ledger)
	request.Devices = append(request.Devices, our("nobody"))
	_, err = admin.Attest(ctx, request)
	require.ErrorIs(t, err, ledger.ErrNotFound)

	a.Gaps++
	data, err = a.Encode()
	require.NoError(t, err)
	report, err := admin.ReportEquivocation(ctx, ledger.Equivocation{Anchor: string(data)})
	require.NoError(t, err)
	reports, err := admin.Equivocations(ctx, our("s"))
	require.NoError(t, err)
	require.Equal(t, []record.EquivocationReport{report}, reports)
}
