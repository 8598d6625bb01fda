// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
)

// precisely is a time of the ledger as a flag, to the millisecond.
func precisely(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano) }

func deviceStory(t *testing.T, s *shell) {
	for _, id := range []string{"gate-1", "gate-2", "next", "last"} {
		require.Zero(t, s.run(t, "device", "new", id).status)
	}
	s.prints(t, `
		device      Org1MSP/gate-1
		status      active
		type        gate
		attributes  hall=3, site=north
		registered  TIME................ (HASH........…)
		key         KEY............. EdDSA, valid from TIME................ (HASH........…)
		`, "user1", "device register gate-1 --type gate --attribute site=north --attribute hall=3")
	registered := decodes[record.Device](t, s, "user1", "device register Org1MSP/gate-2 --type pump --reporting-period 10m --digest "+record.ZeroHash)
	require.Equal(t, record.ZeroHash, registered.Profile)
	require.EqualValues(t, 600_000, registered.ReportingPeriod)
	require.Equal(t, registered, decodes[record.Device](t, s, "user2", "device show Org1MSP/gate-2"))
	s.prints(t, `
		DEVICE          STATUS  TYPE  ATTRIBUTES          KEY               ALGORITHM  REGISTERED
		Org1MSP/gate-1  active  gate  hall=3, site=north  KEY.............  EdDSA      TIME................
		Org1MSP/gate-2  active  pump  -                   KEY.............  EdDSA      TIME................
		`, "user2", "device list --owner Org1MSP")
	for _, only := range []string{"--attribute site=north", "--type gate"} {
		found := decodes[[]record.Device](t, s, "user2", "device list --status active "+only)
		require.Len(t, found, 1)
		require.Equal(t, "gate-1", found[0].ID)
	}
	s.prints(t, "no devices\n", "user1", "device list --status revoked")
	r := s.as(t, "user1", "device list --limit 1")
	require.Equal(t, 2, strings.Count(r.out, "\n"), "a heading and a device")
	require.Equal(t, "the first 1 of 2 devices; see more with --limit\n", r.err)
	require.Len(t, decodes[[]record.Device](t, s, "user1", "device list --limit 0"), 2)

	before := time.Now().UTC()
	s.prints(t, `
		device      Org1MSP/gate-1
		status      active
		type        gate
		attributes  hall=3, site=north
		registered  TIME................ (HASH........…)
		key         KEY............. EdDSA, valid from TIME................ (HASH........…) until TIME................ (HASH........…)
		key         KEY............. EdDSA, valid from TIME................ (HASH........…)
		`, "user1", "device rotate-key gate-1 --new-key next.key")
	second := decodes[record.Device](t, s, "user1", "device show gate-1").Keys[1].From.Time
	d := decodes[record.Device](t, s, "user1", "device rotate-key gate-1 --new-key last.key --compromised-since "+precisely(second)+" --reason", "fell into the river")
	require.Len(t, d.Keys, 3)
	require.Equal(t, "fell into the river", d.Keys[1].Reason)
	require.Equal(t, second, d.Keys[1].CompromisedSince)
	require.Contains(t, s.as(t, "user1", "device show gate-1").out, ": fell into the river, compromised since "+stamp(second)+"\n")
	s.prints(t, `
		device       Org1MSP/gate-1
		time         TIME................
		status then  active
		trusted      yes
		standing     ok: key KEY............. was a key of device Org1MSP/gate-1 at TIME................
		key          KEY............. EdDSA, valid from TIME................ (HASH........…) until TIME................ (HASH........…)
		`, "user2", "device key-at Org1MSP/gate-1", before.Format(time.RFC3339Nano))
	at := decodes[ledger.DeviceKey](t, s, "user2", "device key-at Org1MSP/gate-1", before.Format(time.RFC3339Nano))
	require.Equal(t, d.Keys[0].ID, at.Key.ID)

	require.Equal(t, "broken", decodes[record.Device](t, s, "user1", "device suspend gate-2 --reason broken").StatusReason)
	s.prints(t, `
		device            Org1MSP/gate-2
		status            suspended: broken
		type              pump
		profile digest    HASH............................................................
		reporting period  10m0s
		registered        TIME................ (HASH........…)
		suspended         from TIME................ (HASH........…)
		key               KEY............. EdDSA, valid from TIME................ (HASH........…)
		`, "user1", "device suspend gate-2 --reason broken")
	require.Equal(t, record.Active, decodes[record.Device](t, s, "user1", "device resume gate-2 --reason repaired").Status)
	require.Contains(t, s.as(t, "user1", "device resume gate-2 --reason repaired").out, "status            active: repaired\n")
	require.Equal(t, map[string]string{"hall": "4;5", "by": "a=b,c"},
		decodes[record.Device](t, s, "user1", "device describe gate-2 --attribute hall=4;5 --attribute by=a=b,c").Attributes)
	described := decodes[record.Device](t, s, "user1", "device describe gate-2 --type gate --attribute hall=6")
	require.Equal(t, map[string]string{"hall": "6", "by": "a=b,c"}, described.Attributes, "what is not named stays")
	require.Equal(t, record.ZeroHash, described.Profile)
	require.EqualValues(t, 600_000, described.ReportingPeriod)
	described = decodes[record.Device](t, s, "user1", "device describe gate-2 --remove type --remove digest --remove attribute.by --remove reporting-period")
	require.Equal(t, map[string]string{"hall": "6"}, described.Attributes)
	require.Empty(t, described.DeviceType+described.Profile)
	require.Zero(t, described.ReportingPeriod)
	require.NotContains(t, s.as(t, "user1", "device describe gate-2 --remove attribute.hall").out, "attributes")

	r = s.as(t, "user1", "device show gate-9")
	require.Equal(t, "anchorline: NOT_FOUND: device Org1MSP/gate-9 is not registered\n", r.err, "what says nothing to people is left out")
	s.refuses(t, 1, []string{"missing.json", "--profile", "anchorline network devnet"}, "missing.json", "device show gate-1")
	s.refuses(t, 1, []string{"gate-9.key", "anchorline device new gate-9"}, "user1", "device register gate-9")
	s.refuses(t, 1, []string{"ALREADY_EXISTS"}, "user1", "device register gate-2 --type other")
	s.refuses(t, 1, []string{"--new-key", "missing.key"}, "user1", "device rotate-key gate-1 --new-key missing.key")
	s.refuses(t, 1, []string{"--key", "missing.key", "--reason"}, "user1", "device rotate-key gate-1 --key missing.key --new-key next.key")
	s.refuses(t, 2, []string{"<time>", "want for example 2026-01-31T12:00:00Z"}, "user1", "device key-at gate-1 noon")
	s.refuses(t, 1, []string{"NOT_FOUND", "was not registered"}, "user1", "device key-at gate-1 2020-01-01T00:00:00Z")
	s.refuses(t, 1, []string{"Org1MSP/gate-1 is Org1MSP's", "the profile is of Org2MSP"}, "admin2", "device suspend Org1MSP/gate-1 --reason envy")
	s.refuses(t, 1, []string{"NOT_FOUND"}, "admin2", "device suspend gate-1 --reason envy")
	s.refuses(t, 1, []string{"not a name", `"a b"`}, "user1", "device show", "Org1MSP/a b")
	s.refuses(t, 1, []string{"nothing to change", "--remove"}, "user1", "device describe gate-1")
	s.refuses(t, 1, []string{"--remove \"site\": want type, digest, reporting-period or attribute.NAME"}, "user1", "device describe gate-1 --remove site")
	s.refuses(t, 2, []string{"--reporting-period", "want for example 10m"}, "user1", "device describe gate-1 --reporting-period 0s")
	s.refuses(t, 1, []string{"--compromised-since: give --reason"}, "user1", "device rotate-key gate-1 --new-key next.key --compromised-since 2026-01-31T12:00:00Z")
	s.refuses(t, 1, []string{"--limit -1"}, "user1", "device list --limit=-1")
	s.refuses(t, 2, []string{"--reason"}, "user1", "device suspend gate-1")
	s.refuses(t, 2, []string{"--reason: want 1 to 256 bytes that say why"}, "user1", "device suspend gate-1 --reason", " ")
	s.refuses(t, 2, []string{"--reason: want 1 to 256 bytes"}, "user1", "device rotate-key gate-1 --new-key next.key --reason", strings.Repeat("x", 257))
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
	require.Contains(t, s.as(t, "user1", "device show gate-2").out, "\noffered to  Org2MSP\n")
	s.refuses(t, 1, []string{"lacks its owner", "Org1MSP/pump-1"}, "admin2", "device accept gate-2")
	s.refuses(t, 1, []string{"FORBIDDEN"}, "user2", "device accept Org1MSP/gate-2")
	s.refuses(t, 2, []string{"--key", "--request"}, "admin2", "device accept Org1MSP/gate-2 --key gate-2.key --request x")

	// The device takes its new name by a request that it signed where its key is.
	r := s.run(t, "device", "request", "gate-22", "--key", "gate-2.key", "--owner", "Org2MSP", "--channel", "mychannel")
	require.Zero(t, r.status, r.err)
	writeFile(t, "gate-22.json", r.out)
	s.refuses(t, 1, []string{"is for id gate-22, not for --id other"}, "admin2", "device accept Org1MSP/gate-2 --request gate-22.json --id other")
	s.refuses(t, 1, []string{"gate-22.json: ", "proof"}, "admin1", "device accept Org2MSP/gate-2 --request gate-22.json")
	taken := decodes[record.Device](t, s, "admin2", "device accept Org1MSP/gate-2 --request gate-22.json")
	require.Equal(t, name.New("Org2MSP", "gate-22"), taken.Name())
	require.Equal(t, name.New("Org1MSP", "gate-2"), taken.TransferredFrom)
	require.Contains(t, s.as(t, "admin2", "device accept Org1MSP/gate-2 --key gate-2.key --id gate-22").out, "device      Org2MSP/gate-22\n", "again is a success")
	former := s.as(t, "user2", "device show Org1MSP/gate-2").out
	require.Contains(t, former, "status       transferred")
	require.Contains(t, former, "now          Org2MSP/gate-22\n")

	require.Zero(t, s.run(t, "device", "new", "carried").status)
	d := decodes[record.Device](t, s, "user1", "device rotate-key Org2MSP/gate-22 --key gate-2.key --new-key carried.key")
	require.Len(t, d.Keys, 2, "another organisation's bridge may carry what the old key signed")
	s.prints(t, `
		device             Org2MSP/gate-22
		status             revoked: stolen
		compromised since  TIME................
		before             Org1MSP/gate-2
		registered         TIME................ (HASH........…)
		revoked            TIME................ (HASH........…)
		key                KEY............. EdDSA, valid from TIME................ (HASH........…) until TIME................ (HASH........…)
		key                KEY............. EdDSA, valid from TIME................ (HASH........…) until TIME................ (HASH........…): stolen
		`, "admin2", "device revoke gate-22 --reason stolen --compromised-since "+precisely(taken.Registered.Time))
	d = decodes[record.Device](t, s, "admin2", "device revoke gate-22 --reason stolen --compromised-since "+precisely(taken.Registered.Time))
	require.Equal(t, record.Revoked, d.Status)
	require.Equal(t, taken.Registered.Time, d.CompromisedSince)
	s.refuses(t, 1, []string{"INVALID_ARGUMENT", "compromisedSince"}, "user1", "device revoke gate-1 --reason x --compromised-since 2020-01-31T12:00:00Z")
	at := s.as(t, "user1", "device key-at Org2MSP/gate-22", precisely(d.Registered.Time))
	require.Contains(t, at.out, "trusted      no\n")
	require.Contains(t, at.out, "repudiated   by Org2MSP at ")
	s.refuses(t, 2, []string{"--compromised-since", "RFC 3339"}, "admin2", "device revoke gate-22 --reason stolen --compromised-since noon")

	r = s.as(t, "user1", "device history Org2MSP/gate-22")
	require.Equal(t, unindent(`
		TIME                  STATUS   KEY               OFFERED TO  REASON  TRANSACTION
		TIME................  revoked  -                 -           stolen  HASH........…
		TIME................  active   KEY.............  -           -       HASH........…
		TIME................  active   KEY.............  -           -       HASH........…
		`), masked(r.out))
	require.Equal(t, record.Transferred, decodes[[]ledger.DeviceChange](t, s, "user1", "device history gate-2")[0].Device.Status)
}
