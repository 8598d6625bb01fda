// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
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
