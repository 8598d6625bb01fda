// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/online"
	"github.com/anchorline/anchorline/internal/testnet"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// organisations own devices and run bridges.
var organisations = []string{"Org1MSP", "Org2MSP"}

// A world is a network on which histories happen, one after the other.
type world struct {
	users, admins []*party // by organisation
	channel       string
	verifier      *audit.Verifier
	histories     atomic.Int64
	total         tally
}

// A tally is what was compared.
type tally struct {
	histories, operations, batches, readings int
	// skewed are readings on which the clocks of clients say otherwise than the ledger's order.
	skewed int
	// verdicts are those of the verifier that were compared, and unplaced those, by the evidence, in which
	// it went by clocks that were wrong, and said so: the evidence does not hold the place of the change.
	verdicts int
	unplaced map[string]int
	// cut are readings whose device and stream changed so often that evidence of the end was not compared.
	cut int
	// rulings are how often readings, and their receipts, had which ruling.
	rulings map[string]int
}

// count counts a reading.
func (t *tally) count(v truth) {
	t.readings++
	switch {
	case !v.registered:
		t.rulings["no such device"]++
	case v.device.repudiated:
		t.rulings["disowned"]++
	default:
		t.rulings[v.device.reason]++
	}
	if v.stream.repudiated {
		t.rulings["receipt disowned"]++
	} else {
		t.rulings["receipt "+v.stream.reason]++
	}
}

func newWorld(t *testing.T) *world {
	n := testnet.Start(t)
	for _, role := range []string{"registrar", "bridge"} {
		n.Transact("Org2MSP", "roles:Grant", `{"role":"`+role+`","unit":"client"}`)
	}
	w := &world{total: tally{rulings: map[string]int{}, unplaced: map[string]int{}}}
	for _, msp := range organisations {
		w.users = append(w.users, connect(t, n, msp, "User1"))
		w.admins = append(w.admins, connect(t, n, msp, "Admin"))
	}
	profile := w.users[0].ledger.Profile()
	w.channel = profile.Channel
	trusted, err := online.Trust(t.Context(), w.users[0].ledger, profile.Ledger(), len(organisations))
	require.NoError(t, err)
	w.verifier, err = audit.NewVerifier(trusted, audit.Requirement{})
	require.NoError(t, err)
	return w
}

// user is the user, or administrator, of an organisation.
func of(parties []*party, msp string) *party {
	for _, p := range parties {
		if p.msp == msp {
			return p
		}
	}
	return nil
}

// A history is what happens on a ledger, and the model of it.
type history struct {
	t       *rapid.T
	test    *testing.T
	world   *world
	prefix  string // of all names of the history
	place   int    // of the last transaction
	keys    uint16 // made so far
	devices []*device
	streams []*stream
	log     []string
	dir     string
}

func newHistory(t *testing.T, rt *rapid.T, w *world) *history {
	h := &history{t: rt, test: t, world: w, prefix: fmt.Sprintf("h%d-", w.histories.Add(1)), dir: t.TempDir()}
	for _, msp := range organisations {
		h.openStream(msp)
	}
	for i := range 4 {
		d := &device{name: name.New(organisations[i%len(organisations)], fmt.Sprintf("%sd%d", h.prefix, i+1)), next: h.newKey()}
		h.devices = append(h.devices, d)
	}
	h.register(h.devices[0])
	h.register(h.devices[1])
	return h
}

func (h *history) note(format string, args ...any) {
	h.log = append(h.log, fmt.Sprintf(format, args...))
}

// String tells the history.
func (h *history) String() string {
	return "The history, each with its place, block, index, and the time that its client claimed:\n" + strings.Join(h.log, "\n") + "\n"
}

// newKey is a key of the history: the next of always the same.
func (h *history) newKey() cose.Signer {
	h.keys++
	seed := make([]byte, ed25519.SeedSize)
	binary.BigEndian.PutUint16(seed, h.keys)
	copy(seed[2:], h.prefix)
	s, err := cose.NewSigner(ed25519.NewKeyFromSeed(seed))
	h.require(err, "make a key")
	return s
}

func TestEveryJudgeOfAReadingAgrees(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistory(t, rt, w)
		n := rapid.IntRange(*operations*2/3, *operations*4/3).Draw(rt, "operations")
		for range n {
			h.operate()
		}
		h.finish()
		h.compare()
		w.total.histories++
		w.total.operations += h.place
	})
	n := w.total
	t.Logf("%d histories, %d transactions, %d batches, %d readings compared; on %d the clients' clocks say otherwise than the ledger's order",
		n.histories, n.operations, n.batches, n.readings, n.skewed)
	t.Logf("%d verdicts of the verifier compared; those that went by clocks which were wrong, and said that they went by clocks: %v; %d with more changes than the ledger is asked about; rulings: %v",
		n.verdicts, n.unplaced, n.cut, n.rulings)
}

// detailsOf are the words of the peers about a refused call.
func detailsOf(err error) (said []string) {
	for _, d := range status.Convert(err).Details() {
		if e, ok := d.(*gateway.ErrorDetail); ok {
			said = append(said, e.GetMspId()+": "+e.GetMessage())
		}
	}
	return said
}
