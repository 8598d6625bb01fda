// SPDX-License-Identifier: Apache-2.0

package simulate_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/network/devnet/internal/simulate"
)

// TestASummaryIsWhatFabricsOwnCodeComputes compares with what Fabric 3.1.5's
// rwsetutil.RangeQueryResultsHelper gave for the same reads.
func TestASummaryIsWhatFabricsOwnCodeComputes(t *testing.T) {
	for _, want := range []struct {
		count, reads int
		level        uint32
		hashes       int
		digest       string // of the hashes, one after the other
	}{
		{0, 0, 0, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{1, 1, 0, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{50, 50, 0, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{51, 0, 1, 1, "255b7a100013db5509a721ffbb0051d3a4e875d4a2cb41bb381d91326e7a8d45"},
		{52, 0, 1, 2, "778a7cc48b73ecc57598b69b7bf651f21ba7c11122e26b32080f2bd401ff3f54"},
		{102, 0, 1, 2, "bdc93dfbfc91edea18d40ff9f9fbd1acdd90ab09fd951b5337f50cf6d2f1b999"},
		{2550, 0, 1, 50, "d2078742af4bb17d08d6ed611a0374c41479b7401cd8c65bb91f95ddc64d4b38"},
		{2600, 0, 2, 1, "d0a5a5248782eb1fd2643212b0da42039d42fecefba7405fce8e59858974f9ad"},
		{2601, 0, 2, 1, "38a77a43b43f73e1bc676c1074ebfa773d0076afcf07f601028b148724706dcb"},
		{2602, 0, 2, 2, "1a8a443f5312245f6360b3417a12a7e8644628f04b549921751381ab1232e27d"},
		{2652, 0, 2, 2, "6d3634b312fbd51996c51d02c01c036ed6b920a8c729490a39057368d569b272"},
		{2653, 0, 2, 2, "fafa603e881013b7aa8b922d2e13297c497c87d205ebae2c2f6d96b98be3e8d2"},
		{5202, 0, 2, 2, "71a05bc11a530d01655e2a462abbd5e1e83087b8d16e702bd07402d478e882d0"},
		{7000, 0, 2, 3, "8de260429ac38ea74138b8f3baf81428a0d058ebc4f296b180b965e73b8e77ed"},
		{100000, 0, 2, 39, "a421e3cd281fb2b2c93eb8717871268ea47f6d69cf13f90a5bd14f45840ccf69"},
	} {
		var s simulate.Summary
		for i := range want.count {
			require.NoError(t, s.Add(&kvrwset.KVRead{
				Key: fmt.Sprintf("key%06d", i), Version: &kvrwset.Version{BlockNum: uint64(i), TxNum: uint64(i % 7)},
			}))
		}
		reads, summary, err := s.Done()
		require.NoError(t, err)
		digest := sha256.New()
		for _, hash := range summary.GetMaxLevelHashes() {
			digest.Write(hash)
		}
		require.Len(t, reads, want.reads, "%d results", want.count)
		require.Equal(t, want.level, summary.GetMaxLevel(), "%d results", want.count)
		require.Len(t, summary.GetMaxLevelHashes(), want.hashes, "%d results", want.count)
		require.Equal(t, want.digest, hex.EncodeToString(digest.Sum(nil)), "%d results", want.count)
	}
}
