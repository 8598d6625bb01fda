// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/anchorline/anchorline/chaincode/record"
)

// certificateHash takes a hash as it is, and hashes the certificate of a PEM file.
func certificateHash(s string) (string, error) {
	if record.CheckHash("certificate", s) == nil {
		return s, nil
	}
	if _, err := os.Stat(s); err != nil {
		return "", fmt.Errorf("--certificate: neither 64 lower-case hexadecimal digits nor a file: %w", err)
	}
	chain, err := readCertificates("--certificate", s, 1)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(chain[0].Raw)
	return hex.EncodeToString(sum[:]), nil
}

// readCertificates reads 1 to limit certificates from a PEM file; flag names it in errors.
func readCertificates(flag, path string, limit int) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	var chain []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%s %s: holds a PEM block %q, and certificates only belong there", flag, path, block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", flag, path, err)
		}
		chain = append(chain, c)
	}
	if n := len(chain); n == 0 || n > limit {
		return nil, fmt.Errorf("%s %s: holds %d PEM certificates; want 1 to %d", flag, path, n, limit)
	}
	return chain, nil
}
