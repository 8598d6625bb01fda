// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/cose"
)

// maker is a manufacturer's certificate authority, or one below it.
type maker struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// newMaker makes a CA; without a parent it signs itself.
func newMaker(t testing.TB, name string, parent *maker) *maker {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.UnixMilli(1_600_000_000_000), NotAfter: time.UnixMilli(2_000_000_000_000),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	m := &maker{key: key}
	if parent == nil {
		parent = &maker{certificate: template, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.certificate, key.Public(), parent.key)
	require.NoError(t, err)
	m.certificate, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return m
}

// text is the CA's certificate as an argument.
func (m *maker) text() string { return base64.RawURLEncoding.EncodeToString(m.certificate.Raw) }

// certify issues a device certificate, valid until a time in milliseconds.
func (m *maker) certify(t testing.TB, subject pkix.Name, public crypto.PublicKey, until int64) string {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: subject,
		NotBefore: time.UnixMilli(1_600_000_000_000), NotAfter: time.UnixMilli(until),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, m.certificate, public, m.key)
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(der)
}

// pkixName is a subject with a common name.
func pkixName(name string) pkix.Name { return pkix.Name{CommonName: name} }

const farFuture = 1_990_000_000_000

// ed25519Signer makes a key pair and the signer on it.
func ed25519Signer(t testing.TB) (ed25519.PublicKey, cose.Signer) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := cose.NewSigner(private)
	require.NoError(t, err)
	return public, signer
}

func TestADeviceOfAKnownManufacturerRegistersItself(t *testing.T) {
	w := newWorld(t)
	root := newMaker(t, "Maker", nil)
	line := newMaker(t, "Maker line 3", root)
	w.submit(w.admin2, "devices:AddManufacturer", object{"name": "maker", "certificate": root.text(), "deviceType": "pump"})
	public, signer := ed25519Signer(t)
	request := object{
		"id": "pump-1", "owner": "Org2MSP", "manufacturer": "maker",
		"chain": []string{line.certify(t, pkix.Name{CommonName: "pump-1"}, public, farFuture), line.text()},
		"proof": possession(t, signer, "pump-1", "Org2MSP", w.ledger.Channel),
	}
	// A bridge of another organisation carries it.
	d := decode[record.Device](t, w.submit(w.bridge1, "devices:Enrol", request))
	require.Equal(t, "Org2MSP", d.Owner)
	require.Equal(t, "pump", d.DeviceType)
	require.Equal(t, "maker", d.Manufacturer)
	require.Equal(t, signer.Key().ID().String(), d.Keys[0].ID)
	p := w.ledger.Propose(w.cc, w.bridge1, "devices:Enrol", text(t, request))
	require.Empty(t, p.Response.GetMessage())
	require.Empty(t, p.Stub.Writes)

	w.submit(w.admin2, "devices:RemoveManufacturer", object{"name": "maker"})
	w.refused(record.Forbidden, w.bridge1, "devices:Enrol", request)
	w.submit(w.admin2, "devices:Suspend", object{"id": "pump-1"})
	w.submit(w.admin2, "devices:AddManufacturer", object{"name": "maker", "certificate": root.text()})
	w.query(w.bridge1, "devices:Get", "Org2MSP/pump-1")
}

func TestASerialNumberNamesADeviceToo(t *testing.T) {
	w := newWorld(t)
	root := newMaker(t, "Maker", nil)
	w.submit(w.admin1, "devices:AddManufacturer", object{"name": "maker", "certificate": root.text()})
	public, signer := ed25519Signer(t)
	w.submit(w.bridge1, "devices:Enrol", object{
		"id": "SN-42", "owner": "Org1MSP", "manufacturer": "maker",
		"chain": []string{root.certify(t, pkix.Name{CommonName: "Pump of the year", SerialNumber: "SN-42"}, public, farFuture)},
		"proof": possession(t, signer, "SN-42", "Org1MSP", w.ledger.Channel),
	})
}

func TestOneCertificateEnrolsOneDeviceOfAnOwner(t *testing.T) {
	w := newWorld(t)
	root := newMaker(t, "Maker", nil)
	w.submit(w.admin1, "devices:AddManufacturer", object{"name": "maker", "certificate": root.text()})
	w.submit(w.admin2, "devices:AddManufacturer", object{"name": "maker", "certificate": root.text()})
	public, signer := ed25519Signer(t)
	chain := []string{root.certify(t, pkix.Name{CommonName: "pump-1", SerialNumber: "SN-42"}, public, farFuture)}
	enrolment := func(id, owner string) object {
		return object{"id": id, "owner": owner, "manufacturer": "maker", "chain": chain, "proof": possession(t, signer, id, owner, w.ledger.Channel)}
	}
	w.submit(w.bridge1, "devices:Enrol", enrolment("pump-1", "Org1MSP"))
	require.Contains(t, w.refused(record.AlreadyExists, w.bridge1, "devices:Enrol", enrolment("SN-42", "Org1MSP")), "Org1MSP/pump-1")
	chain = []string{root.certify(t, pkixName("pump-2"), public, farFuture)}
	w.refused(record.AlreadyExists, w.bridge1, "devices:Enrol", enrolment("pump-2", "Org1MSP"))
	w.submit(w.bridge1, "devices:Enrol", enrolment("pump-2", "Org2MSP"))
}

