// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit/fabric/fabrictest"
	"github.com/anchorline/anchorline/audit/trust"
)

func requirePeer(t *testing.T, v *trust.Verifier, m *fabrictest.Member) {
	t.Helper()
	id, err := v.Peer(m.MSPID, []byte(m.PEM))
	require.NoError(t, err)
	require.Equal(t, m.MSPID, id.MSPID)
	require.NoError(t, id.Verify([]byte("said"), m.Sign(t, []byte("said"))))
	require.ErrorIs(t, id.Verify([]byte("not said"), m.Sign(t, []byte("said"))), trust.ErrSignature)
}

func refused(t *testing.T, v *trust.Verifier, m *fabrictest.Member, why string) {
	t.Helper()
	_, err := v.Peer(m.MSPID, []byte(m.PEM))
	require.ErrorIs(t, err, trust.ErrNotTrusted)
	require.ErrorContains(t, err, why)
}

func TestOnlyAPeerOfTheOrganisationIsAPeer(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	v := n.Verifier(t)
	requirePeer(t, v, n.Peer1)
	requirePeer(t, v, n.Peer2)
	refused(t, v, n.Client, `is of unit "client"`)
	refused(t, v, n.Org1.Issue(t, "Admin", []string{"admin"}), `is of unit "admin"`)
	refused(t, v, n.Org1.Issue(t, "nothing", nil), `is of unit ""`)
	refused(t, v, n.Org1.Issue(t, "both", []string{"peer", "client"}), "a node has one role")
	refused(t, v, n.Org1.Issue(t, "near", []string{"Peer"}), `is of unit "Peer"`)
	refused(t, v, n.Peer1.As("Org2MSP"), "does not lead to the organisation's root")
	refused(t, v, fabrictest.NewAuthority(t, "Org1MSP").Issue(t, "peer0.org1", []string{"peer"}), "does not lead to the organisation's root")
	refused(t, v, n.Peer1.As("Org9MSP"), "no organisation of the channel")
	refused(t, v, n.Orderers[0], "no organisation of the channel")
	refused(t, v, n.Orderers[0].As("Org1MSP"), "does not lead to the organisation's root")

	_, err := v.Member(n.Client.MSPID, []byte(n.Client.PEM))
	require.NoError(t, err, "a client is a member")
	_, err = v.Orderer(n.Peer1.MSPID, []byte(n.Peer1.PEM))
	require.ErrorIs(t, err, trust.ErrNotTrusted)
	_, err = v.Orderer("OrdererMSP", []byte(n.Ordering.Issue(t, "Admin", []string{"admin"}).PEM))
	require.ErrorIs(t, err, trust.ErrNotTrusted, "an administrator of the orderers is no orderer")
	_, err = v.Orderer("OrdererMSP", []byte(n.Orderers[0].PEM))
	require.NoError(t, err)
}

func TestWithoutUnitsEachMemberCountsAsAPeer(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	n.Trust.Organisations[0].Unit = ""
	v := n.Verifier(t)
	requirePeer(t, v, n.Client)
	_, err := v.Peer("Org2MSP", []byte(n.Org2.Issue(t, "User1", []string{"client"}).PEM))
	require.ErrorIs(t, err, trust.ErrNotTrusted)
}

func TestACertificatesTimeIsNotLookedAtAsInFabric(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	expired := n.Org1.Issue(t, "old", []string{"peer"}, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = c.NotBefore.AddDate(1, 0, 0), c.NotBefore.AddDate(1, 0, 1)
	})
	require.True(t, expired.Cert.NotAfter.Before(time.Now()))
	requirePeer(t, n.Verifier(t), expired)
	early := n.Org1.Issue(t, "early", []string{"peer"}, func(c *x509.Certificate) { c.NotBefore = c.NotBefore.AddDate(-1, 0, 0) })
	refused(t, n.Verifier(t), early, "expired or is not yet valid") // the CA had not begun when it did
}

func TestACAIsNoMember(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	ca := func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage, c.SubjectKeyId = true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature, []byte{1}
	}
	refused(t, n.Verifier(t), n.Org1.Issue(t, "sub", []string{"peer"}, ca), "is a CA's")
	_, err := n.Verifier(t).Peer("Org1MSP", []byte(n.Org1.PEM))
	require.ErrorIs(t, err, trust.ErrNotTrusted)
}

func TestMembersComeFromTheCAsAtTheEndOfTheChain(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	below := n.Org1.Intermediate(t, "issuing")
	n.Trust.Organisations[0].Intermediates = []string{below.PEM}
	v := n.Verifier(t)
	requirePeer(t, v, below.Issue(t, "peer0", []string{"peer"}))
	refused(t, v, n.Peer1, "CA of CAs") // the root issued another CA
	// A CA that the root made, but which the organisation does not list, is nobody.
	refused(t, v, n.Org1.Intermediate(t, "hidden").Issue(t, "peer0", []string{"peer"}), "does not lead to the organisation's root")
}

