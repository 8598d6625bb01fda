// SPDX-License-Identifier: Apache-2.0

// Package fabrictest makes what a Fabric network signs without a network, for tests: certificate
// authorities, members, transactions and blocks, right ones and such as an attacker would make. In
// come names and keys drawn here; out come bytes as Fabric makes them.
package fabrictest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/audit/trust"
)

// begin is when every certificate begins; years ends them.
func begin() time.Time { return time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC) }

const years = 10

// An Authority is a CA of an organisation.
type Authority struct {
	MSPID string
	Cert  *x509.Certificate
	PEM   string
	key   crypto.Signer
}

// NewAuthority makes a root CA.
func NewAuthority(t testing.TB, mspID string) *Authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return newAuthority(t, mspID, "root", key, nil)
}

// Intermediate makes a CA below.
func (a *Authority) Intermediate(t testing.TB, name string) *Authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return newAuthority(t, a.MSPID, name, key, a)
}

func newAuthority(t testing.TB, mspID, name string, key crypto.Signer, parent *Authority) *Authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: name + " of " + mspID},
		NotBefore: begin(), NotAfter: begin().AddDate(years, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true,
	}
	signer, above := key, template
	if parent != nil {
		signer, above = parent.key, parent.Cert
	}
	cert, text := certificate(t, template, above, key.Public(), signer)
	return &Authority{MSPID: mspID, Cert: cert, PEM: text, key: key}
}

// Organisation is the authority as a trust lists it, of one root.
func (a *Authority) Organisation(unit string) trust.Organisation {
	return trust.Organisation{MSPID: a.MSPID, Roots: []string{a.PEM}, Unit: unit}
}

// Revoke makes a revocation list of members.
func (a *Authority) Revoke(t testing.TB, members ...*Member) string {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: begin(), NextUpdate: begin().AddDate(1, 0, 0)}
	for _, m := range members {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: m.Cert.SerialNumber, RevocationTime: begin()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.Cert, a.key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
}

// A Member holds a certificate and its key.
type Member struct {
	MSPID string
	Cert  *x509.Certificate
	PEM   string
	key   crypto.Signer
}

// Issue makes a member with units, on P-256; change may alter the certificate before it is signed.
func (a *Authority) Issue(t testing.TB, name string, units []string, change ...func(*x509.Certificate)) *Member {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return a.IssueTo(t, key, name, units, change...)
}

// IssueTo is Issue for a key that is there.
func (a *Authority) IssueTo(t testing.TB, key crypto.Signer, name string, units []string, change ...func(*x509.Certificate)) *Member {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: name, OrganizationalUnit: units},
		NotBefore: begin(), NotAfter: begin().AddDate(years, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	for _, c := range change {
		c(template)
	}
	cert, text := certificate(t, template, a.Cert, key.Public(), a.key)
	return &Member{MSPID: a.MSPID, Cert: cert, PEM: text, key: key}
}

// As is the member under another organisation's name.
func (m *Member) As(mspID string) *Member {
	other := *m
	other.MSPID = mspID
	return &other
}

// Serialize is the member as messages name it.
func (m *Member) Serialize(t testing.TB) []byte {
	t.Helper()
	return Encode(t, &msp.SerializedIdentity{Mspid: m.MSPID, IdBytes: []byte(m.PEM)})
}

// Sign signs as Fabric does: with a low S.
func (m *Member) Sign(t testing.TB, message []byte) []byte {
	t.Helper()
	if key, ok := m.key.(ed25519.PrivateKey); ok {
		return ed25519.Sign(key, message)
	}
	digest := sha256.Sum256(message)
	signature, err := m.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	require.NoError(t, err)
	return LowS(t, m, signature)
}

// LowS and HighS give an ECDSA signature the one or the other value of S. Both fit the key.
func LowS(t testing.TB, m *Member, signature []byte) []byte { return withS(t, m, signature, false) }

// HighS is the signature that Fabric refuses; see [LowS].
func HighS(t testing.TB, m *Member, signature []byte) []byte { return withS(t, m, signature, true) }

func withS(t testing.TB, m *Member, signature []byte, high bool) []byte {
	t.Helper()
	var parts struct{ R, S *big.Int }
	_, err := asn1.Unmarshal(signature, &parts)
	require.NoError(t, err)
	key, ok := m.Cert.PublicKey.(*ecdsa.PublicKey)
	require.True(t, ok)
	n := key.Params().N
	if isHigh := parts.S.Cmp(new(big.Int).Rsh(n, 1)) > 0; isHigh != high {
		parts.S.Sub(n, parts.S)
	}
	out, err := asn1.Marshal(parts)
	require.NoError(t, err)
	return out
}

// Encode marshals a message.
func Encode(t testing.TB, m proto.Message) []byte {
	t.Helper()
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	require.NoError(t, err)
	return content
}

func certificate(t testing.TB, template, parent *x509.Certificate, key crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, string) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, signer)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	drawn := make([]byte, 16)
	_, err := rand.Read(drawn)
	require.NoError(t, err)
	return new(big.Int).SetBytes(drawn)
}
