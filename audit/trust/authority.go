// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// authority is an organisation's CAs, ready to judge certificates.
type authority struct {
	unit          string
	roots         *x509.CertPool
	intermediates *x509.CertPool
	// inner are the CAs that issued another CA: Fabric takes no member's certificate from them.
	inner   map[string]bool
	revoked []*x509.RevocationList
}

// newAuthority reads an organisation's certificates; field is where its faults are.
func newAuthority(o Organisation, field string) (*authority, []error) {
	var f faults
	a := &authority{unit: o.Unit, roots: x509.NewCertPool(), intermediates: x509.NewCertPool(), inner: map[string]bool{}}
	f.add(!validMSPID(o.MSPID), field+".mspId", "%q is not an MSP ID", o.MSPID)
	f.add(len(o.Roots) == 0, field+".roots", "there is none; without a root CA nobody is a member")
	read := func(list []string, name string, pool *x509.CertPool) []*x509.Certificate {
		var found []*x509.Certificate
		for i, text := range list {
			cert, err := parseCA(text)
			if err == nil && slices.ContainsFunc(found, cert.Equal) {
				err = errors.New("it is there twice")
			}
			if f.check(err, fmt.Sprintf("%s.%s[%d]", field, name, i)) {
				found = append(found, cert)
				pool.AddCert(cert)
			}
		}
		return found
	}
	roots := read(o.Roots, "roots", a.roots)
	intermediates := read(o.Intermediates, "intermediates", a.intermediates)
	for i, text := range o.Revoked {
		list, err := parseRevocations(text)
		if f.check(err, fmt.Sprintf("%s.revoked[%d]", field, i)) {
			a.revoked = append(a.revoked, list)
		}
	}
	if len(f) > 0 {
		return nil, f
	}
	// As in Fabric, a CA that does not stand by itself makes the whole MSP invalid.
	for i, cert := range roots {
		_, err := a.chain(cert)
		f.check(err, fmt.Sprintf("%s.roots[%d]", field, i))
	}
	for i, cert := range intermediates {
		chain, err := a.chain(cert)
		if err == nil && len(chain) > 1 {
			err = a.checkRevoked(cert, chain[1])
		}
		if !f.check(err, fmt.Sprintf("%s.intermediates[%d]", field, i)) {
			continue
		}
		for _, parent := range chain[1:] {
			a.inner[string(parent.Raw)] = true
		}
	}
	return a, f
}

// member checks that a certificate is one of the organisation's members, as Fabric's MSP does: a
// single chain to a root, judged at the certificate's own beginning, by a CA that issues members;
// not a CA itself, and on no revocation list.
func (a *authority) member(cert *x509.Certificate) error {
	if cert.IsCA {
		return errors.New("the certificate is a CA's, not a member's")
	}
	if err := checkKey(cert); err != nil {
		return err
	}
	chain, err := a.chain(cert)
	if err != nil {
		return err
	}
	if len(chain) < 2 {
		return errors.New("the certificate is its own issuer")
	}
	if a.inner[string(chain[1].Raw)] {
		return errors.New("the certificate's issuer is a CA of CAs: members come from the CAs below it")
	}
	for _, ca := range chain[1:] {
		if hasExtension(ca, 30) && !hasExtension(cert, 17) {
			return errors.New("an issuer has name constraints and the certificate has no subject alternative name")
		}
	}
	return a.checkRevoked(cert, chain[1])
}

// chain is the one chain from a certificate to a root.
func (a *authority) chain(cert *x509.Certificate) ([]*x509.Certificate, error) {
	chains, err := cert.Verify(x509.VerifyOptions{
		Roots: a.roots, Intermediates: a.intermediates, CurrentTime: cert.NotBefore.Add(time.Second),
	})
	if err != nil {
		return nil, fmt.Errorf("the certificate does not lead to the organisation's root: %w", err)
	}
	if len(chains) != 1 {
		return nil, fmt.Errorf("the certificate has %d chains to the organisation's roots; exactly one is allowed", len(chains))
	}
	return chains[0], nil
}

// conventional are the names that CAs give to the roles of Fabric's NodeOUs. A member has one role.
func conventional() [4]string { return [...]string{"client", "peer", "admin", "orderer"} }

