// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge/fsck"
	"github.com/anchorline/anchorline/bridge/fsck/report"
	"github.com/anchorline/anchorline/reading/name"
)

// archiveStory checks the archive of what anchorStory anchored, with the trust that auditStory wrote.
func archiveStory(t *testing.T, s *shell) {
	whole := filepath.Join("up", "bridge", "archive")
	line := "audit archive --stream Org1MSP/line-1 --archive " + whole
	r := s.as(t, "user2", line+" --resume state.json --report report.json")
	require.Zero(t, r.status, r.out+r.err)
	require.Contains(t, r.err, "report.json, signed by ")
	found := decodes[fsck.Report](t, s, "user2", line)
	require.True(t, found.OK())
	require.NotZero(t, found.Readings)
	first := fmt.Sprintf("%d batches, %d readings of 1 device compared with the ledger, 0 pending\n", found.Batches, found.Readings)
	require.Equal(t, first, r.out)
	r = s.as(t, "user2", line+" --resume state.json")
	require.Zero(t, r.status, r.out+r.err)
	require.Equal(t, first+fmt.Sprintf("stream Org1MSP/line-1: the first %d batches were verified in an earlier run\n", found.Batches), r.out)

	r = s.as(t, "user2", "audit archive --stream Org1MSP/line-9 --archive "+whole)
	require.Equal(t, statusRefuted, r.status, "an archive of another stream")
	require.Contains(t, r.out, "is it the archive of this stream")
	s.refuses(t, 1, []string{"it has stream Org1MSP/line-1"}, "user2", "audit archive --resume state.json --stream Org1MSP/line-9 --archive "+whole)
	s.refuses(t, 1, []string{"there is no archive in nowhere"}, "user2", "audit archive --archive nowhere")
	s.refuses(t, 2, []string{"2 streams and 1 archives"}, "user2", line+" --stream Org1MSP/line-9")
	s.refuses(t, 2, []string{"ends in .json"}, "user2", line+" --report report.txt")

	for flags, say := range map[string]string{"": "with --resume FILE a later run goes on", " --resume new.json": "the same command goes on from there"} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var out, errs bytes.Buffer
		require.Equal(t, 1, run(ctx, strings.Fields(line+flags+" --profile user2"), streams{strings.NewReader(""), &out, &errs}))
		require.Contains(t, errs.String(), say)
	}

	reportStory(t, s)
	evidenceStory(t, s, whole, found.Batches)
}

// reportStory verifies who signed report.json.
func reportStory(t *testing.T, s *shell) {
	require.Contains(t, readFile(t, "report.html"), "What the archive holds is what was anchored.")
	r := s.run(t, "audit", "report", "report.json", "--trust", "trust.json")
	require.Zero(t, r.status, r.out+r.err)
	require.Contains(t, r.out, "signed by Org2MSP ")
	require.Contains(t, r.out, "its verdict: confirmed\n")
	r = s.run(t, "audit", "report", "report.json", "--trust", "trust.json", "--json")
	var d report.Document
	require.NoError(t, json.Unmarshal([]byte(r.out), &d))
	require.Equal(t, "Org2MSP", d.By.MSPID)

	text := readFile(t, "report.json")
	writeFile(t, "other.json", text+" ")
	writeFile(t, "other.json.cose", readFile(t, "report.json.cose"))
	r = s.run(t, "audit", "report", "other.json", "--trust", "trust.json")
	require.Equal(t, statusRefuted, r.status)
	require.Contains(t, r.err, "the report was changed")
	require.NoError(t, os.Remove("other.json"))
}

// evidenceStory collects for an archive whose bridge collected nothing, and spoils it then.
func evidenceStory(t *testing.T, s *shell, whole string, batches uint64) {
	require.NoError(t, os.CopyFS("bare", os.DirFS(whole)))
	for _, kind := range []string{"evidence", "attestation"} {
		files, err := filepath.Glob(filepath.Join("bare", "*", "*."+kind))
		require.NoError(t, err)
		for _, f := range files {
			require.NoError(t, os.Remove(f))
		}
	}
	line := "audit evidence --stream Org1MSP/line-1 --archive bare"
	s.prints(t, fmt.Sprintf("bare: of %d batches, %d were given what ordered them, %d what organisations attest; 0 have no block any more\n", batches, batches, batches), "user2", line)
	s.prints(t, fmt.Sprintf("bare: of %d batches, 0 were given what ordered them, 0 what organisations attest; 0 have no block any more\n", batches), "user2", line)

	file := statement(t)
	r := s.as(t, "user2", "audit evidence "+file+" --out fresh.cose")
	require.Zero(t, r.status, r.err)
	require.Contains(t, r.out, "fresh.cose: 1 attestation and ")
	r = s.run(t, "audit", "verify", "fresh.cose", "--trust", "trust.json")
	require.Zero(t, r.status, r.out+r.err)
	s.refuses(t, 2, []string{"--out"}, "user2", "audit evidence "+file)

	files, err := filepath.Glob(filepath.Join("bare", "*", "*2.batch"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	require.NoError(t, os.Remove(files[0]))
	r = s.as(t, "user2", "audit archive --stream Org1MSP/line-1 --archive bare")
	require.Equal(t, statusRefuted, r.status)
	require.Contains(t, r.out, "FAIL  Org1MSP/line-1, batch 2  the archive does not have the batch\n")
}

func TestFindingsAreShownWithNumbersAndWhatCannotBeTold(t *testing.T) {
	var out bytes.Buffer
	stream, pump := name.New("Org1MSP", "s"), name.New("Org1MSP", "pump-1")
	require.NoError(t, printFindings(&out, fsck.Report{
		Batches: 7, Readings: 70, Pending: 1, Omitted: 3, Undecided: []string{"Whether."},
		Devices: []fsck.DeviceReport{{Device: pump, Missing: 4, Listed: []fsck.Range{{From: 2, To: 3}, {From: 9, To: 9}}, Repudiated: 1, Why: "broken"}},
		Faults: []fsck.Fault{{
			Stream: stream, Batches: fsck.Range{From: 2, To: 4}, Device: pump, Readings: 3, Numbers: []fsck.Range{{From: 5, To: 7}}, What: "not signed\x1b",
		}},
	}))
	require.Equal(t, unindent(`
		7 batches, 70 readings of 1 device compared with the ledger, 1 pending
		missing: 4 numbers of Org1MSP/pump-1: 2-3, 9 and 1 more
		disowned: 1 reading of Org1MSP/pump-1: broken
		FAIL  Org1MSP/s, batches 2-4  not signed�: 3 readings of Org1MSP/pump-1, numbers 5-7
		and 3 further faults
		cannot tell: Whether.
		`), out.String())
}

func TestAVerdictOnAnArchiveIsItsExitStatus(t *testing.T) {
	require.NoError(t, archiveVerdict(fsck.Report{}))
	require.Equal(t, verdict(statusCannotTell), archiveVerdict(fsck.Report{Undecided: []string{"x"}}))
	require.Equal(t, verdict(statusRefuted), archiveVerdict(fsck.Report{Undecided: []string{"x"}, Omitted: 1}))
}

func TestThePaceSaysHowLongIsLeft(t *testing.T) {
	p := fsck.Progress{Stream: name.New("Org1MSP", "s"), Done: 100, Total: 400, Readings: 50_000}
	require.Equal(t, "Org1MSP/s: 100 of 400 batches, 50000 readings; 50 batches/s, 25000 readings/s, 6s left", paceOf(p, 2*time.Second))
	require.Equal(t, "Org1MSP/s: 100 of 400 batches, 50000 readings", paceOf(p, 0))
}
