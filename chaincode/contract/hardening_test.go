// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/contract"
	"github.com/anchorline/anchorline/chaincode/record"
)

// garbage is what nobody should send.
func garbage(t testing.TB) [][]byte {
	seed := rand.Uint64()
	t.Logf("seed of the random bytes: %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	noise := make([]byte, 400)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	return [][]byte{
		nil, []byte("null"), []byte("{}"), []byte(`{"id":null}`), []byte("["), []byte("\x00"), []byte("\xff\xfe"),
		noise[:200], []byte(strings.ToValidUTF8(string(noise[200:]), "?")), bytes.Repeat([]byte("["), 50_000),
	}
}

func TestNothingThatIsProposedEndsTheChaincode(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	before, sent := w.processes(), garbage(t)
	for _, f := range contract.Functions() {
		for _, g := range sent {
			for _, count := range slices.Compact([]int{1, max(1, len(f.Parameters))}) {
				args := [][]byte{[]byte(f.Name())}
				for range count {
					args = append(args, g)
				}
				p := w.ledger.ProposeBytes(w.cc, w.admin1, args...)
				if p.Response.GetStatus() == 200 {
					require.True(t, f.Reads, "%s takes %.40q", f.Name(), g)
					continue
				}
				_, coded := record.ParseError(p.Response.GetMessage())
				require.True(t, coded, "%s with %d × %.40q: %.200s", f.Name(), count, g, p.Response.GetMessage())
			}
		}
	}
	w.query(w.admin2, "devices:Get", "Org1MSP/pump-1")
	require.Equal(t, before, w.processes(), "the same processes as before")
}

// processes are the chaincodes' processes on a real network, as the scripts that started them know
// them, with a sign of life; nil elsewhere, where they are a part of this process.
func (w *world) processes() map[string]string {
	if !*onFabric {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(realNet.network.Dir(), "run", "chaincode-*.pid"))
	require.NoError(w.t, err)
	found := map[string]string{}
	for _, file := range files {
		pid, start, _ := strings.Cut(string(readFile(w.t, file)), "\n")
		_, err := os.Stat(filepath.Join("/proc", pid))
		require.NoError(w.t, err, "%s ended", filepath.Base(file))
		found[file] = pid + " " + start
	}
	return found
}

func TestEveryChangeIsTheSameBytesOnEveryInstance(t *testing.T) {
	s := newStage(t)
	s.agree()
	for _, p := range permissions() {
		function, _, _ := strings.Cut(p.function, " ")
		role := strings.Fields(p.own)[0]
		msp := "Org1MSP"
		if function == "devices:Accept" {
			msp = "Org2MSP" // to which the device is offered
		}
		request := s.request(p.function, record.Active, msp)
		proposal := s.ledger.Propose(s.cc, s.people[msp][role], function, request)
		require.Empty(t, proposal.Response.GetMessage(), p.function)
		for range fewer(10, 1) {
			fresh, err := contract.New(contract.LocalMSP("Org1MSP"))
			require.NoError(t, err)
			s.sameAgain(fresh, proposal)
		}
	}
}
