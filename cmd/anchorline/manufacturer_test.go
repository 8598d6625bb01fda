// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/device"
)

// A maker is a manufacturer's certificate authority.
type maker struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newMaker(t *testing.T, name string, parent *maker) *maker {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	m := &maker{certificate: template, key: key}
	if parent == nil {
		parent = m
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.certificate, key.Public(), parent.key)
	require.NoError(t, err)
	m.certificate, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return m
}

// certify is a device's certificate as PEM.
func (m *maker) certify(t *testing.T, name string, public crypto.PublicKey) string {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, m.certificate, public, m.key)
	require.NoError(t, err)
	return pemText(der)
}

func pemText(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func manufacturerStory(t *testing.T, s *shell) {
	root := newMaker(t, "Pumps & Co", nil)
	line := newMaker(t, "Line 3", root)
	writeFile(t, "root.pem", pemText(root.certificate.Raw))
	require.Zero(t, s.run(t, "device", "new", "auto-1").status)
	signer, err := device.ReadKey("auto-1.key")
	require.NoError(t, err)
	writeFile(t, "chain.pem", line.certify(t, "auto-1", signer.Key().Public())+pemText(line.certificate.Raw))

	s.prints(t, `
		MANUFACTURER   IN FORCE  DEVICE TYPE  AUTHORITY      VALID UNTIL           ADDED
		Org1MSP/pumps  yes       pump         CN=Pumps & Co  TIME................  TIME................
		`, "user1", "manufacturer add pumps root.pem --type pump")
	require.True(t, decodes[record.Manufacturer](t, s, "user1", "manufacturer add pumps root.pem --type pump").Active)

	// The device signs, and a bridge of its own organisation carries; the ledger tells what was signed.
	ask := []string{"device", "enrol-request", "auto-1", "--chain", "chain.pem", "--manufacturer", "pumps", "--owner", "Org1MSP", "--channel", "mychannel"}
	r := s.run(t, ask...)
	require.Zero(t, r.status, r.err)
	require.Equal(t, 1, strings.Count(r.out, "\n"))
	writeFile(t, "auto-1.json", r.out)
	s.prints(t, `
		device        Org1MSP/auto-1
		status        active
		type          pump
		manufacturer  pumps
		registered    TIME................ (HASH........…)
		key           KEY............. EdDSA, valid from TIME................ (HASH........…)
		`, "user1", "device enrol auto-1.json")
	require.Equal(t, "pumps", decodes[record.Device](t, s, "user1", "device enrol auto-1.json").Manufacturer)

	s.prints(t, `
		MANUFACTURER   IN FORCE  DEVICE TYPE  AUTHORITY      VALID UNTIL           ADDED
		Org1MSP/pumps  no        pump         CN=Pumps & Co  TIME................  TIME................
		`, "user1", "manufacturer remove pumps")
	require.False(t, decodes[record.Manufacturer](t, s, "user1", "manufacturer remove pumps").Active)
	require.Len(t, decodes[[]record.Manufacturer](t, s, "user2", "manufacturer list --owner Org1MSP"), 1)
	s.prints(t, "no manufacturers\n", "user1", "manufacturer list --owner Org2MSP")
	s.refuses(t, 1, []string{"FORBIDDEN", `"pumps"`}, "user1", "device enrol auto-1.json")

	writeFile(t, "own.pem", line.certify(t, "auto-1", signer.Key().Public()))
	writeFile(t, "wrong.pem", line.certify(t, "auto-1", root.key.Public()))
	writeFile(t, "named.pem", line.certify(t, "auto-2", signer.Key().Public()))
	s.refuses(t, 1, []string{"certificate own.pem", "CN=auto-1", "no certificate authority"}, "user1", "manufacturer add pumps own.pem")
	s.refuses(t, 1, []string{"certificate chain.pem: holds 2 PEM certificates; want 1 to 1"}, "user1", "manufacturer add pumps chain.pem")
	s.refuses(t, 1, []string{"certificate: open missing.pem"}, "user1", "manufacturer add pumps missing.pem")
	for file, say := range map[string]string{
		"wrong.pem":   "--chain wrong.pem: the first certificate is not for the key in auto-1.key",
		"named.pem":   `the certificate is for "auto-2"`,
		"missing.pem": "--chain: open missing.pem",
		"auto-1.key":  `--chain auto-1.key: holds a PEM block "PRIVATE KEY"`,
	} {
		ask[4] = file
		r := s.run(t, ask...)
		require.Equal(t, 1, r.status)
		require.Contains(t, r.err, say)
	}
	writeFile(t, "bad.json", `{"id":"auto-1","chian":[]}`)
	s.refuses(t, 1, []string{`bad.json: field "chian": is unknown`}, "user1", "device enrol bad.json")
	writeFile(t, "bad.json", `{}`)
	s.refuses(t, 1, []string{"bad.json: no enrolment", "anchorline device enrol-request"}, "user1", "device enrol bad.json")
}
