// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/identity"
)

func organisations() []identity.Organisation {
	return []identity.Organisation{
		{Kind: identity.PeerOrganisation, MSPID: "Org1MSP", Domain: "org1.example.com", Nodes: []string{"peer0"}, Users: []string{"User1"}},
		{Kind: identity.OrdererOrganisation, MSPID: "OrdererMSP", Domain: "example.com", Nodes: []string{"orderer"}},
	}
}

func write(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "organizations")
	require.NoError(t, identity.Write(root, organisations()...))
	return root
}

// tree lists the files under a folder.
func tree(t *testing.T, root string) []string {
	t.Helper()
	var files []string
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, err := filepath.Rel(root, path)
			require.NoError(t, err)
			files = append(files, name)
		}
		return err
	}))
	return files
}

func certificate(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	block, rest := pem.Decode(content)
	require.NotNil(t, block)
	require.Empty(t, rest)
	cert, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return cert
}

func TestTheLayoutIsCryptogens(t *testing.T) {
	program, err := exec.LookPath(filepath.Join(os.Getenv("FABRIC_BIN"), "cryptogen"))
	if err != nil {
		t.Skip("SKIPPED: cryptogen is neither in FABRIC_BIN nor on the PATH: the layout is NOT compared with it")
	}
	dir := t.TempDir()
	config := `{OrdererOrgs: [{Name: Orderer, Domain: example.com, EnableNodeOUs: true, Specs: [{Hostname: orderer}]}],
PeerOrgs: [{Name: Org1, Domain: org1.example.com, EnableNodeOUs: true, Template: {Count: 1}, Users: {Count: 1}}]}`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o600))
	out, err := exec.CommandContext(t.Context(), program, "generate",
		"--config", filepath.Join(dir, "config.yaml"), "--output", filepath.Join(dir, "out")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	ours := write(t)
	require.Equal(t, tree(t, filepath.Join(dir, "out")), tree(t, ours))
	for _, name := range []string{"msp/config.yaml", "users/User1@org1.example.com/msp/config.yaml"} {
		theirs, err := os.ReadFile(filepath.Join(dir, "out", "peerOrganizations", "org1.example.com", name))
		require.NoError(t, err)
		mine, err := os.ReadFile(filepath.Join(ours, "peerOrganizations", "org1.example.com", name))
		require.NoError(t, err)
		require.YAMLEq(t, string(theirs), string(mine))
	}
	compared := 0
	for _, name := range tree(t, ours) {
		if strings.HasSuffix(name, ".pem") || strings.HasSuffix(name, ".crt") {
			require.Equal(t, profileOf(certificate(t, filepath.Join(dir, "out", name))), profileOf(certificate(t, filepath.Join(ours, name))), name)
			compared++
		}
	}
	require.Greater(t, compared, 20)
}

// profileOf is what a certificate says, without keys, serial numbers and dates. The names of hosts
// differ: ours are also reached by loopback.
func profileOf(c *x509.Certificate) string {
	return fmt.Sprintf("subject %s, issuer %s, CA %t, usage %b %v, key id %t, authority's %t, %s", c.Subject, c.Issuer, c.IsCA, c.KeyUsage, c.ExtKeyUsage,
		len(c.SubjectKeyId) > 0, len(c.AuthorityKeyId) > 0, c.SignatureAlgorithm)
}

func TestEachIdentityHasItsRoleAndItsCA(t *testing.T) {
	root := write(t)
	org, ordering := organisations()[0], organisations()[1]
	for dir, want := range map[string]struct{ mspID, role, ca string }{
		org.UserMSP(root, "Admin"):        {"Org1MSP", "admin", org.CACert(root)},
		org.UserMSP(root, "User1"):        {"Org1MSP", "client", org.CACert(root)},
		org.NodeMSP(root, "peer0"):        {"Org1MSP", "peer", org.CACert(root)},
		ordering.NodeMSP(root, "orderer"): {"OrdererMSP", "orderer", ordering.CACert(root)},
		ordering.UserMSP(root, "Admin"):   {"OrdererMSP", "admin", ordering.CACert(root)},
	} {
		id, err := identity.Load(dir, want.mspID)
		require.NoError(t, err, dir)
		require.Equal(t, []string{want.role}, id.Certificate.Subject.OrganizationalUnit)
		roots := x509.NewCertPool()
		roots.AddCert(certificate(t, want.ca))
		_, err = id.Certificate.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		require.NoError(t, err)
		serialized := &msp.SerializedIdentity{}
		require.NoError(t, proto.Unmarshal(id.Serialize(), serialized))
		require.Equal(t, want.mspID, serialized.GetMspid())
		require.Equal(t, id.CertificatePEM, serialized.GetIdBytes())
	}
}

