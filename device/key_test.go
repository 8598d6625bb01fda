// SPDX-License-Identifier: Apache-2.0

package device_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/absmach/senml"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
)

func TestAKeyFileIsPrivateAndNeverOverwritten(t *testing.T) {
	for _, alg := range []cose.Algorithm{cose.AlgorithmEdDSA, cose.AlgorithmES256} {
		path := filepath.Join(t.TempDir(), "d.key")
		private, err := device.NewKey(alg)
		require.NoError(t, err)
		require.NoError(t, device.WriteKey(path, private))
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		first, err := device.ReadKey(path)
		require.NoError(t, err)
		require.Equal(t, alg, first.Key().Algorithm())

		other, err := device.NewKey(alg)
		require.NoError(t, err)
		require.ErrorContains(t, device.WriteKey(path, other), "exists")
		again, err := device.ReadKey(path)
		require.NoError(t, err)
		require.Equal(t, first.Key(), again.Key())
	}
	_, err := device.NewKey(0)
	require.Error(t, err)
	dangling := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(filepath.Join(t.TempDir(), "nowhere"), dangling))
	private, err := device.NewKey(cose.AlgorithmEdDSA)
	require.NoError(t, err)
	require.ErrorContains(t, device.WriteKey(dangling, private), "exists", "what a link points to is not written either")
}

func TestAKeyFileThatIsNoneIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.key")
	_, err := device.ReadKey(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, []byte("garbage"), 0o600))
	_, err = device.ReadKey(path)
	require.ErrorContains(t, err, path)
}

func TestAMeasurementIsAPackThatOthersRead(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123)
	p, err := device.SenML("pump-7", device.Measurement{Name: "temperature", Unit: "Cel", Value: 21.5, Time: at})
	require.NoError(t, err)
	require.Equal(t, reading.SenMLJSON, p.ContentType)
	pack, err := senml.Decode(p.Data, senml.JSON)
	require.NoError(t, err)
	resolved, err := senml.Normalize(pack)
	require.NoError(t, err)
	require.Len(t, resolved.Records, 1)
	r := resolved.Records[0]
	require.Equal(t, "pump-7:temperature", r.Name)
	require.Equal(t, "Cel", r.Unit)
	require.InDelta(t, 21.5, *r.Value, 0)
	require.InDelta(t, 1_700_000_000.123, r.Time, 0.0005)
	_, err = device.SenML("pump-7", device.Measurement{Name: "not a name!", Value: 1, Time: at})
	require.ErrorContains(t, err, "not a name!")
}
