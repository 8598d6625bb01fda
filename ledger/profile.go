// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// A Profile says how to reach one Fabric network and who we are there. Paths are relative to
// the profile's own folder when it was read from a file.
type Profile struct {
	Endpoint    string `json:"endpoint"`    // host:port of a peer's gateway
	ServerName  string `json:"serverName"`  // name in its TLS certificate, if not the host
	TLSCA       string `json:"tlsCa"`       // PEM file of the CA that issued that certificate
	MSPID       string `json:"mspId"`       // our organisation
	Certificate string `json:"certificate"` // PEM file of our certificate
	Key         string `json:"key"`         // PEM file of our private key, PKCS#8 or SEC 1
	Channel     string `json:"channel"`
	Chaincode   string `json:"chaincode"`
}

// ReadProfile reads a profile from a JSON file. Unknown fields are refused.
func ReadProfile(path string) (Profile, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Profile{}, fmt.Errorf("%w: connection profile: %w", ErrConfig, err)
	}
	var p Profile
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return Profile{}, fmt.Errorf("%w: connection profile %s: %w", ErrConfig, path, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Profile{}, fmt.Errorf("%w: connection profile %s: text after the JSON object", ErrConfig, path)
	}
	for _, f := range []*string{&p.TLSCA, &p.Certificate, &p.Key} {
		if *f != "" && !filepath.IsAbs(*f) {
			*f = filepath.Join(filepath.Dir(path), *f)
		}
	}
	if err := p.Validate(); err != nil {
		return Profile{}, fmt.Errorf("%w (in %s)", err, path)
	}
	return p, nil
}

// Validate reports every field that is missing, at once.
func (p Profile) Validate() error {
	var missing []string
	for _, f := range []struct{ name, value string }{
		{"endpoint", p.Endpoint}, {"tlsCa", p.TLSCA}, {"mspId", p.MSPID}, {"certificate", p.Certificate},
		{"key", p.Key}, {"channel", p.Channel}, {"chaincode", p.Chaincode},
	} {
		if f.value == "" {
			missing = append(missing, f.name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: connection profile lacks %s", ErrConfig, strings.Join(missing, ", "))
	}
	return nil
}

// Ledger names the ledger as receipts do: channel/chaincode.
func (p Profile) Ledger() string { return p.Channel + "/" + p.Chaincode }
