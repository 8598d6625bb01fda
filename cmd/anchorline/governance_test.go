// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/policy"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
)

func consortiumStory(t *testing.T, s *shell) {
	s.prints(t, `
		terms in force: none: the chaincode's endorsement policy governs every record

		no approvals
		`, "admin1", "consortium show")
	s.prints(t, `
		terms in force: none: the chaincode's endorsement policy governs every record

		MSP      APPROVED              ORGANISATIONS     OTHERS
		Org1MSP  TIME................  Org1MSP, Org2MSP  1
		`, "admin1", "consortium approve Org1MSP Org2MSP --others 1")
	state := decodes[ledger.Consortium](t, s, "admin2", "consortium approve Org2MSP Org1MSP --others 1")
	require.Equal(t, 1, state.Terms.Others)
	s.prints(t, `
		terms in force: Org1MSP, Org2MSP; the owner of a record and 1 other(s) endorse each change of it

		MSP      APPROVED              ORGANISATIONS     OTHERS
		Org1MSP  TIME................  Org1MSP, Org2MSP  1
		Org2MSP  TIME................  Org1MSP, Org2MSP  1
		`, "user2", "consortium show")
	require.Equal(t, state, decodes[ledger.Consortium](t, s, "user1", "consortium show"))

	s.refuses(t, 1, []string{"--others", "must be within 0 and 1"}, "admin1", "consortium approve Org1MSP Org2MSP --others 2")
	s.refuses(t, 1, []string{"names an organisation twice"}, "admin1", "consortium approve Org1MSP Org1MSP --others 1")
	s.refuses(t, 1, []string{"FORBIDDEN"}, "user1", "consortium approve Org1MSP Org2MSP --others 0")
	s.refuses(t, 2, []string{"--others"}, "admin1", "consortium approve Org1MSP")
}

func roleStory(t *testing.T, s *shell) {
	s.prints(t, `
		organisation  Org1MSP
		identity      HASH............................................................
		certificate   HASH............................................................
		units         client
		roles         none
		`, "user1", "role whoami")
	s.prints(t, `
		MSP      ROLE    GRANTED TO   IN FORCE  UPDATED
		Org1MSP  bridge  unit client  yes       TIME................
		`, "admin1", "role grant bridge --unit client")
	certificate := s.network.Profile("Org1MSP", "User1").Certificate
	g := decodes[map[string]any](t, s, "admin1", "role grant registrar --certificate", certificate)
	me := decodes[ledger.Self](t, s, "user1", "role whoami")
	require.Equal(t, map[string]any{"certificate": me.Certificate}, g["subject"])
	require.Len(t, me.Roles, 2)
	s.prints(t, `
		MSP      ROLE     GRANTED TO            IN FORCE  UPDATED
		Org2MSP  auditor  attribute dept=audit  yes       TIME................
		`, "admin2", "role grant auditor --attribute dept=audit")
	s.prints(t, `
		MSP      ROLE     GRANTED TO            IN FORCE  UPDATED
		Org2MSP  auditor  attribute dept=audit  no        TIME................
		`, "admin2", "role revoke auditor --attribute dept=audit")
	require.Equal(t, false, decodes[map[string]any](t, s, "admin2", "role revoke auditor --attribute dept=audit")["active"])
	s.as(t, "admin2", "role grant auditor --unit client")
	s.prints(t, `
		MSP      ROLE       GRANTED TO                                                                    IN FORCE  UPDATED
		Org1MSP  bridge     unit client                                                                   yes       TIME................
		Org1MSP  registrar  certificate HASH............................................................  yes       TIME................
		`, "user1", "role list")
	s.prints(t, `
		MSP      ROLE    GRANTED TO   IN FORCE  UPDATED
		Org1MSP  bridge  unit client  yes       TIME................
		`, "user2", "role list --msp Org1MSP --role bridge")
	require.Len(t, decodes[[]any](t, s, "user1", "role list --msp Org2MSP"), 2)
	s.prints(t, "no grants\n", "user1", "role list --role admin")

	s.refuses(t, 1, []string{"FORBIDDEN"}, "user1", "role grant admin --unit client")
	s.refuses(t, 2, []string{"--attribute", `"dept": want NAME=VALUE`}, "admin1", "role grant admin --attribute dept")
	s.refuses(t, 2, []string{"must be one of"}, "admin1", "role grant king --unit client")
	s.refuses(t, 2, []string{"--certificate", "--unit", "--attribute"}, "admin1", "role grant admin")
	s.refuses(t, 1, []string{"--certificate", "missing.pem"}, "admin1", "role grant admin --certificate missing.pem")
	s.refuses(t, 1, []string{"--certificate admin1", "0 PEM certificates"}, "admin1", "role grant admin --certificate admin1")
}

