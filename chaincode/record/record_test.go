// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
)

func TestCompositeKeysAreThoseOfFabric(t *testing.T) {
	want, err := shim.CreateCompositeKey("anchor", []string{"bridge-1", "0000000000000042"})
	require.NoError(t, err)
	require.Equal(t, want, record.AnchorKey("bridge-1", 42))
	want, err = shim.CreateCompositeKey("device", []string{"a"})
	require.NoError(t, err)
	require.Equal(t, want, record.DeviceKey("a"))
}

func TestAnchorKeysSortAsTheirNumbersDo(t *testing.T) {
	require.Less(t, record.AnchorKey("s", 9), record.AnchorKey("s", 10))
	require.Less(t, record.AnchorKey("s", 10), record.AnchorKey("s", record.MaxNumber))
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

func TestErrorsSurviveTheWayToTheClient(t *testing.T) {
	for _, code := range record.Codes() {
		sent := record.Errorf(code, "device %q: with: colons", "a")
		got, ok := record.ParseError(sent.Error())
		require.True(t, ok)
		require.Equal(t, sent, got)
		require.Equal(t, code, record.CodeOf(fmt.Errorf("wrapped: %w", sent)))
	}
	_, ok := record.ParseError("could not launch chaincode")
	require.False(t, ok)
	_, ok = record.ParseError("SOMETHING: else")
	require.False(t, ok)
	require.Equal(t, record.Internal, record.CodeOf(errors.New("other")))
	require.Empty(t, record.CodeOf(nil))
}

func TestAKeyIsValidFromItsBeginUntilJustBeforeItsEnd(t *testing.T) {
	keys := []record.Key{{ID: "old", From: 10, Until: 20}, {ID: "new", From: 20}}
	for at, want := range map[int64]string{9: "", 10: "old", 19: "old", 20: "new", 1 << 50: "new"} {
		key, ok := record.KeyAt(keys, at)
		require.Equal(t, want != "", ok, at)
		require.Equal(t, want, key.ID, at)
	}
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
