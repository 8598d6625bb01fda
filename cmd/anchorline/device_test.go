// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/cose"
)

func deviceStory(t *testing.T, s *shell) {
	for _, id := range []string{"gate-1", "gate-2", "next", "last"} {
		require.Zero(t, s.run(t, "device", "new", id).status)
	}
	s.prints(t, `
		device      gate-1
		owner       Org1MSP
		status      active
		type        gate
		attributes  hall=3, site=north
		registered  TIME................
		key         KEY............. EdDSA, valid from TIME................
		`, "user1", "device register gate-1 --type gate --attribute site=north --attribute hall=3")
	registered := decodes[record.Device](t, s, "user1", "device register gate-2 --type pump --digest "+record.ZeroHash)
	require.Equal(t, record.ZeroHash, registered.Profile)
	require.Equal(t, registered, decodes[record.Device](t, s, "user2", "device show gate-2"))
	s.prints(t, `
		DEVICE  OWNER    STATUS  TYPE  ATTRIBUTES          KEY               ALGORITHM  REGISTERED
		gate-1  Org1MSP  active  gate  hall=3, site=north  KEY.............  EdDSA      TIME................
		gate-2  Org1MSP  active  pump  -                   KEY.............  EdDSA      TIME................
		`, "user2", "device list --owner Org1MSP")
	for _, only := range []string{"--attribute site=north", "--type gate"} {
		found := decodes[[]record.Device](t, s, "user2", "device list --status active "+only)
		require.Len(t, found, 1)
		require.Equal(t, "gate-1", found[0].ID)
	}
	s.prints(t, "no devices\n", "user1", "device list --status revoked")

	before := time.Now().UTC()
	s.prints(t, `
		device      gate-1
		owner       Org1MSP
		status      active
		type        gate
		attributes  hall=3, site=north
		registered  TIME................
		key         KEY............. EdDSA, valid from TIME................ until TIME................
		key         KEY............. EdDSA, valid from TIME................
		`, "user1", "device rotate gate-1 --new-key next.key")
	d := decodes[record.Device](t, s, "user1", "device rotate gate-1 --new-key last.key --lost", "fell into the river")
	require.Len(t, d.Keys, 3)
	require.Equal(t, "fell into the river", d.Keys[1].Reason)
	s.prints(t, `
		device       gate-1
		owner now    Org1MSP
		time         TIME................
		status then  active
		trusted      yes
		key          KEY............. EdDSA, valid from TIME................ until TIME................
		`, "user2", "device key-at gate-1", before.Format(time.RFC3339Nano))
	at := decodes[ledger.DeviceKey](t, s, "user2", "device key-at gate-1", before.Format(time.RFC3339Nano))
	require.Equal(t, d.Keys[0].ID, at.Key.ID)

	require.Equal(t, "broken", decodes[record.Device](t, s, "user1", "device suspend gate-2 --reason broken").StatusReason)
	s.prints(t, `
		device          gate-2
		owner           Org1MSP
		status          suspended: broken
		type            pump
		profile digest  HASH............................................................
		registered      TIME................
		key             KEY............. EdDSA, valid from TIME................
		`, "user1", "device suspend gate-2 --reason broken")
	require.Equal(t, record.Active, decodes[record.Device](t, s, "user1", "device resume gate-2 --reason repaired").Status)
	require.Contains(t, s.as(t, "user1", "device resume gate-2 --reason repaired").out, "status          active: repaired\n")
	require.Equal(t, map[string]string{"hall": "4;5", "by": "a=b,c"},
		decodes[record.Device](t, s, "user1", "device describe gate-2 --attribute hall=4;5 --attribute by=a=b,c").Attributes)
	require.NotContains(t, s.as(t, "user1", "device describe gate-2").out, "attributes", "what is left out is removed")

	r := s.as(t, "user1", "device show gate-9")
	require.Equal(t, "anchorline: NOT_FOUND: device \"gate-9\" is not registered\n", r.err, "what says nothing to people is left out")
	s.refuses(t, 1, []string{"missing.json", "--profile", "anchorline network devnet"}, "missing.json", "device show gate-1")
	s.refuses(t, 1, []string{"gate-9.key", "anchorline device new gate-9"}, "user1", "device register gate-9")
	s.refuses(t, 1, []string{"ALREADY_EXISTS"}, "user1", "device register gate-2 --type other")
	s.refuses(t, 1, []string{"--new-key", "missing.key"}, "user1", "device rotate gate-1 --new-key missing.key")
	s.refuses(t, 1, []string{"--key", "missing.key", "--lost"}, "user1", "device rotate gate-1 --key missing.key --new-key next.key")
	s.refuses(t, 2, []string{"<time>", "want for example 2026-01-31T12:00:00Z"}, "user1", "device key-at gate-1 noon")
	s.refuses(t, 1, []string{"NOT_FOUND", "was not registered"}, "user1", "device key-at gate-1 2020-01-01T00:00:00Z")
	s.refuses(t, 1, []string{"FORBIDDEN"}, "admin2", "device suspend gate-1 --reason envy")
	s.refuses(t, 2, []string{"--reason"}, "user1", "device suspend gate-1")
	s.refuses(t, 2, []string{"--reason: want 1 to 256 bytes that say why"}, "user1", "device suspend gate-1 --reason", " ")
	s.refuses(t, 2, []string{"--lost: want 1 to 256 bytes"}, "user1", "device rotate gate-1 --new-key next.key --lost", strings.Repeat("x", 257))
	s.refuses(t, 2, []string{`--digest: "zz" is not a SHA-256`}, "user1", "device describe gate-1 --digest zz")
	s.refuses(t, 2, []string{"--attribute", `got "north"`}, "user1", "device describe gate-1 --attribute north")
	s.refuses(t, 2, []string{"must be one of"}, "user1", "device list --status lost")
	s.refuses(t, 2, []string{"--attribute", "want NAME=VALUE"}, "user1", "device list --attribute north")
}

