// SPDX-License-Identifier: Apache-2.0

package witness_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit/fabric"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
)

var d = name.New("Org1MSP", "d")

func TestEveryBatchGetsItsBlockAndOneAttestationOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.anchor(3, d)
		stop := w.start()
		synctest.Wait()
		for n := uint64(1); n <= 3; n++ {
			e, err := w.archive.Evidence(n)
			require.NoError(t, err)
			require.Len(t, e.Blocks, 1)
			block, err := fabric.ParseBlock(e.Blocks[0])
			require.NoError(t, err)
			_, _, err = block.Find(w.chain.batches[n-1].Commit.TransactionID)
			require.NoError(t, err)
			require.Equal(t, []string{"Org1MSP and Org2MSP sign 1 to 3"}, w.attestations(n))
		}
		require.Equal(t, []name.Name{d}, w.chain.asked[0].Devices)

		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, w.chain.asked, 1, "nothing is asked while nothing is new")
		require.Equal(t, 3, w.chain.fetched)
		w.anchor(1, d)
		time.Sleep(interval)
		synctest.Wait()
		require.Equal(t, []string{"Org1MSP and Org2MSP sign 4 to 4"}, w.attestations(4))
		require.Equal(t, 1, w.blocks(4))
		require.NotEqual(t, w.chain.asked[0].Nonce, w.chain.asked[1].Nonce)
		stop()
	})
}

func TestARunHasAtMostThirtyTwoBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.anchor(70, d)
		stop := w.start()
		time.Sleep(interval)
		synctest.Wait()
		stop()
		require.Equal(t, []string{"Org1MSP and Org2MSP sign 33 to 64"}, w.attestations(33))
		require.Equal(t, []string{"Org1MSP and Org2MSP sign 65 to 70"}, w.attestations(70))
		for n := uint64(1); n <= 70; n++ {
			require.Len(t, w.attestations(n), 1)
			require.Equal(t, 1, w.blocks(n))
		}
	})
}

func TestDevicesAreAttestedWithTheirBatchesWhileThereIsRoom(t *testing.T) {
	var many []name.Name
	for i := range record.MaxAttestedDevices + 1 {
		many = append(many, name.New("Org2MSP", fmt.Sprintf("d-%03d", i)))
	}
	for count, want := range map[int]int{1: 1, record.MaxAttestedDevices: record.MaxAttestedDevices, len(many): 0} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.anchor(2, many[:count]...)
			stop := w.start()
			synctest.Wait()
			stop()
			require.Len(t, w.chain.asked[0].Devices, want)
		})
	}
}

func TestAnOrganisationThatIsAwayHoldsUpNobodyAndCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.chain.away["Org2MSP"] = true
		w.anchor(2, d)
		stop := w.start()
		synctest.Wait()
		require.Equal(t, []string{"Org1MSP sign 1 to 2"}, w.attestations(2))
		w.anchor(40, d)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, []string{"Org1MSP sign 3 to 34"}, w.attestations(3))
		require.Less(t, len(w.chain.asked), 25, "attempts must be far apart")
		require.Equal(t, 1, w.log.count("does not attest"), "said once")

		w.chain.set(func(c *chain) { c.away = nil })
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		for n := uint64(1); n <= 42; n++ {
			require.Len(t, w.attestations(n), 2, "batch %d", n)
		}
		require.Equal(t, 1, w.log.count("attests again"))
		w.anchor(1, d)
		time.Sleep(interval)
		synctest.Wait()
		require.Equal(t, []string{"Org1MSP and Org2MSP sign 43 to 43"}, w.attestations(43))
		stop()
	})
}

func TestOrganisationsThatDoNotSignTogetherSignApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.chain.apart = ledger.ErrUnavailable // their peers stand at different blocks
		w.anchor(2, d)
		stop := w.start()
		synctest.Wait()
		require.Equal(t, []string{"Org1MSP sign 1 to 2", "Org2MSP sign 1 to 2"}, w.attestations(1))
		require.Zero(t, w.log.count("does not attest"))
		stop()
	})
}

func TestACrashMeansOnlyThatTheRestIsCollectedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.anchor(2, d)
		w.start()()
		synctest.Wait()
		w.anchor(2, d)
		stop := w.start()
		synctest.Wait()
		stop()
		fetched, asked := w.chain.fetched, len(w.chain.asked)
		for n := uint64(1); n <= 4; n++ {
			require.Len(t, w.attestations(n), 1)
			require.Equal(t, 1, w.blocks(n))
		}
		stop = w.start()
		time.Sleep(time.Hour)
		synctest.Wait()
		stop()
		require.Equal(t, fetched, w.chain.fetched, "what the archive has is not asked for again")
		require.Len(t, w.chain.asked, asked)
	})
}

func TestAnAnswerThatIsNotOfOurBatchesIsNotKept(t *testing.T) {
	for title, lie := range map[string]func(a *record.Attestation){
		"another nonce":   func(a *record.Attestation) { a.Nonce = record.ZeroHash },
		"an anchor less":  func(a *record.Attestation) { a.Anchors = a.Anchors[:1] },
		"another anchor":  func(a *record.Attestation) { a.Anchors = append(a.Anchors[:1:1], a.Anchors[0]) },
		"another version": func(a *record.Attestation) { a.Version = 2 },
		"a fork": func(a *record.Attestation) {
			e := &a.Anchors[1]
			e.Anchor.Gaps = 7
			e.Hash, _ = e.Anchor.HashText()
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.chain.lie = lie
			w.anchor(2, d)
			stop := w.start()
			time.Sleep(time.Minute)
			synctest.Wait()
			stop()
			require.Empty(t, w.attestations(1), title)
			require.Equal(t, 2, w.log.count("does not attest"), title)
			require.Equal(t, 1, w.blocks(1), "blocks are another matter")
		})
	}
}

func TestWhoAttestsIsAskedForUntilItIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.chain.unknown = errors.New("the ledger is away")
		w.anchor(1, d)
		stop := w.start()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Empty(t, w.attestations(1))
		require.Equal(t, 1, w.log.count("not known by whom"))
		w.chain.set(func(c *chain) { c.unknown = nil })
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		require.Len(t, w.attestations(1), 1)

		w.chain.set(func(c *chain) { c.members = []string{"Org1MSP", "Org3MSP"} }) // the terms changed
		w.anchor(1, d)
		time.Sleep(interval)
		synctest.Wait()
		require.Equal(t, []string{"Org1MSP and Org3MSP sign 2 to 2"}, w.attestations(2))
		require.Len(t, w.attestations(1), 1, "who is new begins with what is new")
		stop()
	})
}

func TestABlockThatIsGoneIsLeftOutAndOneThatIsAwayIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.anchor(3, d)
		w.chain.noBlocks = ledger.ErrUnavailable
		stop := w.start()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Zero(t, w.blocks(1))
		require.Less(t, w.chain.fetched, 25)
		require.Equal(t, 1, w.log.count("blocks are not collected"))
		w.chain.set(func(c *chain) {
			c.noBlocks = nil
			delete(c.blocks, c.batches[1].Commit.TransactionID)
		})
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		stop()
		require.Equal(t, []int{1, 0, 1}, []int{w.blocks(1), w.blocks(2), w.blocks(3)})
		require.Equal(t, 1, w.log.count("no evidence that the anchor is in a block"))
	})
}
