// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/anchorline/anchorline/audit/trust"
	"github.com/anchorline/anchorline/bridge/fsck/report"
	"github.com/anchorline/anchorline/internal/durable"
	"github.com/anchorline/anchorline/ledger"
)

type reportCmd struct {
	File  string `arg:"" help:"The report, FILE.json; its signature is beside it in FILE.json.cose." type:"existingfile"`
	Trust string `help:"Whom to trust, made by 'audit trust'." default:"trust.json" type:"existingfile" placeholder:"FILE"`
	JSON  bool   `help:"Print the report as JSON." name:"json"`
}

// Help says what is verified.
func (reportCmd) Help() string {
	return "Example:\n  anchorline audit report january.json --trust trust.json\n" +
		"It verifies who signed the report, not what the report says: 'anchorline audit archive' finds that again.\n" +
		"Exit status: 0 a member of a trusted organisation signed it, 3 nobody did."
}

// maxReport is the size in bytes of the largest report that is read.
const maxReport = 256 << 20

// Run verifies who signed a report.
func (c *reportCmd) Run(s streams) error {
	data, err := os.ReadFile(c.Trust)
	if err != nil {
		return err
	}
	t, err := trust.Parse(data)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Trust, err)
	}
	v, err := trust.NewVerifier(t)
	if err != nil {
		return err
	}
	document, err := s.readLimited(c.File, maxReport)
	if err != nil {
		return err
	}
	signature, err := s.readLimited(c.File+".cose", maxReport)
	if err != nil {
		return err
	}
	signed, err := report.Verify(document, signature, v)
	if err != nil {
		fmt.Fprintf(s.err, "REFUTED: %s: %s\n", c.File, printableLines(err.Error()))
		return verdict(statusRefuted)
	}
	if c.JSON {
		return printJSON(s.out, signed.Document)
	}
	fmt.Fprintf(s.out, "signed by %s, who says that it was checked from %s to %s with %s\nits verdict: %s\n", printable(signed.Member.Name()),
		signed.Began.Format(time.RFC3339), signed.Ended.Format(time.RFC3339), printable(signed.Tool), signed.Verdict)
	return printFindings(s.out, signed.Findings)
}

// reportFiles are the names of the three files of a report.
func reportFiles(file string) (files struct{ json, cose, html string }, err error) {
	base, found := strings.CutSuffix(file, ".json")
	if !found || filepath.Base(base) == "." {
		return files, fmt.Errorf("--report %s: name a file that ends in .json; its signature and a page are written beside it", file)
	}
	files.json, files.cose, files.html = file, file+".cose", base+".html"
	return files, nil
}

// writeReport writes a report, its signature by the profile's identity, and its page.
func writeReport(s streams, file string, p ledger.Profile, d report.Document) error {
	files, err := reportFiles(file)
	if err != nil {
		return err
	}
	key, chain, err := identity(p)
	if err != nil {
		return err
	}
	var tool bytes.Buffer
	if err := (versionCmd{}).Run(streams{out: &tool}); err != nil {
		return err
	}
	d.By, d.Peer, d.Tool = report.Auditor{MSPID: p.MSPID, Name: chain[0].Subject.CommonName}, p.Endpoint, strings.TrimSpace(tool.String())
	text, err := d.Encode()
	if err != nil {
		return err
	}
	signature, err := report.Sign(text, key, chain)
	if err != nil {
		return err
	}
	page, err := report.Page(text, filepath.Base(files.json))
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{files.json, text}, {files.cose, signature}, {files.html, page}} {
		if err := durable.WriteFile(f.name, f.data, 0o644); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(s.err, "%s, signed by %s of %s, and %s\n", files.json, printable(d.By.Name), p.MSPID, files.html)
	return err
}

// identity reads the key and the certificates of a profile, the key's own first.
func identity(p ledger.Profile) (crypto.Signer, []*x509.Certificate, error) {
	text, err := os.ReadFile(p.Certificate)
	if err != nil {
		return nil, nil, err
	}
	var chain []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", p.Certificate, err)
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 {
		return nil, nil, fmt.Errorf("%s holds no PEM certificate", p.Certificate)
	}
	key, err := privateKey(p.Key)
	return key, chain, err
}

// privateKey reads a key in PKCS #8 or SEC 1.
func privateKey(file string) (crypto.Signer, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM key", file)
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, errors.New(file + " holds a key that cannot sign")
	}
	return key, nil
}
