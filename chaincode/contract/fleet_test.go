// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

var devicesOnNetwork = flag.Int("devices", fleetOnNetwork, "on a network: devices to register and to list; 100000 takes minutes")

// TestAFleetIsRegisteredTogetherAndListedInSmallMessages registers devices 200 at a time, four
// transactions at once, and lists them with Fabric's client library as it is, which takes 4 MiB.
func TestAFleetIsRegisteredTogetherAndListedInSmallMessages(t *testing.T) {
	needNetwork(t)
	const many, atOnce, page = 200, 4, 1000
	w := newWorld(t)
	w.agree()
	began := time.Now()
	var all errgroup.Group
	all.SetLimit(atOnce)
	for first := 0; first < *devicesOnNetwork; first += many {
		all.Go(func() error {
			var devices []object
			for i := first; i < min(first+many, *devicesOnNetwork); i++ {
				devices = append(devices, w.registration(fmt.Sprintf("device-%06d", i), "Org1MSP", newSigner(t, "EdDSA")))
			}
			p := w.ledger.Propose(w.cc, w.admin1, "devices:RegisterMany", text(t, object{"devices": devices}))
			if message := p.Response.GetMessage(); message != "" {
				return fmt.Errorf("devices %d and on: %s", first, message)
			}
			if code := w.ledger.Commit(p, w.ledger.Organisations...); code != peer.TxValidationCode_VALID {
				return fmt.Errorf("devices %d and on: %s", first, code)
			}
			return nil
		})
	}
	require.NoError(t, all.Wait())
	t.Logf("%d devices registered in %.1f s", *devicesOnNetwork, time.Since(began).Seconds())

	began = time.Now()
	client := contractFor(t, w.site.profile("Org2MSP", "User1"))
	seen, pages, largest := 0, 0, 0
	var first, last time.Duration
	for bookmark := ""; ; {
		asked := time.Now()
		answer, err := client.EvaluateTransaction("devices:List", text(t, object{"owner": "Org1MSP", "pageSize": page, "bookmark": bookmark}))
		require.NoError(t, err)
		var list struct {
			Devices  []struct{ ID string }
			Bookmark string
		}
		require.NoError(t, json.Unmarshal(answer, &list))
		for i, d := range list.Devices {
			require.Equal(t, fmt.Sprintf("device-%06d", seen+i), d.ID)
		}
		seen, pages, largest = seen+len(list.Devices), pages+1, max(largest, len(answer))
		if last = time.Since(asked); pages == 1 {
			first = last
		}
		if bookmark = list.Bookmark; bookmark == "" {
			break
		}
	}
	require.Equal(t, *devicesOnNetwork, seen)
	require.Equal(t, (*devicesOnNetwork+page-1)/page, pages)
	t.Logf("listed in %.1f s: %d pages of at most %d bytes, the first in %d ms, the last in %d ms",
		time.Since(began).Seconds(), pages, largest, first.Milliseconds(), last.Milliseconds())
}
