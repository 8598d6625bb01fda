// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Write makes the organisations that are not yet under root. An organisation is written
// beside its place and moved there when complete; one that is there is kept as it is.
func Write(root string, organisations ...Organisation) error {
	for _, o := range organisations {
		_, err := os.Stat(o.Dir(root))
		if err == nil {
			continue
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look for organisation %s: %w", o.Domain, err)
		}
		if err := writeOrganisation(root, o); err != nil {
			return fmt.Errorf("write organisation %s: %w", o.Domain, err)
		}
	}
	return nil
}

func writeOrganisation(root string, o Organisation) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	staging, err := os.MkdirTemp(root, ".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(staging) }()

	if err := (&writer{root: staging, org: o}).write(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(o.Dir(root)), 0o755); err != nil {
		return err
	}
	return os.Rename(o.Dir(staging), o.Dir(root))
}

// writer writes one organisation; sign and tls are its authorities.
type writer struct {
	root string
	org  Organisation
	sign *authority
	tls  *authority
}

func (w *writer) write() error {
	var err error
	if w.sign, err = w.authority("ca"); err != nil {
		return err
	}
	if w.tls, err = w.authority("tlsca"); err != nil {
		return err
	}
	if err := w.mspTrust(filepath.Join(w.org.Dir(w.root), "msp")); err != nil {
		return err
	}
	for _, node := range w.org.Nodes {
		name := w.org.NodeName(node)
		if err := w.member(filepath.Dir(w.org.NodeMSP(w.root, node)), name, w.org.nodeRole(), "server"); err != nil {
			return err
		}
	}
	for _, user := range append([]string{"Admin"}, w.org.Users...) {
		role := "client"
		if user == "Admin" {
			role = "admin"
		}
		if err := w.member(filepath.Dir(w.org.UserMSP(w.root, user)), user+"@"+w.org.Domain, role, "client"); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) authority(name string) (*authority, error) {
	a, err := newAuthority(w.org.Domain, name)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(w.org.Dir(w.root), name)
	return a, writePair(filepath.Join(dir, name+"."+w.org.Domain+"-cert.pem"), filepath.Join(dir, "priv_sk"), a.cert, a.key)
}

// member writes the msp and tls folders of a node or user.
func (w *writer) member(dir, name, role, tlsName string) error {
	cert, key, err := w.sign.enrol(name, role)
	if err != nil {
		return err
	}
	msp := filepath.Join(dir, "msp")
	if err := w.mspTrust(msp); err != nil {
		return err
	}
	err = writePair(filepath.Join(msp, "signcerts", name+"-cert.pem"), filepath.Join(msp, "keystore", "priv_sk"), cert, key)
	if err != nil {
		return err
	}
	if cert, key, err = w.tls.secure(name); err != nil {
		return err
	}
	tls := filepath.Join(dir, "tls")
	if err := writeFile(filepath.Join(tls, "ca.crt"), encodeCertificate(w.tls.cert), 0o644); err != nil {
		return err
	}
	return writePair(filepath.Join(tls, tlsName+".crt"), filepath.Join(tls, tlsName+".key"), cert, key)
}

// mspTrust writes what an MSP folder trusts: the authorities and how roles are told.
func (w *writer) mspTrust(dir string) error {
	caFile := "ca." + w.org.Domain + "-cert.pem"
	files := map[string][]byte{
		filepath.Join("cacerts", caFile):                               encodeCertificate(w.sign.cert),
		filepath.Join("tlscacerts", "tlsca."+w.org.Domain+"-cert.pem"): encodeCertificate(w.tls.cert),
		"config.yaml": nodeOUs(caFile),
	}
	for name, content := range files {
		if err := writeFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func nodeOUs(caFile string) []byte {
	text := "NodeOUs:\n  Enable: true\n"
	for _, role := range [][2]string{{"Client", "client"}, {"Peer", "peer"}, {"Admin", "admin"}, {"Orderer", "orderer"}} {
		text += fmt.Sprintf("  %sOUIdentifier:\n    Certificate: cacerts/%s\n    OrganizationalUnitIdentifier: %s\n", role[0], caFile, role[1])
	}
	return []byte(text)
}

func writePair(certPath, keyPath string, cert *x509.Certificate, key *ecdsa.PrivateKey) error {
	encoded, err := encodeKey(key)
	if err != nil {
		return err
	}
	if err := writeFile(certPath, encodeCertificate(cert), 0o644); err != nil {
		return err
	}
	return writeFile(keyPath, encoded, 0o600)
}

func writeFile(path string, content []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, mode)
}