// node checks that a member carries the organisation's unit and no other role's.
func (a *authority) node(cert *x509.Certificate) error {
	if a.unit == "" {
		return nil
	}
	units := cert.Subject.OrganizationalUnit
	if !slices.Contains(units, a.unit) {
		return fmt.Errorf("the certificate is of unit %q, not of %q", strings.Join(units, ", "), a.unit)
	}
	for _, other := range conventional() {
		if other != a.unit && slices.Contains(units, other) {
			return fmt.Errorf("the certificate is of units %q and %q; a node has one role", a.unit, other)
		}
	}
	return nil
}

// errRevoked says that a certificate is on a revocation list.
var errRevoked = errors.New("revoked")

// checkRevoked looks for a certificate in the lists that its issuer signed. As in Fabric, the date
// of a revocation does not matter.
func (a *authority) checkRevoked(cert, issuer *x509.Certificate) error {
	for _, list := range a.revoked {
		if !bytes.Equal(list.AuthorityKeyId, issuer.SubjectKeyId) {
			continue
		}
		for _, entry := range list.RevokedCertificateEntries {
			if entry.SerialNumber.Cmp(cert.SerialNumber) == 0 &&
				issuer.CheckSignature(list.SignatureAlgorithm, list.RawTBSRevocationList, list.Signature) == nil {
				return fmt.Errorf("the certificate with serial number %x is %w", cert.SerialNumber, errRevoked)
			}
		}
	}
	return nil
}

func checkKey(cert *x509.Certificate) error {
	switch key := cert.PublicKey.(type) {
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() || key.Curve == elliptic.P384() || key.Curve == elliptic.P521() {
			return nil
		}
		return fmt.Errorf("the certificate's key is on curve %s; P-256, P-384 and P-521 are known", key.Params().Name)
	case ed25519.PublicKey:
		return nil
	default:
		return fmt.Errorf("the certificate's key is %s; Fabric takes ECDSA and Ed25519", cert.PublicKeyAlgorithm)
	}
}

// hasExtension looks for an extension of X.509's own arc, 2.5.29.
func hasExtension(cert *x509.Certificate, id int) bool {
	for _, e := range cert.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, id}) {
			return true
		}
	}
	return false
}

// parseBlock reads text that is one PEM block and nothing else, in the form that programs write: lines of
// 64 characters. Lines may end in CR LF. Readers of PEM differ in what else they let pass.
func parseBlock(text, kind string) ([]byte, error) {
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil || !strings.HasPrefix(text, "-----BEGIN "):
		return nil, errors.New("it is not a PEM block")
	case block.Type != kind:
		return nil, fmt.Errorf("the PEM block is a %q, not a %q", block.Type, kind)
	case len(block.Headers) > 0 || len(bytes.TrimSpace(rest)) > 0:
		return nil, errors.New("there is more than one PEM block without headers")
	}
	const space = " \t\r\n"
	lines := strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), space)
	if lines != strings.TrimRight(string(pem.EncodeToMemory(block)), space) {
		return nil, errors.New("the PEM block is not in lines of 64 characters, or something is beside it")
	}
	return block.Bytes, nil
}

func parseCertificate(text string) (*x509.Certificate, error) {
	der, err := parseBlock(text, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("it is not an X.509 certificate: %w", err)
	}
	return cert, nil
}

func parseCA(text string) (*x509.Certificate, error) {
	cert, err := parseCertificate(text)
	switch {
	case err != nil:
		return nil, err
	case !cert.IsCA:
		return nil, errors.New("the certificate is not a CA's")
	case len(cert.SubjectKeyId) == 0:
		return nil, errors.New("the certificate has no subject key identifier, which Fabric needs of a CA")
	}
	return cert, nil
}

func parseRevocations(text string) (*x509.RevocationList, error) {
	der, err := parseBlock(text, revocationType)
	if err != nil {
		return nil, err
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("it is not a certificate revocation list: %w", err)
	}
	if len(list.AuthorityKeyId) == 0 {
		return nil, errors.New("the list has no authority key identifier, which Fabric needs")
	}
	return list, nil
}

// revocationType is the PEM type of a certificate revocation list.
const revocationType = "X509 CRL"
