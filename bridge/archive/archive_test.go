// SPDX-License-Identifier: Apache-2.0

package archive_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

func signer(t testing.TB, seed byte) cose.Signer {
	t.Helper()
	s, err := cose.NewSigner(ed25519.NewKeyFromSeed(append(make([]byte, 31), seed)))
	require.NoError(t, err)
	return s
}

var stream = name.New("Org1MSP", "s")

func open(t testing.TB) (*archive.Archive, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "archive")
	a, err := archive.Open(dir)
	require.NoError(t, err)
	return a, dir
}

// sealed is a batch of n readings with the anchor that belongs to it.
func sealed(t testing.TB, number uint64, n int) *archive.Batch {
	t.Helper()
	b := &archive.Batch{Number: number}
	for i := range n {
		r, err := reading.Sign(signer(t, 1), reading.Claims{Device: name.New("Org1MSP", "d"), Sequence: uint64(i + 1), Time: 5}, reading.SenMLJSON, []byte("x"))
		require.NoError(t, err)
		b.Entries = append(b.Entries, archive.Entry{Received: int64(100 + i), Reading: r})
	}
	a := record.Anchor{
		Type: record.AnchorType, Version: record.Version, Stream: stream, Number: number, Previous: record.ZeroHash,
		Root: b.Tree().Root().String(), Size: uint64(n), Counts: map[string]uint64{record.DeviceSigned: uint64(n)},
	}
	var err error
	b.Anchor, err = a.Encode()
	require.NoError(t, err)
	return b
}

func signed(t testing.TB, b *archive.Batch, key cose.Signer) *receipt.Signed {
	t.Helper()
	s, err := receipt.Sign(key, b.Tree().Root(), receipt.Claims{
		Stream: stream, Ledger: "c/cc", Number: b.Number, Anchor: sha256.Sum256(b.Anchor), LedgerTime: 6,
	})
	require.NoError(t, err)
	return s
}

// files lists what is in a folder and below, without folders.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, path)
		}
		return err
	}))
	return out
}

func TestABatchComesBackAsItWasPut(t *testing.T) {
	a, dir := open(t)
	for _, b := range []*archive.Batch{sealed(t, 1, 1), sealed(t, 2, 5), sealed(t, 1000, 3)} {
		require.NoError(t, a.Put(b))
		got, err := a.Get(b.Number)
		require.NoError(t, err)
		require.Equal(t, b, got)
	}
	last, err := a.Last()
	require.NoError(t, err)
	require.EqualValues(t, 2, last, "3 is missing")
	for _, f := range files(t, dir) {
		info, err := os.Stat(f)
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o222, "%s is written once", f)
	}
}

func TestTheSameBatchAgainIsASuccessAndAnotherIsRefused(t *testing.T) {
	a, dir := open(t)
	require.NoError(t, a.Put(sealed(t, 1, 2)))
	require.NoError(t, a.Put(sealed(t, 1, 2)))
	require.ErrorIs(t, a.Put(sealed(t, 1, 3)), archive.ErrConflict)
	require.NoError(t, a.PutReceipt(1, signed(t, sealed(t, 1, 2), signer(t, 2))))
	require.NoError(t, a.PutReceipt(1, signed(t, sealed(t, 1, 2), signer(t, 2))))
	require.ErrorIs(t, a.PutReceipt(1, signed(t, sealed(t, 1, 2), signer(t, 3))), archive.ErrConflict)
	got, err := a.Get(1)
	require.NoError(t, err)
	require.Len(t, got.Entries, 2)
	require.Len(t, files(t, dir), 2)
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	a, _ := open(t)
	_, err := a.Get(1)
	require.ErrorIs(t, err, archive.ErrNotFound)
	_, err = a.Receipt(1)
	require.ErrorIs(t, err, archive.ErrNotFound)
	require.NoError(t, a.Put(sealed(t, 1, 2)))
	_, err = a.Statement(1, 0)
	require.ErrorIs(t, err, archive.ErrNotFound, "no receipt yet")
	require.NoError(t, a.PutReceipt(1, signed(t, sealed(t, 1, 2), signer(t, 2))))
	_, err = a.Statement(1, 2)
	require.ErrorIs(t, err, archive.ErrNotFound, "two readings have no index 2")
}