func transferStory(t *testing.T, s *shell) {
	s.as(t, "user1", "device offer gate-2 --to Org2MSP")
	require.Empty(t, decodes[record.Device](t, s, "user1", "device withdraw gate-2").Offered)
	require.NotContains(t, s.as(t, "user1", "device withdraw gate-2").out, "offered")
	require.Equal(t, "Org2MSP", decodes[record.Device](t, s, "user1", "device offer gate-2 --to Org2MSP").Offered)
	s.prints(t, `
		device      gate-2
		owner       Org1MSP
		status      active: repaired
		offered to  Org2MSP
		registered  TIME................
		key         KEY............. EdDSA, valid from TIME................
		`, "user1", "device show gate-2")
	s.refuses(t, 1, []string{"FORBIDDEN"}, "user2", "device accept gate-2")
	require.Equal(t, "Org2MSP", decodes[record.Device](t, s, "admin2", "device accept gate-2").Owner)
	require.Contains(t, s.as(t, "admin2", "device accept gate-2").out, "owner       Org2MSP\n", "again is a success")

	require.Zero(t, s.run(t, "device", "new", "carried").status)
	d := decodes[record.Device](t, s, "user1", "device rotate gate-2 --new-key carried.key")
	require.Len(t, d.Keys, 2, "another organisation's bridge may carry what the old key signed")
	s.prints(t, `
		device             gate-2
		owner              Org2MSP
		status             revoked: stolen
		compromised since  TIME................
		registered         TIME................
		key                KEY............. EdDSA, valid from TIME................ until TIME................
		key                KEY............. EdDSA, valid from TIME................ until TIME................: stolen
		`, "admin2", "device revoke gate-2 --reason stolen --compromised-since 2026-01-31T12:00:00Z")
	d = decodes[record.Device](t, s, "admin2", "device revoke gate-2 --reason stolen --compromised-since 2026-01-31T12:00:00Z")
	require.Equal(t, record.Revoked, d.Status)
	require.EqualValues(t, 1769860800000, d.CompromisedSince)
	s.refuses(t, 2, []string{"--compromised-since", "RFC 3339"}, "admin2", "device revoke gate-2 --reason stolen --compromised-since noon")

	r := s.as(t, "user1", "device history gate-2")
	require.Equal(t, unindent(`
		TIME                  OWNER    STATUS     KEY               OFFERED TO  REASON    TRANSACTION
		TIME................  Org2MSP  revoked    -                 -           stolen    HASH........…
		TIME................  Org2MSP  active     KEY.............  -           repaired  HASH........…
		TIME................  Org2MSP  active     KEY.............  -           repaired  HASH........…
		TIME................  Org1MSP  active     KEY.............  Org2MSP     repaired  HASH........…
		TIME................  Org1MSP  active     KEY.............  -           repaired  HASH........…
		TIME................  Org1MSP  active     KEY.............  Org2MSP     repaired  HASH........…
		`), strings.Join(strings.SplitAfter(masked(r.out), "\n")[:7], ""))
	require.Len(t, decodes[[]ledger.DeviceChange](t, s, "user1", "device history gate-2"), strings.Count(r.out, "\n")-1)
}

