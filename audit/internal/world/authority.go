// SPDX-License-Identifier: Apache-2.0

package world

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

// Authority is a certificate authority.
type Authority struct {
	MSPID string
	PEM   string
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
}

// Member holds a certificate and its key.
type Member struct {
	MSPID string
	PEM   string
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
}

// begin and end are when every certificate begins and ends.
func begin() time.Time { return time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC) }
func end() time.Time   { return begin().AddDate(10, 0, 0) }

// NewAuthority makes a root CA. The same MSP ID and name always give the same one.
func NewAuthority(t testing.TB, mspID, name string) *Authority {
	t.Helper()
	return newAuthority(t, mspID, name, nil)
}

// Below makes a CA below this one.
func (a *Authority) Below(t testing.TB, name string) *Authority {
	t.Helper()
	return newAuthority(t, a.MSPID, name, a)
}

func newAuthority(t testing.TB, mspID, name string, parent *Authority) *Authority {
	t.Helper()
	a := &Authority{MSPID: mspID, key: ECDSA(t, "ca "+mspID+" "+name)}
	template := &x509.Certificate{
		SerialNumber: serial("ca " + mspID + " " + name), Subject: pkix.Name{CommonName: name + "." + mspID},
		NotBefore: begin(), NotAfter: end(), SubjectKeyId: keyIdentifier(t, a.key),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true,
	}
	signer, above := a.key, template
	if parent != nil {
		signer, above = parent.key, parent.cert
	}
	a.cert, a.PEM = certify(t, template, above, a.key, signer)
	return a
}

// Issue makes a member with organisational units. The same authority and name always give the same
// one. change may alter the certificate before it is signed.
func (a *Authority) Issue(t testing.TB, name string, units []string, change ...func(*x509.Certificate)) *Member {
	t.Helper()
	m := &Member{MSPID: a.MSPID, key: ECDSA(t, "member "+a.MSPID+" "+name)}
	template := &x509.Certificate{
		SerialNumber: serial("member " + a.cert.Subject.CommonName + " " + name),
		Subject:      pkix.Name{CommonName: name, OrganizationalUnit: units},
		NotBefore:    begin(), NotAfter: end(), KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	for _, c := range change {
		c(template)
	}
	m.cert, m.PEM = certify(t, template, a.cert, m.key, a.key)
	return m
}

// Itself is the authority as a member, which Fabric never takes it for.
func (a *Authority) Itself() *Member {
	return &Member{MSPID: a.MSPID, PEM: a.PEM, cert: a.cert, key: a.key}
}

// Revoke makes a revocation list of members.
func (a *Authority) Revoke(t testing.TB, members ...*Member) string {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: begin(), NextUpdate: end()}
	for _, m := range members {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: m.cert.SerialNumber, RevocationTime: begin()})
	}
	der, err := x509.CreateRevocationList(nil, list, a.cert, steady{a.key})
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
}

// As is the member under the name of another organisation.
func (m *Member) As(mspID string) *Member {
	other := *m
	other.MSPID = mspID
	return &other
}

// WithKeyOf is the member, signing with the key of another.
func (m *Member) WithKeyOf(other *Member) *Member {
	forged := *m
	forged.key = other.key
	return &forged
}

// Serialize is the member as messages name it.
func (m *Member) Serialize(t testing.TB) []byte {
	t.Helper()
	return Encode(t, &msp.SerializedIdentity{Mspid: m.MSPID, IdBytes: []byte(m.PEM)})
}

// Sign signs as Fabric does, with the lower S, and always the same for the same message (RFC 6979).
func (m *Member) Sign(t testing.TB, message []byte) []byte {
	t.Helper()
	digest := sha256.Sum256(message)
	signature, err := steady{m.key}.Sign(nil, digest[:], crypto.SHA256)
	require.NoError(t, err)
	return signature
}

// HighS gives an ECDSA signature on P-256 the other value of S, which Fabric refuses.
func HighS(t testing.TB, signature []byte) []byte {
	t.Helper()
	var parts struct{ R, S *big.Int }
	_, err := asn1.Unmarshal(signature, &parts)
	require.NoError(t, err)
	parts.S.Sub(elliptic.P256().Params().N, parts.S)
	out, err := asn1.Marshal(parts)
	require.NoError(t, err)
	return out
}

// steady signs by RFC 6979 and with the lower S, whatever randomness it is given.
type steady struct{ key *ecdsa.PrivateKey }

// Public returns the public key.
func (s steady) Public() crypto.PublicKey { return s.key.Public() }

// Sign signs a digest.
func (s steady) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	signature, err := s.key.Sign(nil, digest, opts)
	if err != nil {
		return nil, err
	}
	var parts struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &parts); err != nil {
		return nil, err
	}
	n := s.key.Params().N
	if new(big.Int).Lsh(parts.S, 1).Cmp(n) > 0 {
		parts.S.Sub(n, parts.S)
	}
	return asn1.Marshal(parts)
}

// ECDSA is the P-256 key of a name: the same in every run.
func ECDSA(t testing.TB, name string) *ecdsa.PrivateKey {
	t.Helper()
	seed := sha256.Sum256([]byte("anchorline test key: " + name))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
	require.NoError(t, err)
	return key
}

// Encode marshals a message as Fabric does.
func Encode(t testing.TB, m proto.Message) []byte {
	t.Helper()
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	require.NoError(t, err)
	return content
}

func certify(t testing.TB, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (*x509.Certificate, string) {
	t.Helper()
	der, err := x509.CreateCertificate(nil, template, parent, key.Public(), steady{signer})
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// keyIdentifier is the subject key identifier as Fabric's tools make it.
func keyIdentifier(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	point, err := key.PublicKey.Bytes()
	require.NoError(t, err)
	sum := sha256.Sum256(point)
	return sum[:]
}

func serial(name string) *big.Int {
	sum := sha256.Sum256([]byte(name))
	return new(big.Int).SetBytes(append([]byte{1}, sum[:15]...))
}
