// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/trust"
	"github.com/anchorline/anchorline/reading/receipt"
)

// pair is a statement and a trust.json as two verifiers get them.
type pair struct {
	what             string
	statement, trust []byte
}

// verdict is what both verifiers must agree on.
type verdict struct {
	OK       bool                       `json:"ok"`
	Fault    string                     `json:"fault"` // why there is no verdict; the words may differ
	Reached  []audit.Level              `json:"reached"`
	Outcomes map[audit.ID]audit.Outcome `json:"outcomes"`
	AsOf     *audit.State               `json:"asOf"`
}

// mutator makes pairs from the vectors.
type mutator struct {
	rand       *rand.Rand
	trusts     map[string][]byte
	names      []string
	statements map[string][]byte
	trustOf    map[string]string
}

func newMutator(t testing.TB, seed uint64) *mutator {
	t.Helper()
	m := &mutator{rand: rand.New(rand.NewPCG(seed, 1)), trusts: map[string][]byte{}, statements: map[string][]byte{}, trustOf: map[string]string{}}
	good, bad := expected(t)
	read := func(dir string, all map[string]expectation) {
		for name, e := range all {
			data, err := os.ReadFile(filepath.Join(vectorsFolder, dir, name))
			require.NoError(t, err)
			path := dir + "/" + name
			m.names, m.statements[path], m.trustOf[path] = append(m.names, path), data, e.Trust
		}
	}
	read("good", good)
	read("bad", bad)
	slices.Sort(m.names)
	for _, file := range []string{raftTrust, bftTrust, plainTrust} {
		text, err := os.ReadFile(filepath.Join(vectorsFolder, file))
		require.NoError(t, err)
		m.trusts[file] = text
	}
	return m
}

func (m *mutator) pick() string { return m.names[m.rand.IntN(len(m.names))] }

// next makes the next pair.
func (m *mutator) next() pair {
	name := m.pick()
	p := pair{what: name, statement: m.statements[name], trust: m.trusts[m.trustOf[name]]}
	switch m.rand.IntN(5) {
	case 0:
		p.statement = m.bytes(p.statement)
	case 1, 2:
		p.statement = m.mixed(p.statement)
	case 3:
		p.statement = m.bytes(m.mixed(p.statement))
	default:
		p.trust = m.text(p.trust)
	}
	return p
}

// bytes changes a few bytes.
func (m *mutator) bytes(data []byte) []byte {
	out := bytes.Clone(data)
	for range 1 + m.rand.IntN(3) {
		i := m.rand.IntN(len(out))
		switch m.rand.IntN(4) {
		case 0:
			out[i] ^= 1 << m.rand.IntN(8)
		case 1:
			out[i] = byte(m.rand.Uint32())
		case 2:
			out = slices.Delete(out, i, i+1)
		default:
			out = slices.Insert(out, i, out[m.rand.IntN(len(out))])
		}
	}
	return out
}

// mixed takes evidence of other statements to that of one, leaves some out, or repeats it.
func (m *mutator) mixed(data []byte) []byte {
	s, err := receipt.ParseStatement(data)
	if err != nil {
		return m.bytes(data)
	}
	e := s.Evidence
	for range 1 + m.rand.IntN(3) {
		o, err := receipt.ParseStatement(m.statements[m.pick()])
		if err != nil {
			continue
		}
		switch m.rand.IntN(6) {
		case 0:
			e.Attestations = slices.Concat(e.Attestations, o.Evidence.Attestations)
		case 1:
			e.Attestations = slices.Concat(o.Evidence.Attestations, e.Attestations)
		case 2:
			e.Blocks = slices.Concat(o.Evidence.Blocks, e.Blocks)
		case 3:
			e.Envelope = o.Evidence.Envelope
		case 4:
			e.Blocks, e.Attestations = slices.Concat(e.Blocks, e.Blocks), slices.Concat(e.Attestations, e.Attestations)
		default:
			e.Blocks = nil
		}
	}
	mixed, err := receipt.NewStatement(s.Reading.Bytes(), s.Receipt.Bytes(), s.Anchor, e)
	if err != nil {
		return m.bytes(data)
	}
	return mixed
}