// requests are registrations of devices PREFIX-1 to PREFIX-n for Org1MSP.
func requests(t *testing.T, prefix string, n int) []ledger.Registration {
	t.Helper()
	private, err := device.NewKey(cose.AlgorithmEdDSA)
	require.NoError(t, err)
	signer, err := cose.NewSigner(private)
	require.NoError(t, err)
	var all []ledger.Registration
	for i := range n {
		r := ledger.Registration{ID: fmt.Sprintf("%s-%d", prefix, i+1), Key: signer.Key().Text()}
		r.Proof, err = device.Possession(signer, r.ID, "Org1MSP", "mychannel")
		require.NoError(t, err)
		all = append(all, r)
	}
	return all
}

func jsonLines(t *testing.T, all []ledger.Registration) string {
	t.Helper()
	var b strings.Builder
	for _, r := range all {
		text, err := json.Marshal(r)
		require.NoError(t, err)
		b.Write(append(text, '\n'))
	}
	return b.String()
}

func importStory(t *testing.T, s *shell) {
	// What devices sign offline is imported as it is.
	var lines strings.Builder
	for _, id := range []string{"tap-1", "tap-2"} {
		require.Zero(t, s.run(t, "device", "new", id, "--algorithm", "ES256").status)
		r := s.run(t, "device", "request", id, "--owner", "Org1MSP", "--channel", "mychannel", "--type", "tap", "--attribute", "floor=2")
		require.Zero(t, r.status, r.err)
		lines.WriteString(r.out + "\n")
	}
	writeFile(t, "taps.jsonl", lines.String())
	s.prints(t, "taps.jsonl: 2 devices, good to be registered for Org1MSP on mychannel/anchorline\n", "user1", "device import taps.jsonl --dry-run")
	s.prints(t, "no devices\n", "user1", "device list --type tap")
	s.prints(t, "taps.jsonl: 2 devices registered, 0 were before\n", "user1", "device import taps.jsonl")
	require.Equal(t, importResult{File: "taps.jsonl", Devices: 2, Unchanged: 2}, decodes[importResult](t, s, "user1", "device import taps.jsonl"))
	require.Len(t, decodes[[]record.Device](t, s, "user1", "device list --attribute floor=2"), 2)

	// A long file goes in batches and says how far it is.
	fleet := requests(t, "fleet", 201)
	var table strings.Builder
	table.WriteString("key,attribute.site,id,proof,attribute.line,type\n")
	for i := range fleet {
		r := &fleet[i]
		r.Type, r.Attributes = "meter", map[string]string{"site": "north, by the gate"}
		if i%2 == 1 {
			r.Attributes["line"] = "7"
		}
		fmt.Fprintf(&table, "%s,\"%s\",%s,%s,%s,%s\n", r.Key, r.Attributes["site"], r.ID, r.Proof, r.Attributes["line"], r.Type)
	}
	writeFile(t, "fleet.csv", table.String())
	r := s.as(t, "user1", "device import fleet.csv")
	require.Zero(t, r.status, r.err)
	require.Equal(t, "fleet.csv: 201 devices registered, 0 were before\n", r.out)
	require.Equal(t, "200 of 201 devices\n201 of 201 devices\n", r.err)
	require.Len(t, decodes[[]record.Device](t, s, "user1", "device list --type meter"), 201, "more than a page")
	d := decodes[record.Device](t, s, "user1", "device show fleet-2")
	require.Equal(t, map[string]string{"site": "north, by the gate", "line": "7"}, d.Attributes)

	// A line that the ledger refuses is named, and what came before it stays. The same devices in
	// another format are the same.
	fleet[200].Type = "other"
	writeFile(t, "fleet.jsonl", jsonLines(t, fleet))
	s.refuses(t, 1, []string{
		"fleet.jsonl, line 201 (device fleet-201): ALREADY_EXISTS: ", "\n200 of 201 devices are registered; mend that and run the command again",
	}, "user1", "device import fleet.jsonl")
	theirs := s.run(t, "device", "request", "tap-1", "--owner", "Org2MSP", "--channel", "mychannel")
	writeFile(t, "theirs.jsonl", theirs.out)
	s.refuses(t, 1, []string{"theirs.jsonl, line 1", "FORBIDDEN", "\n0 of 1 devices are registered"}, "user2", "device import theirs.jsonl")
	require.Zero(t, command(t, theirs.out, "device", "import", "-", "--format", "jsonl", "--dry-run", "--profile", "user2").status)
}