func TestSignaturesVerifyAndAreLow(t *testing.T) {
	root := write(t)
	id, err := identity.Load(organisations()[0].UserMSP(root, "User1"), "Org1MSP")
	require.NoError(t, err)
	key, ok := id.Certificate.PublicKey.(*ecdsa.PublicKey)
	require.True(t, ok)
	half := new(big.Int).Rsh(key.Params().N, 1)
	digest := sha256.Sum256([]byte("message"))
	for range 64 { // half of all signatures are high before they are corrected
		signature, err := id.Sign([]byte("message"))
		require.NoError(t, err)
		require.True(t, ecdsa.VerifyASN1(key, digest[:], signature))
		var parts struct{ R, S *big.Int }
		_, err = asn1.Unmarshal(signature, &parts)
		require.NoError(t, err)
		require.LessOrEqual(t, parts.S.Cmp(half), 0)
	}
}

func TestTLSCertificatesServeLoopback(t *testing.T) {
	root := write(t)
	org := organisations()[0]
	dir := org.NodeTLS(root, "peer0")
	_, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(certificate(t, org.TLSCACert(root)))
	for _, name := range []string{"peer0.org1.example.com", "localhost", "127.0.0.1", "::1"} {
		_, err := certificate(t, filepath.Join(dir, "server.crt")).Verify(x509.VerifyOptions{DNSName: name, Roots: roots})
		require.NoError(t, err, name)
	}
}

func TestWritingAgainChangesNothing(t *testing.T) {
	root := write(t)
	before := contents(t, root)
	require.NoError(t, identity.Write(root, organisations()...))
	require.Equal(t, before, contents(t, root))
	more := identity.Organisation{Kind: identity.PeerOrganisation, MSPID: "Org2MSP", Domain: "org2.example.com"}
	require.NoError(t, identity.Write(root, append(organisations(), more)...))
	after := contents(t, root)
	for name, content := range before {
		require.Equal(t, content, after[name], name)
	}
	require.Greater(t, len(after), len(before))
}

func TestAnOrganisationThatCannotBeWrittenLeavesNothing(t *testing.T) {
	root := t.TempDir()
	bad := organisations()[0]
	bad.Users = []string{strings.Repeat("x", 300)} // longer than a file's name may be
	require.Error(t, identity.Write(root, bad))
	require.Empty(t, tree(t, root))
}

func TestKeysAreReadableByTheirOwnerOnly(t *testing.T) {
	root := write(t)
	for _, name := range tree(t, root) {
		if strings.HasSuffix(name, "priv_sk") || strings.HasSuffix(name, ".key") {
			info, err := os.Stat(filepath.Join(root, name))
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), name)
		}
	}
}

func TestAFolderWithoutAnIdentityIsRefused(t *testing.T) {
	root := write(t)
	dir := organisations()[0].UserMSP(root, "User1")
	other, err := os.ReadFile(filepath.Join(organisations()[0].UserMSP(root, "Admin"), "keystore", "priv_sk"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "keystore", "priv_sk"), other, 0o600))
	_, err = identity.Load(dir, "Org1MSP")
	require.ErrorIs(t, err, identity.ErrBadIdentity, "a key of somebody else")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "keystore", "priv_sk"), []byte("x"), 0o600))
	_, err = identity.Load(dir, "Org1MSP")
	require.ErrorIs(t, err, identity.ErrBadIdentity)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "keystore", "second"), other, 0o600))
	_, err = identity.Load(dir, "Org1MSP")
	require.ErrorIs(t, err, identity.ErrBadIdentity)
	_, err = identity.Load(t.TempDir(), "Org1MSP")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func contents(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range tree(t, root) {
		content, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		all[name] = string(content)
	}
	return all
}