// text changes trust.json where parsers of JSON differ.
func (m *mutator) text(text []byte) []byte {
	swaps := [][2]string{
		{`"attestations": 2`, `"attestations": 2.0`}, {`"attestations": 2`, `"attestations": 2e0`}, {`"attestations": 2`, `"attestations": 02`},
		{`"attestations": 2`, `"attestations": "2"`}, {`"attestations": 2`, `"attestations": null`}, {`"attestations": 2`, `"attestations": 1`},
		{`"attestations": 2`, `"attestations": -0`}, {`"attestations": 2`, `"attestations": 2, "attestations": 1`},
		{`"attestations": 2`, `"Attestations": 2`}, {`"attestations": 2`, `"attestations": 2, "attest\u0061tions": 1`},
		{`"attestations": 2`, `"attestations": 3`}, {`"attestations": 2`, `"attestations": 18446744073709551618`},
		{`"version": 1`, `"version": 1.0`}, {`"version": 1`, `"version": 1e0`}, {`"version": 1`, `"version": null`}, {`"version": 1`, `"version": true`},
		{`"peerUnit": "peer"`, `"peerUnit": ""`}, {`"peerUnit": "peer"`, `"peerUnit": null`}, {`"peerUnit": "peer"`, `"peerUnit": "client"`},
		{`"peerUnit": "peer"`, `"peerUnit": "p\u0065er"`}, {`"peerUnit": "peer"`, `"peerUnit": "\ud800"`}, {`"peerUnit": "peer"`, `"ordererUnit": "peer"`},
		{`"mspId": "Org2MSP"`, `"mspId": "Org1MSP"`}, {`"mspId": "Org2MSP"`, `"mspId": "Org1MSP "`}, {`"mspId": "Org2MSP"`, `"mspId": "Org\u0032MSP"`},
		{`"mspId": "Org2MSP"`, `"mspId": "ORG2MSP"`}, {`"mspId": "Org2MSP"`, `"mspid": "Org2MSP"`}, {`"mspId": "Org2MSP"`, `"mspId": null`},
		{`"signatures": 1`, `"signatures": 0`}, {`"signatures": 3`, `"signatures": 2`}, {`"signatures": 3`, `"signatures": 3.0`},
		{`"id": 2`, `"id": 1`}, {`"id": 2`, `"id": 4294967298`}, {`"id": 2`, `"id": -2`}, {`"id": 2`, `"id": 2.0`}, {`"id": 2`, `"id": 0`},
		{`\n`, `\r\n`}, {`\n`, ``}, {`\n`, ` \n`}, {`\n`, `\n\n`}, {`CERTIFICATE`, `TRUSTED CERTIFICATE`}, {`MII`, `MII\n`},
		{`"block": 3`, `"block": 9007199254740993`}, {`"block": 3`, `"block": 3, "extra": 1`}, {`"block": 3`, `"block": null`}, {`"block": 3`, `"block": -3`},
		{`{`, "\ufeff{"}, {`}`, `},`}, {`[`, `[null,`}, {`[`, `[[`}, {`"etcdraft"`, `"BFT"`}, {`"etcdraft"`, `"etcdRaft"`}, {`"type": "trust"`, `"type": "Trust"`},
		{`"mychannel/anchorline"`, `"mychannel/other"`}, {`"mychannel/anchorline"`, `"mychannel\/anchorline"`}, {`"mychannel/anchorline"`, `"mychannel/anchorline/x"`},
		{`"organisations": [`, `"organisations": null, "x": [`}, {`"intermediates": [`, `"revoked": null, "intermediates": [`}, {`"consenters": [`, `"consenters": null, "x": [`},
	}
	for range 20 {
		s := swaps[m.rand.IntN(len(swaps))]
		if count := bytes.Count(text, []byte(s[0])); count > 0 {
			return replaceOne(text, []byte(s[0]), []byte(s[1]), m.rand.IntN(count))
		}
	}
	return m.bytes(text)
}

