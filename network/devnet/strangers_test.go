// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/network/devnet"
	"github.com/anchorline/anchorline/network/identity"
)

// strangers tries every step with identities that are not in order.
func strangers(t *testing.T, n target) []seen {
	t.Helper()
	good := n.profile("Org1MSP", "User1")
	org := identity.Organisation{MSPID: "Org1MSP", Domain: "org1.example.com", Users: []string{"User1"}}
	root := t.TempDir()
	require.NoError(t, identity.Write(root, org)) // the same names under another CA
	msp := org.UserMSP(root, "User1")
	otherKey := filepath.Join(msp, "keystore", "priv_sk")

	unknownCA, unknownMSP, wrongKey := good, good, good
	unknownCA.Certificate, unknownCA.Key = filepath.Join(msp, "signcerts", "User1@org1.example.com-cert.pem"), otherKey
	unknownMSP.MSPID = "Org9MSP"
	wrongKey.Key = otherKey
	otherOrg := good
	otherOrg.MSPID = "Org2MSP"
	asPeer := good
	asPeer.Certificate, asPeer.Key = onlyFile(t, filepathPeerMSP(good), "signcerts"), onlyFile(t, filepathPeerMSP(good), "keystore")
	noRole := issue(t, good, 24*time.Hour, "visitor")
	expired := issue(t, good, time.Minute, "client") // after the CA was made, minutes ago

	honest := newActor(t, good)
	tx := honest.endorseQuietly("put", "stranger", "1")
	require.Equal(t, peer.TxValidationCode_VALID, outcome(t, tx))
	content, err := tx.Bytes()
	require.NoError(t, err)
	var all []seen
	for _, p := range []devnet.Profile{unknownCA, unknownMSP, wrongKey, otherOrg, asPeer, noRole, expired} {
		a := newActor(t, p)
		a.endorse("put", client.WithArguments("stranger", "2"))
		a.endorse("put", client.WithArguments("stranger", "2"), client.WithEndorsingOrganizations("Org1MSP", "Org2MSP"))
		a.evaluate("get", "stranger")
		theirs, err := a.gateway.NewTransaction(content)
		require.NoError(t, err)
		commit, err := theirs.Submit()
		require.NoError(t, err)
		_, err = commit.Status()
		a.saw(failure(err))
		all = append(all, a.seen...)
	}
	return all
}

func onlyFile(t *testing.T, parts ...string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.Join(parts...), "*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	return files[0]
}

// issue makes an identity of the profile's organisation, signed by its CA, as old as the CA.
func issue(t *testing.T, p devnet.Profile, validity time.Duration, unit string) devnet.Profile {
	t.Helper()
	ca := filepath.Join(organisationDir(p), "ca")
	certs, err := filepath.Glob(filepath.Join(ca, "*-cert.pem"))
	require.NoError(t, err)
	require.Len(t, certs, 1)
	authority, err := x509.ParseCertificate(pemBytes(t, certs[0]))
	require.NoError(t, err)
	caKey, err := x509.ParsePKCS8PrivateKey(pemBytes(t, filepath.Join(ca, "priv_sk")))
	require.NoError(t, err)

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "somebody", OrganizationalUnit: []string{unit}},
		NotBefore:    authority.NotBefore, NotAfter: authority.NotBefore.Add(validity),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, authority, &key.PublicKey, caKey)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	p.Certificate, p.Key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(p.Certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(p.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600))
	return p
}

func pemBytes(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	block, _ := pem.Decode(content)
	require.NotNil(t, block)
	return block.Bytes
}
