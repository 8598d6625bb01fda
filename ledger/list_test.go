// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"encoding/json"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/network/devnet"
)

// A shelf is a chaincode that lists records, and refuses pages of more than it can carry.
type shelf struct {
	records, carries int
	mu               sync.Mutex
	sizes            []int // that it was asked for
}

// Init is not called.
func (s *shelf) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

// Invoke answers devices:List, devices:History and anchors:List.
func (s *shelf) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	function, args := stub.GetFunctionAndParameters()
	var request struct {
		Bookmark, After string
		From, PageSize  int
	}
	if err := json.Unmarshal([]byte(args[0]), &request); err != nil {
		return shim.Error(err.Error())
	}
	s.mu.Lock()
	s.sizes = append(s.sizes, request.PageSize)
	s.mu.Unlock()
	if request.PageSize > s.carries {
		return shim.Error(`TOO_LARGE field=pageSize: whatever it says`)
	}
	first := max(request.From-1, 0)
	for _, after := range []string{request.Bookmark, request.After} {
		if n, err := strconv.Atoi(after); err == nil {
			first = n
		}
	}
	last := min(first+request.PageSize, s.records)
	next := ""
	if last < s.records {
		next = strconv.Itoa(last)
	}
	answer := map[string]any{}
	switch function {
	case "devices:List":
		answer["bookmark"], answer["devices"] = next, page(first, last, func(n int) any { return device(n) })
	case "devices:History":
		answer["after"], answer["changes"] = next, page(first, last, func(n int) any { return ledger.DeviceChange{TxID: strconv.Itoa(n), Device: device(n)} })
	case "anchors:List":
		following, _ := strconv.Atoi(next)
		answer["next"] = 0
		if next != "" {
			answer["next"] = following + 1
		}
		answer["anchors"] = page(first, last, func(n int) any {
			return record.AnchorEntry{TxID: strconv.Itoa(n), Anchor: record.Anchor{Stream: our("s")}}
		})
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(text)
}

func device(n int) record.Device { return record.Device{Owner: "Org1MSP", ID: strconv.Itoa(n)} }

func page(first, last int, of func(int) any) []any {
	records := []any{}
	for n := first; n < last; n++ {
		records = append(records, of(n))
	}
	return records
}

// asked returns the page sizes of the calls since it was asked last.
func (s *shelf) asked() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	sizes := s.sizes
	s.sizes = nil
	return sizes
}

// stocked is a client of a network that runs a shelf.
func stocked(t *testing.T, s *shelf) *ledger.Client {
	t.Helper()
	cfg := devnet.Default(t.TempDir())
	cfg.BatchTimeout, cfg.Chaincode = 20*time.Millisecond, devnet.Everywhere(s)
	n, err := devnet.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return connect(t, ledger.Profile(n.Profile("Org1MSP", "User1")))
}

func TestAListHasEveryPageOnceAndInOrder(t *testing.T) {
	for _, records := range []int{0, 1, 200, 201, 730} {
		s := &shelf{records: records, carries: 1000}
		c := stocked(t, s)
		devices, err := c.Devices(t.Context(), ledger.DeviceFilter{})
		require.NoError(t, err)
		require.Len(t, devices, records)
		for i, d := range devices {
			require.Equal(t, strconv.Itoa(i), d.ID)
		}
		require.Len(t, s.asked(), max(1, (records+199)/200))
		changes, err := c.DeviceHistory(t.Context(), our("d"))
		require.NoError(t, err)
		require.Len(t, changes, records)
	}
}

func TestAPageThatIsTooLargeIsAskedForInParts(t *testing.T) {
	s := &shelf{records: 130, carries: 60}
	c := stocked(t, s)
	devices, err := c.Devices(t.Context(), ledger.DeviceFilter{})
	require.NoError(t, err)
	require.Len(t, devices, 130)
	require.Equal(t, []int{200, 100, 50, 50, 50}, s.asked())

	s.carries = 0
	_, err = c.Devices(t.Context(), ledger.DeviceFilter{})
	require.ErrorIs(t, err, ledger.ErrTooLarge, "one record that cannot be sent is an error, not a loop")
}

func TestAnchorsComeUpToTheLimitAndNoFurther(t *testing.T) {
	s := &shelf{records: 500, carries: 1000}
	c := stocked(t, s)
	for _, limit := range []struct{ from, limit, want int }{{1, 20, 20}, {1, 450, 450}, {400, 450, 101}, {501, 5, 0}} {
		entries, err := c.Anchors(t.Context(), our("s"), uint64(limit.from), limit.limit)
		require.NoError(t, err)
		require.Len(t, entries, limit.want)
		if limit.want > 0 {
			require.Equal(t, strconv.Itoa(limit.from-1), entries[0].TxID)
		}
	}
	s.asked()
	_, err := c.Anchors(t.Context(), our("s"), 1, 250)
	require.NoError(t, err)
	require.Equal(t, []int{200, 50}, s.asked())
}