func TestAFaultyFileIsRefusedLineByLine(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "profile", `{"endpoint":"127.0.0.1:1","tlsCa":"ca.pem","mspId":"Org1MSP","certificate":"c.pem","key":"k.pem","channel":"mychannel","chaincode":"anchorline"}`)
	good := requests(t, "d", 3)
	line := strings.Split(jsonLines(t, good), "\n")
	elsewhere := good[1]
	elsewhere.ID = "d-9"
	csv := "id,key,proof,attribute.site\n"
	row := func(r ledger.Registration, site string) string {
		return r.ID + "," + r.Key + "," + r.Proof + "," + site + "\n"
	}
	var many strings.Builder
	for range 15 {
		many.WriteString("{}\n")
	}
	for _, c := range []struct {
		file, text string
		say        []string
	}{
		{"a.jsonl", "", []string{"a.jsonl: no devices in it"}},
		{"a.csv", csv, []string{"a.csv: no devices in it"}},
		{"a.txt", "", []string{"a.txt: neither .csv nor .jsonl", "--format"}},
		{"a.jsonl", line[0] + "\nnonsense\n\n" + line[0] + "\n", []string{
			"nothing was registered:\na.jsonl, line 2: not a JSON document", "a.jsonl, line 4: device d-1 stands on line 1 already",
		}},
		{"a.jsonl", `{"id":"x y"}`, []string{`a.jsonl, line 1: field "id": must match`}},
		{"a.jsonl", `{"id":"d-1","colour":"red"}`, []string{`field "colour": is unknown`}},
		{"a.jsonl", `{"id":"d-1","id":"d-2"}`, []string{`field "id": comes twice`}},
		{"a.jsonl", `{"id":"d-1","key":"AAAA"}`, []string{"a.jsonl, line 1: device d-1: key: "}},
		{"a.jsonl", `{"id":"d-1","key":"` + good[0].Key + `","proof":"*"}`, []string{"device d-1: proof: not base64url"}},
		{"a.jsonl", jsonLines(t, []ledger.Registration{good[0], elsewhere}), []string{"a.jsonl, line 2: device d-9: proof: ", `"d-2"`}},
		{"a.jsonl", `{"id":"d-1","key":"` + strings.Repeat("A", record.MaxDocument) + `"}`, []string{"a.jsonl, line 1: longer than 1048576 bytes"}},
		{"a.jsonl", many.String(), []string{"a.jsonl, line 10: ", "and 5 lines more"}},
		{"a.csv", "id,key\n", []string{`a.csv, line 1: column "proof" is missing`}},
		{"a.csv", "id,key,proof,site\n", []string{`a.csv, line 1: unknown column "site": want id, key, proof, type, profile or attribute.NAME`}},
		{"a.csv", "id,key,proof,id\n", []string{`column "id" comes twice`}},
		{"a.csv", csv + "d-1\n", []string{"a.csv, line 2: wrong number of fields"}},
		{"a.csv", csv + `d-1,"x` + "\n", []string{"a.csv, line 2: extraneous or missing"}},
		{"a.csv", csv + row(good[0], "\"two\nlines\"") + row(good[1], "") + row(good[0], ""), []string{
			`a.csv, line 2: field "attributes.site": must not hold control characters`,
		}},
		{"a.csv", csv + row(good[0], "n") + row(good[1], "") + row(good[0], ""), []string{"a.csv, line 4: device d-1 stands on line 2 already"}},
	} {
		writeFile(t, c.file, c.text)
		r := command(t, "", "device", "import", c.file, "--profile", "profile")
		require.Equal(t, 1, r.status, c.text)
		for _, say := range c.say {
			require.Contains(t, r.err, say, c.text)
		}
	}
	writeFile(t, "a.jsonl", line[0])
	r := command(t, "", "device", "import", "a.jsonl", "--profile", "missing")
	require.Contains(t, r.err, "missing")
	r = command(t, "", "device", "import", "missing.csv", "--profile", "profile")
	require.Contains(t, r.err, "missing.csv")
}

