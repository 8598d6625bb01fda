// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"crypto/ed25519"
	crand "crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/reading/receipt"
)

func TestBridgesAndManufacturersAreGovernedFromTheShell(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, upArgs(t, "", "--rate", "10/s", "--devices", "2")...)
	p.until("Anchorline is up")
	p.until("msg=anchored")
	stream, sim := hint(t, p.output(), ", stream ", ","), hint(t, p.output(), "data/statements/", ".cose")
	user, admin := profileOf(), otherProfile("org1-admin")
	name := fmt.Sprintf("pump-%x", rand.Uint32())

	// A manufacturer's device enrols by its certificate.
	must(t, dir, "", "device", "new", name)
	certify(t, dir, name)
	require.Contains(t, must(t, dir, "", "manufacturer", "add", name, "root.pem", "--type", "pump", "--profile", user), "yes")
	request := must(t, dir, "", "device", "enrol-request", name, "--chain", "chain.pem", "--manufacturer", name, "--owner", "Org1MSP", "--channel", "mychannel")
	require.Contains(t, must(t, dir, request, "device", "enrol", "-", "--profile", user), "active")
	require.Contains(t, must(t, dir, "", "manufacturer", "list", "--profile", user), name)
	require.Contains(t, must(t, dir, "", "manufacturer", "remove", name, "--profile", user), "no ")
	must(t, dir, "", "device", "offer", name, "--to", "Org2MSP", "--profile", user)
	require.NotContains(t, must(t, dir, "", "device", "withdraw", name, "--profile", user), "offered")

	// A recorded decision is shown by its id.
	var asked struct {
		ID string `json:"id"`
	}
	out, status := command(t, dir, "", "access", "request", "read", name, "--json", "--profile", user)
	require.Equal(t, 1, status, "no policy permits it: %s", out)
	require.NoError(t, json.NewDecoder(strings.NewReader(out)).Decode(&asked))
	require.Contains(t, must(t, dir, "", "access", "show", asked.ID, "--profile", user), name)

	// One organisation's approval alone changes no terms.
	must(t, dir, "", "consortium", "approve", "Org1MSP", "Org2MSP", "--others", "1", "--profile", admin)

	// A stream changes its key and its bridge.
	for _, key := range []string{"first", "second"} {
		must(t, dir, "", "device", "new", key, "--key", key+".key")
	}
	must(t, dir, "", "stream", "open", name, "--key", "first.key", "--profile", user)
	must(t, dir, "", "stream", "rotate-key", name, "--key", "first.key", "--new-key", "second.key", "--profile", user)
	var who record.Stream
	require.NoError(t, json.Unmarshal([]byte(must(t, dir, "", "stream", "show", stream, "--json", "--profile", user)), &who))
	require.Contains(t, must(t, dir, "", "stream", "set-bridge", name, who.Bridge, "--profile", admin), who.Bridge)

	// The ledger proves a reading, and keeps another anchor of the same batch as evidence.
	must(t, dir, "", "audit", "statement", "Org1MSP/"+sim, "1", "--archive", "data/bridge/archive")
	file := sim + "-1.cose"
	must(t, dir, "", "anchor", "verify", file, "--profile", user)
	data, err := os.ReadFile(filepath.Join(dir, file))
	require.NoError(t, err)
	statement, err := receipt.ParseStatement(data)
	require.NoError(t, err)
	var other record.Anchor
	require.NoError(t, json.Unmarshal(statement.Anchor, &other))
	other.Gaps++
	text, err := other.Encode()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "other.json"), text, 0o600))
	must(t, dir, "", "equivocation", "report", "--anchor", "other.json", "--profile", user)
	require.Contains(t, must(t, dir, "", "equivocation", "list", "--stream", stream, "--profile", user), "the bridge's own anchor")
	p.interrupt()
	require.Zero(t, p.wait(), p.output())
}

// certify writes root.pem, a manufacturer's authority, and chain.pem, its certificate of a device.
func certify(t *testing.T, dir, id string) {
	t.Helper()
	signer, err := device.ReadKey(filepath.Join(dir, id+".key"))
	require.NoError(t, err)
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Pumps"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: id},
		KeyUsage: x509.KeyUsageDigitalSignature, NotBefore: root.NotBefore, NotAfter: root.NotAfter,
	}
	for file, c := range map[string]struct {
		template *x509.Certificate
		key      any
	}{"root.pem": {root, public}, "chain.pem": {leaf, signer.Key().Public()}} {
		der, err := x509.CreateCertificate(crand.Reader, c.template, root, c.key, private)
		require.NoError(t, err)
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), text, 0o600))
	}
}
