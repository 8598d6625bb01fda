// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// otherProfile is the profile of another identity than up's own: "org1-admin", "org2", "org2-admin".
func otherProfile(name string) string {
	if fabricProfile != "" {
		return filepath.Join(filepath.Dir(fabricProfile), "profile-"+name+".json")
	}
	return filepath.Join("data", "profile-"+name+".json")
}

func TestOrganisationsGovernTheirOwnFromTheShell(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, upArgs(t, "", "--rate", "10/s", "--devices", "2")...)
	p.until("msg=anchored")
	stream := hint(t, p.output(), ", stream ", ",")
	id := fmt.Sprintf("gate-%x", rand.Uint32())
	unit := fmt.Sprintf("unit-%x", rand.Uint32())

	// Roles: only an administrator grants, only inside the own organisation.
	require.Contains(t, must(t, dir, "", "role", "whoami", "--profile", profileOf()), "Org1MSP")
	out, status := command(t, dir, "", "role", "grant", "auditor", "--unit", unit, "--profile", profileOf())
	require.Equal(t, 1, status)
	require.Contains(t, out, "FORBIDDEN")
	must(t, dir, "", "role", "grant", "auditor", "--unit", unit, "--profile", otherProfile("org2-admin"))
	require.Contains(t, must(t, dir, "", "role", "list", "--profile", otherProfile("org2")), unit)
	require.NotContains(t, must(t, dir, "", "role", "list", "--profile", profileOf()), unit)
	must(t, dir, "", "role", "revoke", "auditor", "--unit", unit, "--profile", otherProfile("org2-admin"))

	// A device's life: suspended, resumed, described, rotated, transferred.
	must(t, dir, "", "device", "new", id)
	must(t, dir, "", "device", "register", id, "--profile", profileOf())
	out, status = command(t, dir, "", "device", "suspend", "Org1MSP/"+id, "--reason", "not mine", "--profile", otherProfile("org2-admin"))
	require.Equal(t, 1, status)
	require.Contains(t, out, "the profile is of Org2MSP")
	require.Contains(t, must(t, dir, "", "device", "suspend", id, "--reason", "moved", "--profile", profileOf()), "suspended")
	require.Contains(t, must(t, dir, "", "device", "resume", id, "--reason", "back", "--profile", profileOf()), "active")
	must(t, dir, "", "device", "describe", id, "--type", "gate", "--attribute", "hall=3", "--profile", profileOf())
	must(t, dir, "", "device", "new", "next", "--key", "next.key")
	must(t, dir, "", "device", "rotate-key", id, "--new-key", "next.key", "--profile", profileOf())

	// Devices sign for themselves, and a registrar registers them by the file.
	var requests strings.Builder
	for _, n := range []string{"a", "b"} {
		must(t, dir, "", "device", "new", id+n)
		requests.WriteString(must(t, dir, "", "device", "request", id+n, "--owner", "Org1MSP", "--channel", "mychannel", "--attribute", "row="+id))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "row.jsonl"), []byte(requests.String()), 0o600))
	require.Contains(t, must(t, dir, "", "device", "import", "row.jsonl", "--profile", profileOf()), "2 devices registered, 0 were before")
	require.Contains(t, must(t, dir, "", "device", "import", "row.jsonl", "--profile", profileOf()), "0 devices registered, 2 were before")
	require.Equal(t, 3, strings.Count(must(t, dir, "", "device", "list", "--attribute", "row="+id, "--profile", profileOf()), "\n"))
	require.Contains(t, must(t, dir, "", "device", "key-at", id, time.Now().UTC().Add(time.Hour).Format(time.RFC3339), "--profile", profileOf()), "trusted      yes")

	// A policy lets the other organisation read, until it is revoked.
	text := `permit (principal in Organisation::"Org2MSP", action == Action::"read", resource == Device::"Org1MSP/` + id + `");`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "p.cedar"), []byte(text), 0o600))
	out, status = command(t, dir, "", "access", "decide", "read", "Org1MSP/"+id, "--profile", otherProfile("org2"))
	require.Equal(t, 1, status)
	require.Contains(t, out, "deny")
	must(t, dir, "", "policy", "put", id, "p.cedar", "--profile", otherProfile("org1-admin"))
	require.Contains(t, must(t, dir, "", "access", "decide", "read", "Org1MSP/"+id, "--profile", otherProfile("org2")), "allow")
	out, status = command(t, dir, "", "access", "request", "read", "--owner", "Org1MSP", "--attribute", "row="+id, "--profile", otherProfile("org2"))
	require.Equal(t, 1, status, out)
	require.Contains(t, must(t, dir, "", "access", "request", "read", "Org1MSP/"+id, "--purpose", "of "+id, "--profile", otherProfile("org2")), "asked by  Org2MSP")
	require.Contains(t, must(t, dir, "", "access", "list", "--profile", profileOf()), "of "+id)
	require.Contains(t, must(t, dir, "", "policy", "history", id, "--profile", profileOf()), "Org1MSP/"+id+"  1         yes")
	require.Contains(t, must(t, dir, "", "policy", "list", "--profile", otherProfile("org2")), id)
	require.Contains(t, must(t, dir, "", "policy", "show", "Org1MSP/"+id, "--profile", profileOf()), id)
	must(t, dir, "", "policy", "revoke", id, "--reason", "over", "--profile", otherProfile("org1-admin"))
	_, status = command(t, dir, "", "access", "decide", "read", "Org1MSP/"+id, "--profile", otherProfile("org2"))
	require.Equal(t, 1, status)

	must(t, dir, "", "device", "offer", id, "--to", "Org2MSP", "--profile", profileOf())
	require.Contains(t, must(t, dir, "", "device", "accept", "Org1MSP/"+id, "--key", "next.key", "--profile", otherProfile("org2-admin")), "Org2MSP/"+id)
	require.Contains(t, must(t, dir, "", "device", "show", id, "--profile", profileOf()), "transferred")
	history := must(t, dir, "", "device", "history", id, "--profile", profileOf())
	require.GreaterOrEqual(t, strings.Count(history, "\n"), 7, history)
	require.Contains(t, must(t, dir, "", "device", "revoke", id, "--reason", "scrapped", "--profile", otherProfile("org2-admin")), "revoked")

	// Anchors.
	require.Contains(t, must(t, dir, "", "stream", "list", "--profile", profileOf()), stream)
	require.Contains(t, must(t, dir, "", "anchor", "list", stream, "--profile", profileOf()), "NUMBER")
	require.Contains(t, must(t, dir, "", "anchor", "show", stream, "1", "--json", "--profile", profileOf()), `"number": 1`)
	now := time.Now().UTC()
	require.Contains(t, must(t, dir, "", "anchor", "list", stream, "--since", now.Add(-time.Hour).Format(time.RFC3339), "--profile", profileOf()), stream)
	must(t, dir, "", "anchor", "list", "--day", now.Format(time.DateOnly), "--profile", profileOf())
	require.Contains(t, must(t, dir, "", "stream", "show", stream, "--profile", profileOf()), "head    batch ")
	require.Contains(t, must(t, dir, "", "consortium", "show", "--profile", profileOf()), "terms in force: Org1MSP, Org2MSP; ")
	must(t, dir, "", "equivocation", "list", "--stream", stream, "--profile", profileOf())
	require.Contains(t, must(t, dir, "", "anchor", "head", stream, "--profile", profileOf()), "stands at batch")
	p.interrupt()
	require.Zero(t, p.wait(), p.output())
}