func TestADeviceThatItsManufacturerDoesNotVouchForIsRefused(t *testing.T) {
	w := newWorld(t)
	root, stranger := newMaker(t, "Maker", nil), newMaker(t, "Maker", nil)
	line := newMaker(t, "Maker line 3", root)
	w.submit(w.admin1, "devices:AddManufacturer", object{"name": "maker", "certificate": root.text()})
	public, signer := ed25519Signer(t)
	otherPublic, _ := ed25519Signer(t)
	name := pkix.Name{CommonName: "pump-1"}
	good := object{
		"id": "pump-1", "owner": "Org1MSP", "manufacturer": "maker",
		"chain": []string{root.certify(t, name, public, farFuture)},
		"proof": possession(t, signer, "pump-1", "Org1MSP", w.ledger.Channel),
	}
	for what, c := range map[string]struct {
		code    record.Code
		request object
	}{
		"of another manufacturer":   {record.Forbidden, good.with("chain", []string{stranger.certify(t, name, public, farFuture)})},
		"with a link missing":       {record.Forbidden, good.with("chain", []string{line.certify(t, name, public, farFuture)})},
		"expired":                   {record.Forbidden, good.with("chain", []string{root.certify(t, name, public, 1_650_000_000_000)})},
		"for another id":            {record.Forbidden, good.with("chain", []string{root.certify(t, pkix.Name{CommonName: "pump-2"}, public, farFuture)})},
		"with another key":          {record.InvalidArgument, good.with("chain", []string{root.certify(t, name, otherPublic, farFuture)})},
		"a CA itself":               {record.InvalidArgument, good.with("chain", []string{root.text()})},
		"without a certificate":     {record.InvalidArgument, good.with("chain", []string{})},
		"with a broken certificate": {record.InvalidArgument, good.with("chain", []string{"AAAA"})},
		"with five certificates":    {record.InvalidArgument, good.with("chain", []string{"AA", "AA", "AA", "AA", "AA"})},
		"for another organisation":  {record.Forbidden, good.with("owner", "Org2MSP")},
		"of an unknown name":        {record.Forbidden, good.with("manufacturer", "other")},
		"with a proof for another":  {record.InvalidArgument, good.with("proof", possession(t, signer, "pump-1", "Org2MSP", w.ledger.Channel))},
	} {
		t.Run(what, func(t *testing.T) {
			w.refused(c.code, w.bridge1, "devices:Enrol", c.request)
		})
	}
	w.refused(record.Forbidden, w.org1.Client(t, "nobody"), "devices:Enrol", good)
	w.submit(w.bridge1, "devices:Enrol", good)
}

func TestAManufacturerIsAddedOnce(t *testing.T) {
	w := newWorld(t)
	root := newMaker(t, "Maker", nil)
	request := object{"name": "maker", "certificate": root.text(), "deviceType": "pump"}
	w.submit(w.admin1, "devices:AddManufacturer", request)
	p := w.ledger.Propose(w.cc, w.admin1, "devices:AddManufacturer", text(t, request))
	require.Empty(t, p.Response.GetMessage())
	require.Empty(t, p.Stub.Writes)
	w.refused(record.AlreadyExists, w.admin1, "devices:AddManufacturer", request.with("certificate", newMaker(t, "Other", nil).text()))
	public, _ := ed25519Signer(t)
	w.refused(record.InvalidArgument, w.admin1, "devices:AddManufacturer", object{
		"name": "leaf", "certificate": root.certify(t, pkix.Name{CommonName: "x"}, public, farFuture),
	})
	w.refused(record.NotFound, w.admin2, "devices:RemoveManufacturer", object{"name": "maker"})
	type list struct {
		Manufacturers []record.Manufacturer `json:"manufacturers"`
		Bookmark      string                `json:"bookmark"`
	}
	require.Len(t, decode[list](t, w.query(w.admin2, "devices:ListManufacturers", object{})).Manufacturers, 1)
	require.Empty(t, decode[list](t, w.query(w.admin2, "devices:ListManufacturers", object{"owner": "Org2MSP"})).Manufacturers)
}