func TestABatchFitsIntoARequest(t *testing.T) {
	rows := make([]importRow, 450)
	for i := range rows {
		rows[i].size = 500
	}
	require.Equal(t, ledger.MaxRegistrations, batchOf(rows))
	require.Equal(t, 50, batchOf(rows[400:]))
	for i := range rows {
		rows[i].size = 100_000
	}
	n := batchOf(rows)
	require.LessOrEqual(t, n*(rows[0].size+1), record.MaxDocument)
	require.Greater(t, (n+1)*(rows[0].size+1), maxBatchBytes, "no smaller than needed")
	rows[0].size = 2 * record.MaxDocument
	require.Equal(t, 1, batchOf(rows), "what is too large by itself is for the ledger to refuse")
}

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
		OWNER    MANUFACTURER  IN FORCE  DEVICE TYPE  AUTHORITY      VALID UNTIL           ADDED
		Org1MSP  pumps         yes       pump         CN=Pumps & Co  TIME................  TIME................
		`, "user1", "manufacturer add pumps root.pem --type pump")
	require.True(t, decodes[record.Manufacturer](t, s, "user1", "manufacturer add pumps root.pem --type pump").Active)

	// The device signs, and a bridge of its own organisation carries; the ledger tells what was signed.
	ask := []string{"device", "enrol-request", "auto-1", "--chain", "chain.pem", "--manufacturer", "pumps", "--owner", "Org1MSP", "--channel", "mychannel"}
	r := s.run(t, ask...)
	require.Zero(t, r.status, r.err)
	require.Equal(t, 1, strings.Count(r.out, "\n"))
	writeFile(t, "auto-1.json", r.out)
	s.prints(t, `
		device        auto-1
		owner         Org1MSP
		status        active
		type          pump
		manufacturer  pumps
		registered    TIME................
		key           KEY............. EdDSA, valid from TIME................
		`, "user1", "device enrol auto-1.json")
	require.Equal(t, "pumps", decodes[record.Device](t, s, "user1", "device enrol auto-1.json").Manufacturer)

	s.prints(t, `
		OWNER    MANUFACTURER  IN FORCE  DEVICE TYPE  AUTHORITY      VALID UNTIL           ADDED
		Org1MSP  pumps         no        pump         CN=Pumps & Co  TIME................  TIME................
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