const readers = `permit (principal in Organisation::"Org2MSP", action == Action::"read", resource in Organisation::"Org1MSP");`

func policyStory(t *testing.T, s *shell) {
	writeFile(t, "readers.cedar", readers)
	writeFile(t, "flying.cedar", `permit (principal, action == Action::"fly", resource);`)
	s.prints(t, `
		POLICY           REVISION  IN FORCE  UPDATED               REASON
		Org1MSP/readers  1         yes       TIME................  -
		`, "admin1", "policy put readers readers.cedar")
	writeFile(t, "readers.cedar", "// All of them.\n"+readers+"\n")
	p := decodes[record.Policy](t, s, "admin1", "policy put readers readers.cedar")
	require.EqualValues(t, 2, p.Revision)
	s.prints(t, "// All of them.\n"+readers+"\n", "admin1", "policy show readers")
	s.prints(t, readers+"\n", "user2", "policy show Org1MSP/readers --revision 1")
	require.Equal(t, p, decodes[record.Policy](t, s, "user2", "policy show Org1MSP/readers"))
	writeFile(t, "night.cedar", "// \x1b[2J\n\t"+readers)
	s.as(t, "admin1", "policy put night night.cedar")
	require.Equal(t, "// \uFFFD[2J\n\t"+readers+"\n", s.as(t, "user2", "policy show Org1MSP/night").out)
	s.prints(t, `
		POLICY         REVISION  IN FORCE  UPDATED               REASON
		Org1MSP/night  2         no        TIME................  day shift only
		`, "admin1", "policy revoke night --reason", "day shift only")
	require.False(t, decodes[record.Policy](t, s, "admin1", "policy revoke night --reason again").Active)
	s.prints(t, "// revoked in revision 2: day shift only\n", "user1", "policy show night")
	s.prints(t, `
		POLICY           REVISION  IN FORCE  UPDATED               REASON
		Org1MSP/night    2         no        TIME................  day shift only
		Org1MSP/readers  2         yes       TIME................  -
		`, "user2", "policy list")
	require.Empty(t, decodes[[]record.Policy](t, s, "user2", "policy list --owner Org2MSP"))
	s.prints(t, "no policies\n", "user2", "policy list --owner Org2MSP")
	s.prints(t, `
		POLICY         REVISION  IN FORCE  UPDATED               REASON
		Org1MSP/night  2         no        TIME................  day shift only
		Org1MSP/night  1         yes       TIME................  -
		`, "user1", "policy history night")
	require.Len(t, decodes[[]record.Policy](t, s, "user2", "policy history Org1MSP/readers"), 2)

	require.Equal(t, "readers.cedar is good, checked by user2\n", s.run(t, "policy", "check", "readers.cedar", "--ledger", "user2").out)
	require.Equal(t, "readers.cedar is good, checked by this program\n", s.run(t, "policy", "check", "readers.cedar").out)
	require.Equal(t, policy.Schema, s.run(t, "policy", "schema", "--ledger", "user2").out)
	for _, by := range [][]string{{"--ledger", "user2"}, nil} {
		r := s.run(t, append([]string{"policy", "check", "flying.cedar"}, by...)...)
		require.Equal(t, 1, r.status)
		require.Contains(t, r.err, "flying.cedar: ")
		require.Contains(t, r.err, "line 1, column")
	}
	r := s.run(t, "policy", "schema", "--ledger", "user2", "--timeout", "0s")
	require.Equal(t, 2, r.status)
	require.Contains(t, r.err, "--timeout 0s: want a time")
	s.refuses(t, 2, []string{"--timeout -1s: want a time"}, "user2", "policy list --timeout=-1s")
	s.refuses(t, 1, []string{"flying.cedar: line 1, column"}, "admin1", "policy put flying flying.cedar")
	s.refuses(t, 1, []string{"missing.cedar"}, "admin1", "policy put x missing.cedar")
	s.refuses(t, 1, []string{"NOT_FOUND"}, "user2", "policy show readers")
	s.refuses(t, 1, []string{"NOT_FOUND"}, "user2", "policy history nothing")
	s.refuses(t, 1, []string{"FORBIDDEN"}, "user1", "policy put mine readers.cedar")
}