// replaceOne replaces the n-th occurrence.
func replaceOne(text, from, to []byte, n int) []byte {
	at := 0
	for range n {
		at += bytes.Index(text[at:], from) + len(from)
	}
	at += bytes.Index(text[at:], from)
	return slices.Concat(text[:at], to, text[at+len(from):])
}

// inGo is the verdict of this package.
func inGo(p pair) (verdict, error) {
	pinned, err := trust.Parse(p.trust)
	if err != nil {
		return verdict{Fault: err.Error()}, nil
	}
	v, err := audit.NewVerifier(pinned, audit.Requirement{})
	if err != nil {
		return verdict{Fault: err.Error()}, nil
	}
	r := v.Verify(p.statement)
	out := verdict{OK: r.OK, Reached: r.Reached, Outcomes: map[audit.ID]audit.Outcome{}, AsOf: r.AsOf}
	for _, c := range r.Checks {
		out.Outcomes[c.ID] = c.Outcome
	}
	return out, nil
}

// inJavaScript are the verdicts of verify/js, made in one process of node.
func inJavaScript(t *testing.T, pairs []pair) []verdict {
	t.Helper()
	path, err := exec.LookPath("node")
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("NOT TESTED: node is not installed, so the two verifiers were not compared; install Node.js 20 or later")
	}
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var in, out bytes.Buffer
	for _, p := range pairs {
		require.NoError(t, json.NewEncoder(&in).Encode(map[string][]byte{"statement": p.statement, "trust": p.trust}))
	}
	cmd := exec.CommandContext(ctx, path, "../verify/js/testing/many.js")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, os.Stderr
	require.NoError(t, cmd.Run())
	var verdicts []verdict
	lines := bufio.NewReader(&out)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		var v verdict
		require.NoError(t, json.Unmarshal(line, &v))
		verdicts = append(verdicts, v)
	}
	require.Len(t, verdicts, len(pairs))
	return verdicts
}

// How many changed statements and trusts the two verifiers are compared with, and which.
var (
	mutations = flag.Int("mutations", 400, "compare the verifiers in Go and in JavaScript with so many changed statements")
	seed      = flag.Uint64("seed", 1, "of the changes with which the verifiers are compared")
)

func TestBothVerifiersSayTheSame(t *testing.T) {
	m := newMutator(t, *seed)
	var pairs []pair
	for _, name := range m.names {
		pairs = append(pairs, pair{what: name, statement: m.statements[name], trust: m.trusts[m.trustOf[name]]})
	}
	for range *mutations {
		pairs = append(pairs, m.next())
	}
	differ := 0
	for i, js := range inJavaScript(t, pairs) {
		p := pairs[i]
		golang, err := inGo(p)
		require.NoError(t, err)
		if difference := compare(golang, js); difference != "" {
			differ++
			t.Errorf("%d %s: %s\nGo %+v\nJS %+v\ntrust %s", i, p.what, difference, golang, js, changed(m.trusts[m.trustOf[p.what]], p.trust))
		}
	}
	t.Logf("%d of %d differ", differ, len(pairs))
}

// changed shows where one text begins to differ from another.
func changed(from, to []byte) string {
	i := 0
	for i < min(len(from), len(to)) && from[i] == to[i] {
		i++
	}
	return fmt.Sprintf("from %q to %q", from[max(0, i-30):min(len(from), i+30)], to[max(0, i-30):min(len(to), i+30)])
}

// compare names a difference that a reader of one verdict would be misled by.
func compare(a, b verdict) string {
	switch {
	case (a.Fault == "") != (b.Fault == ""):
		return "one refuses the trust"
	case a.Fault != "":
		return ""
	case a.OK != b.OK:
		return "one is ok"
	case a.Outcomes[audit.StatementFormat] != b.Outcomes[audit.StatementFormat]:
		return "one reads the statement"
	case a.refuted() != b.refuted():
		return "one is refuted"
	case !slices.Equal(a.Reached, b.Reached) && !a.refuted():
		return "the levels"
	case a.OK && *a.AsOf != *b.AsOf:
		return "the states"
	}
	return ""
}

func (v verdict) refuted() bool {
	for _, o := range v.Outcomes {
		if o == audit.Failed {
			return true
		}
	}
	return false
}
