// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/receipt"
)

func streamStory(t *testing.T, s *shell) {
	for _, name := range []string{"line-9", "next-9", "last-9"} {
		require.Zero(t, s.run(t, "device", "new", name).status)
	}
	s.prints(t, "no streams\n", "user1", "stream list")
	s.prints(t, `
		stream  Org1MSP/line-9
		bridge  HASH............................................................
		opened  TIME................ (HASH........…)
		key     KEY............. EdDSA, valid from TIME................ (HASH........…)
		`, "user1", "stream open line-9 --key line-9.key")
	opened := decodes[record.Stream](t, s, "user1", "stream open line-9 --key line-9.key")
	s.prints(t, `
		stream  Org1MSP/line-9
		bridge  HASH............................................................
		opened  TIME................ (HASH........…)
		key     KEY............. EdDSA, valid from TIME................ (HASH........…) until TIME................ (HASH........…)
		key     KEY............. EdDSA, valid from TIME................ (HASH........…)
		`, "user1", "stream rotate-key line-9 --key line-9.key --new-key next-9.key")
	rotated := decodes[record.Stream](t, s, "admin1", "stream rotate-key line-9 --new-key last-9.key --reason", "disk died")
	require.Len(t, rotated.Keys, 3)
	require.Equal(t, opened.Keys[0].ID, rotated.Keys[0].ID)
	require.Equal(t, "disk died", rotated.Keys[1].Reason)

	admin := decodes[ledger.Self](t, s, "admin1", "role whoami").Identity
	require.Equal(t, admin, decodes[record.Stream](t, s, "admin1", "stream set-bridge line-9", admin).Bridge)
	require.Contains(t, s.as(t, "admin1", "stream set-bridge line-9", opened.Bridge).out, "bridge  "+opened.Bridge+"\n")
	s.prints(t, `
		STREAM          BRIDGE         KEY               OPENED
		Org1MSP/line-9  HASH........…  KEY.............  TIME................
		`, "user2", "stream list")
	require.Equal(t, []record.Stream{decodes[streamState](t, s, "user1", "stream show line-9").Stream}, decodes[[]record.Stream](t, s, "user2", "stream list"))
	s.prints(t, `
		stream  Org1MSP/line-9
		bridge  HASH............................................................
		opened  TIME................ (HASH........…)
		key     KEY............. EdDSA, valid from TIME................ (HASH........…) until TIME................ (HASH........…)
		key     KEY............. EdDSA, valid from TIME................ (HASH........…) until TIME................ (HASH........…): disk died
		key     KEY............. EdDSA, valid from TIME................ (HASH........…)
		head    no anchor yet
		`, "user2", "stream show Org1MSP/line-9")
	stopped := decodes[record.Stream](t, s, "admin1", "stream stop line-9 --reason stolen")
	require.Equal(t, "stolen", stopped.Keys[2].Reason)
	require.Contains(t, s.as(t, "admin1", "stream stop line-9 --reason stolen").out, ": stolen\n")
	s.prints(t, "Org1MSP/line-9 has no anchor yet\n", "user2", "anchor head Org1MSP/line-9")
	s.prints(t, "no anchors\n", "user2", "anchor list Org1MSP/line-9")

	s.refuses(t, 1, []string{"NOT_FOUND"}, "user1", "stream show nothing")
	s.refuses(t, 1, []string{"stream.key", "--reason"}, "user1", "stream rotate-key line-9 --new-key last-9.key")
	s.refuses(t, 2, []string{"--key", "--reason"}, "user1", "stream rotate-key line-9 --key line-9.key --new-key last-9.key --reason x")
	s.refuses(t, 1, []string{"identity", "anchorline role whoami"}, "admin1", "stream set-bridge line-9 user2")
	s.refuses(t, 1, []string{"FORBIDDEN"}, "admin2", "stream open line-8 --key line-9.key")
}