func TestAMemberThatIsNoCACannotIssuePeers(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	// The organisation's own client signs a certificate, and lists itself nowhere.
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	client := n.Org1.IssueTo(t, key, "client", []string{"client"})
	template := &x509.Certificate{SerialNumber: n.Peer1.Cert.SerialNumber, Subject: n.Peer1.Cert.Subject, NotBefore: n.Peer1.Cert.NotBefore, NotAfter: n.Peer1.Cert.NotAfter}
	der, err := x509.CreateCertificate(rand.Reader, template, client.Cert, key.Public(), key)
	require.NoError(t, err)
	forged := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	_, err = n.Verifier(t).Peer("Org1MSP", []byte(forged))
	require.ErrorIs(t, err, trust.ErrNotTrusted)
	// Listed as an intermediate CA it makes the whole file invalid.
	n.Trust.Organisations[0].Intermediates = []string{client.PEM}
	_, err = trust.NewVerifier(n.Trust)
	require.ErrorContains(t, err, "organisations[0].intermediates[0]: the certificate is not a CA's")
}

func TestARevokedCertificateDoesNotCount(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	other := n.Org1.Issue(t, "peer1.org1", []string{"peer"})
	n.Trust.Organisations[0].Revoked = []string{n.Org1.Revoke(t, n.Peer1)}
	v := n.Verifier(t)
	refused(t, v, n.Peer1, "is revoked")
	requirePeer(t, v, other)
	// A list of somebody else, even under the same serial number and key identifier, revokes nothing.
	stranger := fabrictest.NewAuthority(t, "Org1MSP")
	stranger.Cert.SubjectKeyId = n.Org1.Cert.SubjectKeyId
	n.Trust.Organisations[0].Revoked = []string{stranger.Revoke(t, other)}
	requirePeer(t, n.Verifier(t), other)
	n.Trust.Orderers.Organisations[0].Revoked = []string{n.Ordering.Revoke(t, n.Orderers[0])}
	_, err := n.Verifier(t).Orderer("OrdererMSP", []byte(n.Orderers[0].PEM))
	require.ErrorIs(t, err, trust.ErrNotTrusted)
}

func TestASignatureHasOneEncodingOnEveryCurve(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	v := n.Verifier(t)
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		require.NoError(t, err)
		m := n.Org1.IssueTo(t, key, "peer", []string{"peer"})
		requirePeer(t, v, m)
		id, err := v.Peer(m.MSPID, []byte(m.PEM))
		require.NoError(t, err)
		low := m.Sign(t, []byte("said"))
		require.ErrorContains(t, id.Verify([]byte("said"), fabrictest.HighS(t, m, low)), "upper half")
		require.ErrorIs(t, id.Verify([]byte("said"), append(low, 0)), trust.ErrSignature)
		require.ErrorIs(t, id.Verify([]byte("said"), nil), trust.ErrSignature)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	requirePeer(t, v, n.Org1.IssueTo(t, edwards, "peer", []string{"peer"}))
	weak, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	refused(t, v, n.Org1.IssueTo(t, weak, "peer", []string{"peer"}), "P-224")
	large, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	refused(t, v, n.Org1.IssueTo(t, large, "peer", []string{"peer"}), "RSA")
}

func TestACertificateIsOnePEMBlockAlone(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	v := n.Verifier(t)
	for name, text := range map[string]string{
		"nothing": "", "two": n.Peer1.PEM + n.Peer2.PEM, "text before": "subject=peer\n" + n.Peer1.PEM, "text after": n.Peer1.PEM + "x",
		"another kind": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: n.Peer1.Cert.Raw})),
		"headers":      string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Headers: map[string]string{"a": "b"}, Bytes: n.Peer1.Cert.Raw})),
		"trailing":     string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: append(n.Peer1.Cert.Raw, 0)})),
	} {
		_, err := v.Peer("Org1MSP", []byte(text))
		require.ErrorIs(t, err, trust.ErrNotTrusted, name)
	}
}

func TestAVerifierServesManyAtOnce(t *testing.T) {
	n := fabrictest.NewNetwork(t, 4)
	v := n.Verifier(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				_, err := v.Peer("Org1MSP", []byte(n.Peer1.PEM))
				_, wrong := v.Peer("Org1MSP", []byte(n.Client.PEM))
				_, found := v.Consenter(4)
				if err != nil || wrong == nil || found != nil {
					t.Error("another answer than alone")
				}
			}
		})
	}
	all.Wait()
	_, err := v.Consenter(5)
	require.ErrorIs(t, err, trust.ErrNotTrusted)
}
