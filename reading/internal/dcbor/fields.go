// SPDX-License-Identifier: Apache-2.0

package dcbor

import "fmt"

// Fields reads the values of a map one after another and keeps the first error, so that a
// reader of many fields checks once, at its end, with Err.
type Fields struct {
	m    Map
	read int
	err  error
}

// NewFields returns a reader of m.
func NewFields(m Map) *Fields { return &Fields{m: m} }

// Err returns the first error: ErrMalformed, naming the label.
func (f *Fields) Err() error { return f.err }

// Done is Err for a map that may hold nothing but what was read, each label once.
func (f *Fields) Done() error {
	if f.err == nil && f.read != f.m.Len() {
		f.err = fmt.Errorf("%w: %d labels, only %d belong here", ErrMalformed, f.m.Len(), f.read)
	}
	return f.err
}

// Has reports whether the map holds the label.
func (f *Fields) Has(label int64) bool {
	_, err := f.m.Get(label)
	return err == nil
}

// Uint reads an unsigned integer.
func (f *Fields) Uint(label int64) uint64 { return field(f, label, Item.Uint) }

// Int reads an integer.
func (f *Fields) Int(label int64) int64 { return field(f, label, Item.Int) }

// Text reads a text string.
func (f *Fields) Text(label int64) string { return field(f, label, Item.Text) }

// Bytes reads a byte string. It refers to the map's own bytes.
func (f *Fields) Bytes(label int64) []byte { return field(f, label, Item.Bytes) }

// Array reads an array.
func (f *Fields) Array(label int64) []Item { return field(f, label, Item.Array) }

// Item reads whatever is there.
func (f *Fields) Item(label int64) Item {
	return field(f, label, func(i Item) (Item, error) { return i, nil })
}

// Map reads a map.
func (f *Fields) Map(label int64) Map { return field(f, label, Item.Map) }

// Hash reads a byte string of 32 bytes.
func (f *Fields) Hash(label int64) [32]byte {
	return field(f, label, func(i Item) ([32]byte, error) {
		b, err := i.Bytes()
		if err != nil {
			return [32]byte{}, err
		}
		if len(b) != 32 {
			return [32]byte{}, fmt.Errorf("%w: %d bytes, not 32", ErrMalformed, len(b))
		}
		return [32]byte(b), nil
	})
}

func field[T any](f *Fields, label int64, read func(Item) (T, error)) T {
	var zero T
	if f.err != nil {
		return zero
	}
	item, err := f.m.Get(label)
	if err != nil {
		f.err = err
		return zero
	}
	value, err := read(item)
	if err != nil {
		f.err = fmt.Errorf("label %d: %w", label, err)
		return zero
	}
	f.read++
	return value
}
