// SPDX-License-Identifier: Apache-2.0

package ledgertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

// Organisation is an MSP with its own CA.
type Organisation struct {
	MSP         string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Identity is a member of an organisation, as the creator of a proposal.
type Identity struct {
	MSP         string
	Certificate *x509.Certificate
	creator     []byte
	key         *ecdsa.PrivateKey
}

// Creator returns the serialized identity.
func (i Identity) Creator() []byte { return slices.Clone(i.creator) }

// Key returns the identity's private key.
func (i Identity) Key() *ecdsa.PrivateKey { return i.key }

// Sign signs as Fabric's clients do: ECDSA over SHA-256, in DER, with the lower of the two values
// of s that verify.
func (i Identity) Sign(message []byte) ([]byte, error) {
	if i.key == nil {
		return nil, errors.New("this identity has no key")
	}
	digest := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, i.key, digest[:])
	if err != nil {
		return nil, err
	}
	if order := i.key.Params().N; s.Cmp(new(big.Int).Rsh(order, 1)) > 0 {
		s.Sub(order, s)
	}
	return asn1.Marshal(struct{ R, S *big.Int }{r, s})
}

// RawIdentity is an identity whose creator bytes are anything.
func RawIdentity(creator []byte) Identity { return Identity{creator: creator} }

// NewOrganisation makes a CA for an MSP.
func NewOrganisation(t testing.TB, mspID string) Organisation {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca." + mspID},
		NotBefore: time.Unix(1_600_000_000, 0), NotAfter: time.Unix(3_000_000_000, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return Organisation{MSP: mspID, certificate: certificate, key: key}
}

// OpenOrganisation reads the CA of an MSP from an organisation's folder in cryptogen's layout, so
// that its members are members of the network that the folder belongs to.
func OpenOrganisation(t testing.TB, mspID, folder string) Organisation {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "ca", "*-cert.pem"))
	require.NoError(t, err)
	require.Len(t, files, 1, folder)
	certificate, err := x509.ParseCertificate(readPEM(t, files[0]))
	require.NoError(t, err)
	files, err = filepath.Glob(filepath.Join(folder, "ca", "*_sk"))
	require.NoError(t, err)
	require.Len(t, files, 1, folder)
	key, err := x509.ParsePKCS8PrivateKey(readPEM(t, files[0]))
	require.NoError(t, err)
	return Organisation{MSP: mspID, certificate: certificate, key: key.(*ecdsa.PrivateKey)}
}

// readPEM returns what is in the first block of a file.
func readPEM(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	block, _ := pem.Decode(content)
	require.NotNil(t, block, path)
	return block.Bytes
}

// Member enrols an identity with organisational units, one of which is its NodeOU ("admin",
// "client", "peer"), and with Fabric CA attributes, which may be nil.
func (o Organisation) Member(t testing.TB, name string, units []string, attributes map[string]string) Identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name, OrganizationalUnit: units},
		NotBefore:    o.certificate.NotBefore, NotAfter: o.certificate.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if attributes != nil {
		value, err := json.Marshal(map[string]any{"attrs": attributes})
		require.NoError(t, err)
		template.ExtraExtensions = []pkix.Extension{{
			Id: asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}, Value: value,
		}}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, o.certificate, key.Public(), o.key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	creator, err := proto.Marshal(&msp.SerializedIdentity{
		Mspid: o.MSP, IdBytes: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
	})
	require.NoError(t, err)
	return Identity{MSP: o.MSP, Certificate: certificate, creator: creator, key: key}
}

// Admin enrols an identity of NodeOU admin.
func (o Organisation) Admin(t testing.TB) Identity {
	t.Helper()
	return o.Member(t, "admin@"+o.MSP, []string{"admin"}, nil)
}

// Client enrols an identity of NodeOU client.
func (o Organisation) Client(t testing.TB, name string) Identity {
	t.Helper()
	return o.Member(t, name, []string{"client"}, nil)
}
