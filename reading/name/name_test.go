// SPDX-License-Identifier: Apache-2.0

package name_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/reading/name"
)

func TestANameIsItsOwnerAndItsID(t *testing.T) {
	n, err := name.Parse("Org1MSP/pump-7:east_2.b")
	require.NoError(t, err)
	require.Equal(t, name.New("Org1MSP", "pump-7:east_2.b"), n)
	require.Equal(t, "Org1MSP/pump-7:east_2.b", n.String())
	require.Empty(t, name.Name{}.String())
	longest := name.New(strings.Repeat("o", name.MaxOwner), strings.Repeat("i", name.MaxID))
	require.NoError(t, longest.Validate())
	require.Len(t, longest.String(), name.Max)
}

func TestWhatIsNotANameIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "pump-1", "/pump-1", "Org1MSP/", "Org1MSP/a/b", "Org1MSP/.a", "Org1 MSP/a", "Org1MSP/a b", "Org1MSP/ä",
		"Org:MSP/a", "Org1MSP/a\n", "Org1MSP/\x00",
		strings.Repeat("o", name.MaxOwner+1) + "/a", "Org1MSP/" + strings.Repeat("i", name.MaxID+1),
	} {
		_, err := name.Parse(text)
		require.ErrorIs(t, err, name.ErrInvalid, "%q", text)
	}
}

func TestAnIDWithoutAnOwnerIsOfTheOrganisationThatAsks(t *testing.T) {
	n, err := name.ParseWithin("Org2MSP", "pump-1")
	require.NoError(t, err)
	require.Equal(t, name.New("Org2MSP", "pump-1"), n)
	n, err = name.ParseWithin("Org2MSP", "Org1MSP/pump-1")
	require.NoError(t, err)
	require.Equal(t, name.New("Org1MSP", "pump-1"), n)
	_, err = name.ParseWithin("", "pump-1")
	require.ErrorIs(t, err, name.ErrInvalid)
}

func TestJSONCarriesTheText(t *testing.T) {
	data, err := json.Marshal(map[string]any{"device": name.New("Org1MSP", "a")})
	require.NoError(t, err)
	require.Equal(t, `{"device":"Org1MSP/a"}`, string(data))
	var back struct {
		Device name.Name `json:"device"`
	}
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, name.New("Org1MSP", "a"), back.Device)
	require.ErrorIs(t, json.Unmarshal([]byte(`{"device":"a"}`), &back), name.ErrInvalid)
	_, err = json.Marshal(name.New("Org1MSP", "a/b"))
	require.ErrorIs(t, err, name.ErrInvalid)
}

func TestNamesAreOrderedByOwnerThenByID(t *testing.T) {
	names := []name.Name{name.New("B", "a"), name.New("A", "b"), name.New("A", "a"), name.New("A-", "a")}
	slices.SortFunc(names, name.Compare)
	require.Equal(t, []name.Name{name.New("A", "a"), name.New("A", "b"), name.New("A-", "a"), name.New("B", "a")}, names)
}

func FuzzParse(f *testing.F) {
	f.Add("Org1MSP/pump-1")
	f.Add("a/b/c")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := name.Parse(text)
		if err == nil {
			require.Equal(t, text, n.String())
		}
	})
}
