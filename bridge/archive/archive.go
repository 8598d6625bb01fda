// SPDX-License-Identifier: Apache-2.0

// Package archive keeps every batch as one immutable file, and beside it the stream's signature
// over its root and the evidence of it that Fabric signed (docs/formats.md, "Archive"). It is what
// statements are made from and what fsck re-derives the ledger from: with the archive and the ledger
// alone, everything else of a bridge can be lost.
//
// A file is written once, durably, and never changed. Writing the same batch again, as happens
// after a crash, is a success; writing another content under its number is refused.
package archive

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/anchorline/anchorline/internal/durable"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/receipt"
)

// ErrNotFound is returned for a batch or receipt that the archive does not hold.
var ErrNotFound = errors.New("archive: not found")

// ErrConflict is returned when a file exists with another content.
var ErrConflict = errors.New("archive: a different file exists under this number")

// ErrDamaged is returned for a file that is not what was written.
var ErrDamaged = errors.New("archive: file is damaged")

// An Archive is a folder.
type Archive struct{ dir string }

// Open opens or creates the archive in dir.
func Open(dir string) (*Archive, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	if err := durable.SyncDir(filepath.Dir(dir)); err != nil {
		return nil, err
	}
	return &Archive{dir: dir}, nil
}

// Put stores a batch. When it returns nil the file is on stable storage.
func (a *Archive) Put(b *Batch) error {
	return a.PutStream(b.Number, b.Anchor, uint64(len(b.Entries)), func(yield func(Entry) error) error {
		for _, e := range b.Entries {
			if err := yield(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// PutStream is Put for a batch that is not in memory: entries hands over its size readings, in order.
func (a *Archive) PutStream(number uint64, anchor []byte, size uint64, entries func(yield func(Entry) error) error) error {
	return a.putStream(a.batchPath(number), func(w io.Writer) error { return encode(w, anchor, size, entries) })
}

// Get reads a batch and checks that the file is whole.
func (a *Archive) Get(number uint64) (*Batch, error) {
	data, err := a.read(a.batchPath(number))
	if err != nil {
		return nil, err
	}
	b, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("%w: batch %d: %w", ErrDamaged, number, err)
	}
	b.Number = number
	return b, nil
}

// PutReceipt stores the stream's signature over the root of a batch.
func (a *Archive) PutReceipt(number uint64, signed *receipt.Signed) error {
	return a.put(a.receiptPath(number), signed.Bytes())
}

// Receipt reads the stream's signature over the root of a batch.
func (a *Archive) Receipt(number uint64) (*receipt.Signed, error) {
	data, err := a.read(a.receiptPath(number))
	if err != nil {
		return nil, err
	}
	signed, err := receipt.ParseSigned(data)
	if err != nil {
		return nil, fmt.Errorf("%w: receipt of batch %d: %w", ErrDamaged, number, err)
	}
	return signed, nil
}

// Proofs are what proves the readings of one batch.
type Proofs struct {
	batch  *Batch
	tree   *merkle.Tree
	signed *receipt.Signed
}

// Proofs reads a batch and its signature; each proof is then cheap.
func (a *Archive) Proofs(number uint64) (*Proofs, error) {
	b, err := a.Get(number)
	if err != nil {
		return nil, err
	}
	signed, err := a.Receipt(number)
	if err != nil {
		return nil, err
	}
	return &Proofs{batch: b, tree: b.Tree(), signed: signed}, nil
}

// Receipt assembles the receipt of one reading.
func (p *Proofs) Receipt(index uint64) ([]byte, error) {
	path, err := p.tree.Inclusion(index)
	if err != nil {
		return nil, fmt.Errorf("%w: batch %d has %d readings, no index %d", ErrNotFound, p.batch.Number, p.tree.Size(), index)
	}
	return p.signed.Receipt(p.tree.Size(), index, path), nil
}

// Statement assembles everything an offline verifier needs for one reading: with the evidence that
// there is, which may be none.
func (a *Archive) Statement(number, index uint64) ([]byte, error) {
	p, err := a.Proofs(number)
	if err != nil {
		return nil, err
	}
	r, err := p.Receipt(index)
	if err != nil {
		return nil, err
	}
	evidence, err := a.Evidence(number)
	if err != nil {
		return nil, err
	}
	return receipt.NewStatement(p.batch.Entries[index].Reading, r, p.batch.Anchor, evidence)
}

// Has reports whether the archive holds a batch.
func (a *Archive) Has(number uint64) (bool, error) { return exists(a.batchPath(number)) }

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("archive: %w", err)
	}
	return true, nil
}

// Last returns the highest number up to which the archive holds every batch, 0 for none.
func (a *Archive) Last() (uint64, error) {
	var n uint64
	for {
		there, err := a.Has(n + 1)
		if err != nil || !there {
			return n, err
		}
		n++
	}
}

// put writes a file once.
func (a *Archive) put(path string, data []byte) error {
	return a.putStream(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// putStream writes a file once: write is what its content is.
func (a *Archive) putStream(path string, write func(io.Writer) error) error {
	have, err := os.Open(path)
	if err == nil {
		defer have.Close()
		return a.compare(have, write)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("archive: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	if err := durable.SyncDir(a.dir); err != nil {
		return err
	}
	return durable.WriteStream(path, 0o440, write)
}

// compare makes sure that a file has the content that would be written.
func (a *Archive) compare(have *os.File, write func(io.Writer) error) error {
	rest := bufio.NewReaderSize(have, 1<<16)
	if err := write(&comparer{rest}); errors.Is(err, errDiffers) {
		return fmt.Errorf("%w: %s", ErrConflict, have.Name())
	} else if err != nil {
		return err
	}
	if _, err := rest.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %s", ErrConflict, have.Name())
	}
	return durable.SyncDir(filepath.Dir(have.Name()))
}

// errDiffers ends a comparison.
var errDiffers = errors.New("archive: contents differ")

// comparer is a writer that fails when something else is written than what is there.
type comparer struct{ have *bufio.Reader }

// Write compares.
func (c *comparer) Write(p []byte) (int, error) {
	have := make([]byte, len(p))
	if _, err := io.ReadFull(c.have, have); err != nil || !bytes.Equal(have, p) {
		return 0, errDiffers
	}
	return len(p), nil
}

func (a *Archive) read(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, path)
	}
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return data, nil
}

// filesPerFolder keeps folders small enough to list.
const filesPerFolder = 1000

func (a *Archive) batchPath(n uint64) string { return a.path(n, "batch") }

func (a *Archive) receiptPath(n uint64) string { return a.path(n, "receipt") }

func (a *Archive) path(n uint64, kind string) string {
	return filepath.Join(a.dir, fmt.Sprintf("%07d", n/filesPerFolder), fmt.Sprintf("%010d.%s", n, kind))
}

// A Batch is a file's content.
type Batch struct {
	Number  uint64
	Anchor  []byte // canonical bytes of the anchor
	Entries []Entry
}

// An Entry is one reading of a batch.
type Entry struct {
	Received int64  // bridge clock, ms
	Reading  []byte // the leaf, exactly as received
}

// Tree builds the Merkle tree over the readings.
func (b *Batch) Tree() *merkle.Tree {
	leaves := make([]merkle.Hash, len(b.Entries))
	for i, e := range b.Entries {
		leaves[i] = merkle.LeafHash(e.Reading)
	}
	return merkle.New(leaves)
}

// Find looks through all batches for a reading and says where it is.
func (a *Archive) Find(match func(reading []byte) bool) (number, index uint64, err error) {
	last, err := a.Last()
	if err != nil {
		return 0, 0, err
	}
	for n := last; n > 0; n-- {
		b, err := a.Get(n)
		if err != nil {
			return 0, 0, err
		}
		for i, e := range b.Entries {
			if match(e.Reading) {
				return n, uint64(i), nil
			}
		}
	}
	return 0, 0, fmt.Errorf("%w: no such reading in %d batches of %s", ErrNotFound, last, a.dir)
}