func TestAFlippedBitInAnyByteOfAFileIsDetected(t *testing.T) {
	a, dir := open(t)
	b := sealed(t, 1, 2)
	require.NoError(t, a.Put(b))
	path := files(t, dir)[0]
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(path, 0o600))
	check := func(data []byte, what string, at int) {
		require.NoError(t, os.WriteFile(path, data, 0o600))
		_, err := a.Get(1)
		require.ErrorIs(t, err, archive.ErrDamaged, "%s at %d", what, at)
	}
	for i := range whole {
		flipped := append([]byte(nil), whole...)
		flipped[i] ^= 1 << (i % 8)
		check(flipped, "bit flipped", i)
	}
	for i := 0; i < len(whole); i += 11 {
		check(whole[:i], "cut", i)
	}
	check(append(append([]byte(nil), whole...), 0), "longer", len(whole))
}

func TestADamagedReceiptIsReported(t *testing.T) {
	a, dir := open(t)
	require.NoError(t, a.PutReceipt(1, signed(t, sealed(t, 1, 2), signer(t, 2))))
	path := files(t, dir)[0]
	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
	_, err := a.Receipt(1)
	require.ErrorIs(t, err, archive.ErrDamaged)
}

func TestAStatementOfTheArchiveIsProof(t *testing.T) {
	a, _ := open(t)
	b, key := sealed(t, 7, 6), signer(t, 2)
	require.NoError(t, a.Put(b))
	require.NoError(t, a.PutReceipt(7, signed(t, b, key)))
	proofs, err := a.Proofs(7)
	require.NoError(t, err)
	for i := range b.Entries {
		data, err := a.Statement(7, uint64(i))
		require.NoError(t, err)
		s, err := receipt.ParseStatement(data)
		require.NoError(t, err)
		require.NoError(t, s.Verify(signer(t, 1).Key(), key.Key()))
		require.Equal(t, b.Entries[i].Reading, s.Reading.Bytes())
		alone, err := proofs.Receipt(uint64(i))
		require.NoError(t, err)
		require.Equal(t, s.Receipt.Bytes(), alone)
	}
}

func TestAWriteThatFailsLeavesNothing(t *testing.T) {
	a, dir := open(t)
	require.NoError(t, a.Put(sealed(t, 1, 1)))
	// A folder is in the place of the next file, so that putting it there fails at the last step.
	folder := filepath.Dir(files(t, dir)[0])
	obstacle := strings.Replace(files(t, dir)[0], "0000000001", "0000000002", 1)
	require.NoError(t, os.MkdirAll(filepath.Join(obstacle, "x"), 0o700))
	require.Error(t, a.Put(sealed(t, 2, 1)))
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, entries, 2, "the file before and the obstacle, no temporary file")
	require.NoError(t, os.RemoveAll(obstacle))
	require.NoError(t, a.Put(sealed(t, 2, 1)))
}

func TestFindLooksThroughEveryBatch(t *testing.T) {
	a, _ := open(t)
	require.NoError(t, a.Put(sealed(t, 1, 3)))
	require.NoError(t, a.Put(sealed(t, 2, 1)))
	third := func(data []byte) bool {
		r, err := reading.Parse(data)
		return err == nil && r.Claims().Sequence == 3
	}
	number, index, err := a.Find(third)
	require.NoError(t, err)
	require.EqualValues(t, 1, number)
	require.EqualValues(t, 2, index)
	_, _, err = a.Find(func([]byte) bool { return false })
	require.ErrorIs(t, err, archive.ErrNotFound)
}

func FuzzABatchFileIsReadBackOrRefused(f *testing.F) {
	a, dir := open(f)
	require.NoError(f, a.Put(sealed(f, 1, 2)))
	path := files(f, dir)[0]
	whole, err := os.ReadFile(path)
	require.NoError(f, err)
	require.NoError(f, os.Chmod(path, 0o600))
	const trailer = 2 + sha256.Size
	f.Add(whole[:len(whole)-trailer])
	f.Add([]byte{})
	f.Add([]byte{0x84, 0x70})
	f.Fuzz(func(t *testing.T, body []byte) {
		// With a checksum that fits, the parser itself is reached.
		sum := sha256.Sum256(body)
		require.NoError(t, os.WriteFile(path, append(append(append([]byte(nil), body...), 0x58, sha256.Size), sum[:]...), 0o600))
		b, err := a.Get(1)
		if err != nil {
			require.ErrorIs(t, err, archive.ErrDamaged)
			return
		}
		require.EqualValues(t, len(b.Entries), b.Tree().Size())
	})
}
