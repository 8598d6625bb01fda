// SPDX-License-Identifier: Apache-2.0

package up

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/reading/name"
)

// hints are the commands to try next, ready to be copied into another terminal.
func (w *world) hints() string {
	sim := name.New(w.profile.MSPID, w.fleet.IDs()[0])
	statement, trust := w.path("statements", sim.ID+".cose"), w.path(trustFile)
	profile := w.cfg.Fabric
	if profile == "" {
		profile = w.path("profile.json")
	}
	run := func(format string, args ...any) string { return w.cfg.Program + " " + fmt.Sprintf(format, args...) }
	var b strings.Builder
	section := func(title string, lines ...string) {
		fmt.Fprintf(&b, "  # %s\n", title)
		for _, l := range lines {
			fmt.Fprintf(&b, "  %s\n", l)
		}
	}
	fmt.Fprintf(&b, "\nAnchorline is up: broker %s, ledger %s at %s, stream %s, data in %s\n", w.broker.URL, w.profile.Ledger(), w.profile.Endpoint, w.stream(), w.cfg.Data)
	b.WriteString("Try in another terminal:\n\n")
	section("be a device: make a key, register it, publish a reading, verify its receipt",
		run("device new kitchen"),
		run("device register kitchen --profile %s", profile),
		run("device publish kitchen --broker %s --ledger %s --name temperature --unit Cel --value 21.5", w.broker.URL, profile))
	section("send garbage: it is quarantined, and disturbs nothing",
		"echo garbage | "+run("device publish %s --raw --broker %s", sim, w.broker.URL))
	if u, err := url.Parse(w.broker.URL); err == nil {
		section("the same with mosquitto's client",
			fmt.Sprintf("mosquitto_pub -h %s -p %s -q 1 -t %s -m garbage", u.Hostname(), u.Port(), mqtt.ReadingsTopic(sim)))
	}
	section("verify a reading's statement offline, and with what the organisations attest now",
		run("audit verify %s --trust %s", statement, trust),
		run("audit verify %s --trust %s --ledger %s", statement, trust, profile))
	section("ask the chaincode; the same with Fabric's own client (FABRIC_CFG_PATH is the config folder of its release)",
		run("device show %s --profile %s", sim, profile),
		w.peerQuery(sim))
	if w.apiURL != "" {
		section("ask the ledger over HTTP",
			fmt.Sprintf("curl %s/v1/devices/%s", w.apiURL, sim),
			fmt.Sprintf("curl -H 'Content-Type: application/cose' --data-binary @%s %s/v1/statements/verify", statement, w.apiURL))
	}
	section("derive every root again from the archive, and compare it with the ledger",
		run("audit archive --archive %s --stream %s --profile %s", w.path("bridge", "archive"), w.stream(), profile))
	b.WriteString("\n")
	return b.String()
}

// peerQuery is the command with which Fabric's peer CLI asks for a device.
func (w *world) peerQuery(device name.Name) string {
	p := w.profile
	return fmt.Sprintf("CORE_PEER_LOCALMSPID=%s CORE_PEER_MSPCONFIGPATH=%s CORE_PEER_ADDRESS=%s CORE_PEER_TLS_ENABLED=true CORE_PEER_TLS_ROOTCERT_FILE=%s"+
		` peer chaincode query -C %s -n %s -c '{"function":"devices:Get","Args":["%s"]}'`,
		p.MSPID, filepath.Dir(filepath.Dir(p.Certificate)), p.Endpoint, p.TLSCA, p.Channel, p.Chaincode, device)
}

// text is the report for people.
func (r Report) text() string {
	var b strings.Builder
	row := func(name string, format string, args ...any) {
		fmt.Fprintf(&b, "  %-18s %s\n", name, fmt.Sprintf(format, args...))
	}
	b.WriteString("\nBooks:\n")
	row("published", "%d by %d devices", r.Published, r.Devices)
	row("received", "%d = %d accepted + %d duplicates + %d quarantined", r.Received, r.Accepted, r.Duplicates, sum(r.Quarantined))
	for reason, n := range r.Quarantined {
		row("", "%d %s", n, reason)
	}
	row("anchored", "%d in %d batches, %d pending", r.Anchored, r.Batches, r.Pending)
	row("gaps", "%d sequence numbers missing", r.Gaps)
	row("receipts verified", "%d", r.ReceiptsVerified)
	if r.LedgerHeight != nil {
		row("ledger", "%d blocks%s", *r.LedgerHeight, size(r.LedgerBytes))
	}
	row("time", "%s", time.Duration(r.DurationSeconds*float64(time.Second)).Round(100*time.Millisecond))
	return b.String()
}

func size(n *int64) string {
	if n == nil {
		return ""
	}
	return fmt.Sprintf(", %.1f MiB on disk", float64(*n)/(1<<20))
}

func sum(counts map[string]uint64) uint64 {
	var n uint64
	for _, c := range counts {
		n += c
	}
	return n
}
