// SPDX-License-Identifier: Apache-2.0

package ledgertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"math/big"
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
}

// Creator returns the serialized identity.
func (i Identity) Creator() []byte { return slices.Clone(i.creator) }

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
		NotBefore:    time.Unix(1_600_000_000, 0), NotAfter: time.Unix(3_000_000_000, 0),
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
	return Identity{MSP: o.MSP, Certificate: certificate, creator: creator}
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
