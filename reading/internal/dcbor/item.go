// SPDX-License-Identifier: Apache-2.0

// Package dcbor reads and writes CBOR in the core deterministic encoding of RFC 8949
// §4.2.1, and nothing else: definite lengths, shortest heads, map keys in bytewise order,
// no duplicates, valid UTF-8. What comes in is a byte string; what goes out is an Item
// whose every byte has been checked, so that one value has exactly one encoding.
//
// Reading is done here and not by a general decoder because those take several encodings
// for one value (unsorted keys, an array for a byte string, a tag that is ignored), and
// each of them would be a second form of a signed message. Writing is done by
// fxamacker/cbor, whose encoder is deterministic.
//
// It keeps no state and does no I/O.
package dcbor

import (
	"errors"
	"fmt"
	"iter"
	"math"
)

var (
	// ErrMalformed means that the bytes are not CBOR, not valid CBOR, or hold something
	// that no format here allows (null, unassigned simple values, nesting too deep).
	ErrMalformed = errors.New("malformed")
	// ErrNotCanonical means that the bytes are CBOR but not in the one encoding that is
	// permitted. Encode in the core deterministic encoding of RFC 8949 §4.2.1.
	ErrNotCanonical = errors.New("not in deterministic encoding")
)

// MaxDepth is how many arrays, maps and tags may be nested in one another.
const MaxDepth = 16

// CBOR major types, RFC 8949 §3.1.
const (
	majorUint   = 0
	majorNegInt = 1
	majorBytes  = 2
	majorText   = 3
	majorArray  = 4
	majorMap    = 5
	majorTag    = 6
	majorSimple = 7
)

// Item is one checked data item. It refers to the bytes it was read from. The zero Item
// is no item: all its methods return ErrMalformed.
type Item struct{ raw []byte }

// Parse checks that data is exactly one item in deterministic encoding, without null or
// undefined in it.
func Parse(data []byte) (Item, error) {
	item, rest, err := Next(data)
	if err != nil {
		return Item{}, err
	}
	if len(rest) != 0 {
		return Item{}, fmt.Errorf("%w: %d bytes follow the item that ends at byte %d", ErrMalformed, len(rest), len(item.raw))
	}
	return item, nil
}

// Next checks the first item of data as Parse does and returns it with what follows it.
func Next(data []byte) (Item, []byte, error) {
	s := scanner{data: data}
	if err := s.item(0); err != nil {
		return Item{}, nil, err
	}
	return Item{raw: data[:s.pos:s.pos]}, data[s.pos:], nil
}

// Raw returns the item's encoding.
func (i Item) Raw() []byte { return i.raw }

// Uint returns an unsigned integer (major type 0).
func (i Item) Uint() (uint64, error) {
	_, arg, err := i.head(majorUint)
	return arg, err
}

// Int returns an integer (major type 0 or 1) that fits in 64 bits with sign.
func (i Item) Int() (int64, error) {
	want := byte(majorUint)
	if len(i.raw) > 0 && i.raw[0]>>5 == majorNegInt {
		want = majorNegInt
	}
	_, arg, err := i.head(want)
	if err != nil {
		return 0, err
	}
	if arg > math.MaxInt64 {
		return 0, fmt.Errorf("%w: integer beyond 64 bits with sign", ErrMalformed)
	}
	if want == majorNegInt {
		return -1 - int64(arg), nil
	}
	return int64(arg), nil
}

// Bytes returns the content of a byte string. It refers to the item's own bytes.
func (i Item) Bytes() ([]byte, error) {
	s, _, err := i.head(majorBytes)
	return i.raw[s:], err
}

// Text returns a text string, which is valid UTF-8.
func (i Item) Text() (string, error) {
	s, _, err := i.head(majorText)
	return string(i.raw[s:]), err
}

// Array returns the elements of an array. It never allocates more than the encoding
// warrants, since each element was found to be there.
func (i Item) Array() ([]Item, error) {
	start, n, err := i.head(majorArray)
	if err != nil {
		return nil, err
	}
	elements := make([]Item, 0, n)
	rest := i.raw[start:]
	for range n {
		var element Item
		if element, rest, err = Next(rest); err != nil {
			return nil, err
		}
		elements = append(elements, element)
	}
	return elements, nil
}

// Map returns a map.
func (i Item) Map() (Map, error) {
	start, n, err := i.head(majorMap)
	return Map{pairs: i.raw[start:], n: n}, err
}

// head checks the item's major type and returns where its content starts and its argument.
func (i Item) head(want byte) (start int, arg uint64, err error) {
	s := scanner{data: i.raw}
	h, err := s.head()
	if err != nil {
		return 0, 0, err
	}
	if h.major != want {
		return 0, 0, fmt.Errorf("%w: found %s where %s belongs", ErrMalformed, majorName(h.major), majorName(want))
	}
	return s.pos, h.arg, nil
}

// Map is a checked map. Its keys are in order and unique.
type Map struct {
	pairs []byte
	n     uint64
}

// Len returns the number of pairs.
func (m Map) Len() int { return int(m.n) }

// All goes through the pairs in their order.
func (m Map) All() iter.Seq2[Item, Item] {
	return func(yield func(Item, Item) bool) {
		rest := m.pairs
		for range m.n {
			key, afterKey, err := Next(rest)
			if err != nil {
				return
			}
			value, afterValue, err := Next(afterKey)
			if err != nil || !yield(key, value) {
				return
			}
			rest = afterValue
		}
	}
}

// Get returns the value of an integer key, or the zero Item and an error that names the
// missing key.
func (m Map) Get(label int64) (Item, error) {
	for key, value := range m.All() {
		if l, err := key.Int(); err == nil && l == label {
			return value, nil
		}
	}
	return Item{}, fmt.Errorf("%w: label %d is missing", ErrMalformed, label)
}

func majorName(major byte) string {
	switch major {
	case majorUint:
		return "an unsigned integer"
	case majorNegInt:
		return "a negative integer"
	case majorBytes:
		return "a byte string"
	case majorText:
		return "a text string"
	case majorArray:
		return "an array"
	case majorMap:
		return "a map"
	case majorTag:
		return "a tag"
	default:
		return "a simple value or float"
	}
}