func accessStory(t *testing.T, s *shell) {
	r := s.as(t, "user2", "access decide read Org1MSP/gate-1")
	require.Zero(t, r.status, r.err)
	require.Regexp(t, `^allow: Org2MSP/[0-9a-f]{12}… asked to read Org1MSP/gate-1\n\n`+
		`DEVICE          DECISION  BECAUSE\nOrg1MSP/gate-1  allow     readers \(revision 2\)\n$`, r.out)
	d := decodes[record.Decision](t, s, "user2", "access decide read Org1MSP/gate-1 --purpose repair --data-from 2026-01-31T12:00:00Z --data-until 2026-02-01T12:00:00+01:00")
	require.Equal(t, record.AccessContext{Purpose: "repair", From: 1769860800000, Until: 1769943600000}, d.Query.Context)

	r = s.as(t, "user2", "access decide command Org1MSP/gate-1")
	require.Equal(t, 1, r.status, "a refusal is status 1")
	require.Contains(t, r.out, "Org1MSP/gate-1  deny      no policy permits it\n")
	r = s.as(t, "user2", "access decide read --owner Org1MSP --attribute hall=9")
	require.Equal(t, 1, r.status)
	require.Contains(t, r.out, "asked to read all of Org1MSP with hall=9\n\nno device matches, so nothing is allowed\n")
	r = s.as(t, "user1", "access decide read Org1MSP/gate-1 --as gate-1")
	require.Equal(t, 1, r.status, "the policy is about Org2MSP")
	require.Contains(t, r.out, "deny: device Org1MSP/gate-1 asked to read Org1MSP/gate-1")

	a := decodes[record.Access](t, s, "user2", "access request read Org1MSP/gate-1 --ttl 2h --purpose repair")
	require.Equal(t, int64(2*3600*1000), a.Expires-a.Decision.Time)
	r = s.as(t, "user2", "access request command Org1MSP/gate-1")
	require.Equal(t, 1, r.status, "a refusal goes on record too")
	r = s.as(t, "user2", "access request read Org1MSP/gate-1")
	require.Zero(t, r.status, r.err)
	require.Regexp(t, `\n\nid        [0-9a-f]{64}\nasked by  Org2MSP\nexpires   20\S+Z\n$`, r.out)
	require.Equal(t, a, decodes[record.Access](t, s, "user1", "access show", a.ID))
	r = s.as(t, "user1", "access show", a.ID)
	require.Contains(t, r.out, "allow: Org2MSP/")
	require.Contains(t, r.out, "asked by  Org2MSP")
	require.Len(t, decodes[[]record.Access](t, s, "user1", "access list"), 3)
	r = s.as(t, "user1", "access list")
	require.Regexp(t, `^DECISION  SUBJECT\s+ACTION   DEVICES         PURPOSE  DECIDED\s+EXPIRES\s+ID\n`, r.out)
	require.Regexp(t, `(?m)^allow     Org2MSP/[0-9a-f]{12}…  read     Org1MSP/gate-1  repair   20\S+Z  20\S+Z  `+a.ID+`$`, r.out)

	s.refuses(t, 1, []string{"give either a device, or --owner"}, "user2", "access decide read")
	s.refuses(t, 1, []string{"give either a device, or --owner"}, "user2", "access decide read Org1MSP/gate-1 --owner Org1MSP")
	s.refuses(t, 1, []string{"--attribute: goes with --owner"}, "user2", "access decide read Org1MSP/gate-1 --attribute a=b")
	s.refuses(t, 2, []string{"must be one of"}, "user2", "access decide fly gate-1")
	s.refuses(t, 2, []string{"--data-from", "want for example 2026-01-31T12:00:00Z"}, "user2", "access decide read Org1MSP/gate-1 --data-from yesterday")
	s.refuses(t, 1, []string{"--ttl -1h0m0s"}, "user2", "access request read Org1MSP/gate-1 --ttl=-1h")
	s.refuses(t, 1, []string{"NOT_FOUND"}, "user2", "access show "+record.ZeroHash)
}
