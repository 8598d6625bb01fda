// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

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
		r.Proof, err = device.Possession(signer, name.New("Org1MSP", r.ID), "mychannel")
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

	// What a spreadsheet writes: a byte-order mark, and a column for what the device reports how often.
	marked := requests(t, "marked", 1)[0]
	writeFile(t, "marked.csv", "\xef\xbb\xbfid,key,proof,reporting-period\n"+marked.ID+","+marked.Key+","+marked.Proof+",10m\n")
	s.prints(t, "marked.csv: 1 device registered, 0 were before\n", "user1", "device import marked.csv")
	require.EqualValues(t, 600_000, decodes[record.Device](t, s, "user1", "device show marked-1").ReportingPeriod)
	marked.ReportingPeriod = 600_000
	writeFile(t, "marked.jsonl", "\xef\xbb\xbf"+jsonLines(t, []ledger.Registration{marked}))
	s.prints(t, "marked.jsonl: 0 devices registered, 1 were before\n", "user1", "device import marked.jsonl")

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
		{"a.jsonl", jsonLines(t, []ledger.Registration{good[0], elsewhere}), []string{"a.jsonl, line 2: device d-9: proof: ", `"Org1MSP/d-2"`}},
		{"a.jsonl", `{"id":"d-1","key":"` + strings.Repeat("A", record.MaxDocument) + `"}`, []string{"a.jsonl, line 1: longer than 1048576 bytes"}},
		{"a.jsonl", many.String(), []string{"a.jsonl, line 10: ", "and 5 lines more"}},
		{"a.csv", "id,key\n", []string{`a.csv, line 1: column "proof" is missing`}},
		{"a.csv", "id,key,proof,site\n", []string{`a.csv, line 1: unknown column "site": want id, key, proof, type, profile, reporting-period or attribute.NAME`}},
		{"a.csv", "id,key,proof,reporting-period\n" + row(good[0], "hourly"), []string{`a.csv, line 2: column "reporting-period": "hourly" is not a length of time`}},
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

func TestProgressStaysOnOneLineOfATerminal(t *testing.T) {
	for _, c := range []struct {
		terminal bool
		total    int
		done     []int
		want     string
	}{
		{true, 1000, []int{200, 400}, "\r200 of 1000 devices\r400 of 1000 devices\n"},
		{true, 1000, nil, ""},
		{true, 200, []int{200}, ""},
		{false, 100_000, []int{200, 4_800, 5_000, 5_200, 100_000}, "5000 of 100000 devices\n100000 of 100000 devices\n"},
	} {
		var out strings.Builder
		p := newProgress(&out, c.total, "devices")
		p.terminal = c.terminal
		for _, done := range c.done {
			p.show(done)
		}
		p.end()
		require.Equal(t, c.want, out.String())
	}
}