// statement is one that up wrote.
func statement(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("up", "statements", "*.cose"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files[0]
}

func anchorStory(t *testing.T, s *shell) {
	r := runUp(t, s, "1s")
	require.Zero(t, r.status, r.out+r.err)

	entries := decodes[[]record.AnchorEntry](t, s, "user2", "anchor list Org1MSP/line-1 --limit 1000")
	require.Greater(t, len(entries), 1)
	last := entries[len(entries)-1]
	head := decodes[record.Head](t, s, "user2", "anchor head Org1MSP/line-1")
	require.Equal(t, last.Hash, head.Hash)
	s.prints(t, fmt.Sprintf("Org1MSP/line-1 stands at batch %d, anchor HASH%s, ledger time TIME................\n", len(entries), strings.Repeat(".", 60)), "user2", "anchor head Org1MSP/line-1")
	require.Contains(t, s.as(t, "user1", "stream show line-1").out, fmt.Sprintf("\nhead    batch %d, anchor ", len(entries)))

	r = s.as(t, "user2", fmt.Sprintf("anchor list Org1MSP/line-1 --from %d", len(entries)))
	heading, row, _ := strings.Cut(r.out, "\n")
	require.Equal(t, strings.Fields("STREAM NUMBER READINGS GAPS QUARANTINED BEGAN ENDED ROOT TRANSACTION"), strings.Fields(heading))
	a := last.Anchor
	require.Equal(t, []string{
		"Org1MSP/line-1", fmt.Sprint(a.Number), fmt.Sprint(a.Size), "0", "0", stamp(a.BridgeTime.First), stamp(a.BridgeTime.Last), a.Root[:12] + "…", last.TxID[:12] + "…",
	}, strings.Fields(row))

	newest := decodes[[]record.AnchorEntry](t, s, "user2", "anchor list Org1MSP/line-1 --limit 1")
	require.Equal(t, []record.AnchorEntry{last}, newest, "without --from the newest are listed")
	require.Equal(t, entries[:1], decodes[[]record.AnchorEntry](t, s, "user2", "anchor list Org1MSP/line-1 --from 1 --limit 1"))

	require.Equal(t, last, decodes[record.AnchorEntry](t, s, "user2", fmt.Sprintf("anchor show Org1MSP/line-1 %d", a.Number)))
	r = s.as(t, "user2", fmt.Sprintf("anchor show Org1MSP/line-1 %d", a.Number))
	require.Contains(t, r.out, "root         "+a.Root+"\n")
	require.Contains(t, r.out, "gaps         0\n")

	anchorTimes(t, s, entries)

	file := statement(t)
	r = s.as(t, "user2", "anchor verify", file)
	require.Zero(t, r.status, r.err)
	require.Regexp(t, `^included     yes\nsigned       yes, with key [0-9a-f]{16}\nstanding     .+\nreceipt      the stream's\nreading      \d+ of device Org1MSP/sim-\S+, device time 20\S+Z\nbatch        \d+ of stream Org1MSP/line-1\n`, r.out)
	inclusion := decodes[ledger.Inclusion](t, s, "user2", "anchor verify", file)
	require.True(t, inclusion.Included && inclusion.Signed)

	s.refuses(t, 1, []string{"admin1 is no statement"}, "user2", "anchor verify admin1")
	s.refuses(t, 1, []string{"missing.cose"}, "user2", "anchor verify missing.cose")
	s.refuses(t, 1, []string{"NOT_FOUND"}, "user2", "anchor show Org1MSP/line-1 999999")
	s.refuses(t, 1, []string{"NOT_FOUND"}, "user2", "anchor list nothing")
	s.refuses(t, 1, []string{"give a stream, or --day or --since"}, "user2", "anchor list")
	s.refuses(t, 1, []string{"--limit 0"}, "user2", "anchor list Org1MSP/line-1 --limit 0")
	s.refuses(t, 1, []string{"--until: give --since too"}, "user2", "anchor list Org1MSP/line-1 --until 2026-01-31T12:00:00Z")
	s.refuses(t, 1, []string{"--since 2099-01-01T00:00:00Z", "before --until"}, "user2", "anchor list Org1MSP/line-1 --since 2099-01-01T00:00:00Z")
	s.refuses(t, 1, []string{"366 days"}, "user2", "anchor list --since 2020-01-01T00:00:00Z")
	s.refuses(t, 2, []string{"--day", "want for example 2026-01-31"}, "user2", "anchor list --day today")
}

// runUp has a bridge of user1 anchor the readings of one device in the stream line-1.
func runUp(t *testing.T, s *shell, long string) result {
	t.Helper()
	return s.run(t, "up", "--fabric", "user1", "--data", "up", "--stream", "line-1", "--devices", "1", "--rate", "20/s",
		"--for", long, "--linger", "50ms", "--listen", "127.0.0.1:0")
}

// anchorTimes asks for anchors by day and by time.
func anchorTimes(t *testing.T, s *shell, entries []record.AnchorEntry) {
	t.Helper()
	first := entries[0].Anchor.BridgeTime.First
	began := func(e record.AnchorEntry) time.Time { return time.UnixMilli(e.Anchor.BridgeTime.First).UTC() }
	day := 24 * time.Hour
	var ofDay []record.AnchorEntry
	for _, e := range entries {
		if began(e).Truncate(day).Equal(time.UnixMilli(first).Truncate(day)) {
			ofDay = append(ofDay, e)
		}
	}
	date := time.UnixMilli(first).UTC().Format(time.DateOnly)
	for _, stream := range []string{"", "Org1MSP/line-1 "} {
		require.Equal(t, ofDay, decodes[[]record.AnchorEntry](t, s, "user2", "anchor list "+stream+"--limit 1000 --day "+date))
	}
	require.Len(t, decodes[[]record.AnchorEntry](t, s, "user2", "anchor list --limit 1 --day "+date), 1)
	s.prints(t, "no anchors\n", "user2", "anchor list Org1MSP/line-9 --day "+date)

	second := began(entries[1]).Format(time.RFC3339Nano)
	require.Equal(t, entries[1:], decodes[[]record.AnchorEntry](t, s, "user2", "anchor list Org1MSP/line-1 --limit 1000 --since "+second))
	require.Equal(t, entries[:1], decodes[[]record.AnchorEntry](t, s, "user2", "anchor list --until "+second+" --since",
		began(entries[0]).Add(-36*time.Hour).Format(time.RFC3339Nano)))
}

func equivocationStory(t *testing.T, s *shell) {
	s.prints(t, "no evidence of equivocation\n", "user1", "equivocation list")
	file := statement(t)
	s.refuses(t, 1, []string{"CONFLICT", "no equivocation"}, "user2", "equivocation report", file)

	// The stream's key signs the same reading into another anchor.
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	honest, err := receipt.ParseStatement(data)
	require.NoError(t, err)
	signer, err := device.ReadKey(filepath.Join("up", "bridge", "stream.key"))
	require.NoError(t, err)
	claims := honest.Receipt.Claims
	claims.Anchor[0] ^= 1
	leaf := honest.Reading.Bytes()
	signed, err := receipt.Sign(signer, merkle.LeafHash(leaf), claims)
	require.NoError(t, err)
	forged, err := receipt.NewStatement(leaf, signed.Receipt(1, 0, nil), honest.Anchor, receipt.Evidence{})
	require.NoError(t, err)
	writeFile(t, "forged.cose", string(forged))

	r := s.as(t, "user2", "anchor verify forged.cose")
	require.Equal(t, 1, r.status, "the ledger says no")
	require.Contains(t, r.out, "receipt      not the stream's: the receipt names the anchor ")
	want := `
		STREAM          NUMBER  CONTRADICTION  ANCHORED       CLAIMED        EVIDENCE  REPORTED BY  REPORTED              TRANSACTION
		Org1MSP/line-1  %-6d  other-anchor   HASH........…  HASH........…  receipt   Org2MSP      TIME................  HASH........…
		`
	s.prints(t, fmt.Sprintf(want, claims.Number), "user2", "equivocation report forged.cose")
	require.Equal(t, fmt.Sprintf("%x", claims.Anchor), decodes[record.EquivocationReport](t, s, "user2", "equivocation report forged.cose").Claimed)

	// The bridge itself states another anchor.
	var other record.Anchor
	require.NoError(t, json.Unmarshal(honest.Anchor, &other))
	other.Gaps++
	canonical, err := other.Encode()
	require.NoError(t, err)
	writeFile(t, "other.json", string(canonical))
	own := decodes[record.EquivocationReport](t, s, "user1", "equivocation report --anchor other.json")
	hash, err := other.HashText()
	require.NoError(t, err)
	require.Equal(t, hash, own.Claimed)
	r = s.as(t, "user1", "equivocation list --stream line-1")
	require.Equal(t, 3, strings.Count(r.out, "\n"), r.out)
	require.Contains(t, r.out, "the bridge's own anchor")
	require.Len(t, decodes[[]record.EquivocationReport](t, s, "admin2", "equivocation list"), 2)

	s.refuses(t, 1, []string{"either a statement or --anchor"}, "user1", "equivocation report")
	s.refuses(t, 1, []string{"either a statement or --anchor"}, "user1", "equivocation report forged.cose --anchor other.json")
	writeFile(t, "spaced.json", string(canonical)+"\n")
	s.refuses(t, 1, []string{"spaced.json: anchor: not in canonical form"}, "user1", "equivocation report --anchor spaced.json")
	s.refuses(t, 1, []string{"admin1 is no statement"}, "user1", "equivocation report admin1")
}

// repudiationStory audits what equivocationStory left: a forged statement, and evidence against the
// batch of an honest one.
func repudiationStory(t *testing.T, s *shell) {
	for file, check := range map[string]string{"forged.cose": "anchor.hash", statement(t): "repudiated"} {
		r := s.run(t, "audit", "verify", file, "--trust", "trust.json", "--ledger", "user2")
		require.Equal(t, statusRefuted, r.status, r.out+r.err)
		require.Regexp(t, "(?m)^FAIL  "+check+" ", r.out)
		require.Contains(t, r.out, "\nREFUTED: ")
	}
	r := s.run(t, "audit", "verify", statement(t), "--trust", "trust.json")
	require.Zero(t, r.status, "what it carries is of a state before the evidence")
}

// rotationStory replaces the key of a stream that a bridge writes, as its operator does.
func rotationStory(t *testing.T, s *shell) {
	require.Zero(t, s.run(t, "device", "new", "line-1", "--key", "new.key").status)
	key := filepath.Join("up", "bridge", "stream.key")
	old := readFile(t, statement(t))
	s.as(t, "user1", "stream rotate-key line-1 --new-key new.key --key", key)
	r := runUp(t, s, "100ms")
	require.Equal(t, 1, r.status, "the bridge has the old key")
	require.Contains(t, r.err, "stream.key")

	writeFile(t, key, readFile(t, "new.key"))
	r = runUp(t, s, "1s")
	require.Zero(t, r.status, r.out+r.err)
	writeFile(t, "old.cose", old)
	for _, file := range []string{"old.cose", statement(t)} {
		r := s.as(t, "user2", "anchor verify", file)
		require.Zero(t, r.status, r.out)
	}
	require.NotEqual(t, old, readFile(t, statement(t)))
}
