// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	out, status = command(t, dir, "", "device", "suspend", id, "--reason", "not mine", "--profile", otherProfile("org2-admin"))
	require.Equal(t, 1, status)
	require.Contains(t, out, "FORBIDDEN")
	require.Contains(t, must(t, dir, "", "device", "suspend", id, "--reason", "moved", "--profile", profileOf()), "suspended")
	require.Contains(t, must(t, dir, "", "device", "resume", id, "--reason", "back", "--profile", profileOf()), "active")
	must(t, dir, "", "device", "describe", id, "--type", "gate", "--attribute", "hall=3", "--profile", profileOf())
	must(t, dir, "", "device", "new", "next", "--key", "next.key")
	must(t, dir, "", "device", "rotate", id, "--new-key", "next.key", "--profile", profileOf())

	// A policy lets the other organisation read, until it is revoked.
	text := `permit (principal in Organisation::"Org2MSP", action == Action::"read", resource == Device::"` + id + `");`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "p.cedar"), []byte(text), 0o600))
	out, status = command(t, dir, "", "access", "decide", "read", id, "--profile", otherProfile("org2"))
	require.Equal(t, 1, status)
	require.Contains(t, out, "deny")
	must(t, dir, "", "policy", "put", id, "p.cedar", "--profile", otherProfile("org1-admin"))
	require.Contains(t, must(t, dir, "", "access", "decide", "read", id, "--profile", otherProfile("org2")), "allow")
	require.Contains(t, must(t, dir, "", "policy", "list", "--profile", otherProfile("org2")), id)
	require.Contains(t, must(t, dir, "", "policy", "show", id, "--owner", "Org1MSP", "--profile", profileOf()), id)
	must(t, dir, "", "policy", "revoke", id, "--reason", "over", "--profile", otherProfile("org1-admin"))
	_, status = command(t, dir, "", "access", "decide", "read", id, "--profile", otherProfile("org2"))
	require.Equal(t, 1, status)

	must(t, dir, "", "device", "offer", id, "--to", "Org2MSP", "--profile", profileOf())
	require.Contains(t, must(t, dir, "", "device", "accept", id, "--profile", otherProfile("org2-admin")), "Org2MSP")
	history := must(t, dir, "", "device", "history", id, "--profile", profileOf())
	require.GreaterOrEqual(t, strings.Count(history, "\n"), 7, history)
	require.Contains(t, must(t, dir, "", "device", "revoke", id, "--reason", "scrapped", "--profile", otherProfile("org2-admin")), "revoked")

	// Anchors.
	require.Contains(t, must(t, dir, "", "stream", "list", "--profile", profileOf()), stream)
	require.Contains(t, must(t, dir, "", "anchor", "list", stream, "--profile", profileOf()), "NUMBER")
	require.Contains(t, must(t, dir, "", "anchor", "show", stream, "1", "--json", "--profile", profileOf()), `"number": 1`)
	require.Contains(t, must(t, dir, "", "anchor", "head", stream, "--profile", profileOf()), "stands at batch")
	p.interrupt()
	require.Zero(t, p.wait(), p.output())
}
