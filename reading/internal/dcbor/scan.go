// SPDX-License-Identifier: Apache-2.0

package dcbor

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/x448/float16"
)

// scanner walks over CBOR and refuses what is not in deterministic encoding. It allocates
// nothing, whatever lengths the bytes claim.
type scanner struct {
	data []byte
	pos  int
}

type head struct {
	major byte
	info  byte // the low five bits
	arg   uint64
}

// item walks over one item.
func (s *scanner) item(depth int) error {
	if depth > MaxDepth {
		return s.malformed(s.pos, "nested deeper than %d levels", MaxDepth)
	}
	at := s.pos
	h, err := s.head()
	if err != nil {
		return err
	}
	switch h.major {
	case majorBytes:
		_, err = s.take(at, h.arg)
		return err
	case majorText:
		return s.text(at, h.arg)
	case majorArray:
		return s.array(h.arg, depth)
	case majorMap:
		return s.mapping(h.arg, depth)
	case majorTag:
		return s.tagged(at, h.arg, depth)
	case majorSimple:
		return s.simple(at, h)
	default:
		return nil
	}
}

// head reads an initial byte and its argument.
func (s *scanner) head() (head, error) {
	at := s.pos
	initial, err := s.take(at, 1)
	if err != nil {
		return head{}, err
	}
	h := head{major: initial[0] >> 5, info: initial[0] & 0x1f}
	switch {
	case h.info < 24:
		h.arg = uint64(h.info)
		return h, nil
	case h.info == 31:
		return head{}, s.notCanonical(at, "indefinite length; give the length")
	case h.info > 27:
		return head{}, s.malformed(at, "reserved additional information %d", h.info)
	}
	width := 1 << (h.info - 24)
	raw, err := s.take(at, uint64(width))
	if err != nil {
		return head{}, err
	}
	var wide [8]byte
	copy(wide[8-width:], raw)
	h.arg = binary.BigEndian.Uint64(wide[:])
	if h.major != majorSimple && h.arg < leastArgument(h.info) {
		return head{}, s.notCanonical(at, "%d written in %d bytes; use the shortest form", h.arg, width+1)
	}
	return h, nil
}

// leastArgument is the smallest argument that needs the form: anything smaller has a
// shorter one.
func leastArgument(info byte) uint64 {
	switch info {
	case 24:
		return 24
	case 25:
		return 1 << 8
	case 26:
		return 1 << 16
	default:
		return 1 << 32
	}
}

func (s *scanner) text(at int, length uint64) error {
	raw, err := s.take(at, length)
	if err != nil {
		return err
	}
	if !utf8.Valid(raw) {
		return s.malformed(at, "text is not UTF-8")
	}
	return nil
}

func (s *scanner) array(n uint64, depth int) error {
	for range n { // each element takes a byte or ends the loop, whatever n claims
		if err := s.item(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

func (s *scanner) mapping(n uint64, depth int) error {
	var previous []byte
	for i := range n {
		at := s.pos
		if err := s.item(depth + 1); err != nil {
			return err
		}
		key := s.data[at:s.pos]
		switch order := bytes.Compare(previous, key); {
		case i > 0 && order == 0:
			return s.malformed(at, "duplicate map key %x", key)
		case i > 0 && order > 0:
			return s.notCanonical(at, "map key %x after %x; sort keys bytewise", key, previous)
		}
		previous = key
		if err := s.item(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

// tagged walks over a tag's content. A big number (tags 2 and 3) that would fit in an
// integer is a second encoding of that integer, RFC 8949 §3.4.3.
func (s *scanner) tagged(at int, tag uint64, depth int) error {
	start := s.pos
	if err := s.item(depth + 1); err != nil {
		return err
	}
	if tag != 2 && tag != 3 {
		return nil
	}
	number, err := Item{raw: s.data[start:s.pos]}.Bytes()
	if err != nil {
		return s.malformed(at, "big number without a byte string")
	}
	if len(number) <= 8 || number[0] == 0 {
		return s.notCanonical(at, "big number that is an integer or has leading zeros")
	}
	return nil
}

// simple checks a simple value or a float.
func (s *scanner) simple(at int, h head) error {
	const (
		no, yes        = 20, 21
		half           = 25
		single, double = 26, 27
		canonicalNaN   = 0x7e00
	)
	switch h.info {
	case no, yes:
		return nil
	case half:
		if f := float16.Frombits(uint16(h.arg)); f.IsNaN() && h.arg != canonicalNaN {
			return s.notCanonical(at, "NaN other than 7e00")
		}
		return nil
	case single:
		f := math.Float32frombits(uint32(h.arg))
		if f != f || float16.Fromfloat32(f).Float32() == f {
			return s.notCanonical(at, "float in 5 bytes that fits in 3")
		}
		return nil
	case double:
		f := math.Float64frombits(h.arg)
		if f != f || float64(float32(f)) == f {
			return s.notCanonical(at, "float in 9 bytes that fits in 5")
		}
		return nil
	default:
		return s.malformed(at, "null, undefined or an unassigned simple value")
	}
}

// take returns the next n bytes.
func (s *scanner) take(at int, n uint64) ([]byte, error) {
	if left := uint64(len(s.data) - s.pos); n > left {
		return nil, s.malformed(at, "ends %d bytes too early", n-left)
	}
	raw := s.data[s.pos : s.pos+int(n)]
	s.pos += int(n)
	return raw, nil
}

func (s *scanner) malformed(at int, format string, args ...any) error {
	return fmt.Errorf("%w: at byte %d: %s", ErrMalformed, at, fmt.Sprintf(format, args...))
}

func (s *scanner) notCanonical(at int, format string, args ...any) error {
	return fmt.Errorf("%w: at byte %d: %s", ErrNotCanonical, at, fmt.Sprintf(format, args...))
}
