// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

func TestCompositeKeysAreThoseOfFabric(t *testing.T) {
	want, err := shim.CreateCompositeKey("anchor", []string{"Org1MSP", "bridge-1", "0000000000000042"})
	require.NoError(t, err)
	require.Equal(t, want, record.AnchorKey(name.New("Org1MSP", "bridge-1"), 42))
	want, err = shim.CreateCompositeKey("device", []string{"Org1MSP", "a"})
	require.NoError(t, err)
	require.Equal(t, want, record.DeviceKey(name.New("Org1MSP", "a")))
}

func TestAnchorKeysSortAsTheirNumbersDo(t *testing.T) {
	stream := name.New("Org1MSP", "s")
	require.Less(t, record.AnchorKey(stream, 9), record.AnchorKey(stream, 10))
	require.Less(t, record.AnchorKey(stream, 10), record.AnchorKey(stream, record.MaxNumber))
}

func TestNamesOfTheFormatOnlyAreAccepted(t *testing.T) {
	for _, name := range []string{"a", "A1", "0", "pump.7:east_2-b", strings.Repeat("x", record.MaxName)} {
		require.NoError(t, record.CheckName("id", name), name)
	}
	for _, name := range []string{"", ".a", "-a", "a b", "ä", "a\n", "a/b", "a\x00", strings.Repeat("x", record.MaxName+1)} {
		require.ErrorContains(t, record.CheckName("id", name), `"id"`, "%q", name)
	}
}

func TestAttributesAreLimited(t *testing.T) {
	require.NoError(t, record.CheckAttributes("attributes", map[string]string{"site": "east"}))
	many := map[string]string{}
	for i := range record.MaxAttributes + 1 {
		many[fmt.Sprint("a", i)] = ""
	}
	require.Error(t, record.CheckAttributes("attributes", many))
	require.Error(t, record.CheckAttributes("attributes", map[string]string{"no name": ""}))
	require.Error(t, record.CheckAttributes("attributes", map[string]string{"a": "line\nbreak"}))
	require.ErrorContains(t, record.CheckAttributes("attributes", map[string]string{"a": "\xff"}), "UTF-8")
	require.Error(t, record.CheckAttributes("attributes", map[string]string{"a": strings.Repeat("x", record.MaxText+1)}))
}

func TestTheSameFaultIsReportedWhateverTheOrderOfAMap(t *testing.T) {
	bad := map[string]string{"a": "\x01", "b": "\x02", "c": "\x03"}
	first := record.CheckAttributes("attributes", bad).Error()
	for range 50 {
		require.EqualError(t, record.CheckAttributes("attributes", bad), first)
	}
}

func TestTheLastKeyIsTheCurrentOneWhileItIsOpen(t *testing.T) {
	keys := []record.Key{{ID: "old", Until: &record.Moment{Time: 20}}, {ID: "new"}}
	current, ok := record.CurrentKey(keys)
	require.True(t, ok)
	require.Equal(t, "new", current.ID)
	_, ok = record.CurrentKey(keys[:1])
	require.False(t, ok)
}

func TestEncodeDoesNotDependOnMapOrderAndEscapesAsLittleAsPossible(t *testing.T) {
	d := record.Device{Type: record.DeviceType, Attributes: map[string]string{"b": "<&>", "a": "ä"}}
	first, err := record.Encode(d)
	require.NoError(t, err)
	require.Contains(t, string(first), `"attributes":{"a":"ä","b":"<&>"}`)
	for range 50 {
		again, err := record.Encode(d)
		require.NoError(t, err)
		require.Equal(t, first, again)
	}
}
