// SPDX-License-Identifier: Apache-2.0

package dcbor

import (
	"encoding/binary"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// encMode is made on first use and never changed.
var encMode = sync.OnceValues(cbor.CoreDetEncOptions().EncMode)

// Marshal encodes a Go value, by the rules of fxamacker/cbor, deterministically. A value
// that Parse would refuse (a nil pointer, invalid UTF-8) is the caller's to avoid.
func Marshal(v any) ([]byte, error) {
	mode, err := encMode()
	if err != nil {
		return nil, err
	}
	return mode.Marshal(v)
}

// AppendUint appends an unsigned integer.
func AppendUint(dst []byte, n uint64) []byte { return appendHead(dst, majorUint, n) }

// AppendInt appends an integer.
func AppendInt(dst []byte, n int64) []byte {
	if n < 0 {
		return appendHead(dst, majorNegInt, uint64(-1-n))
	}
	return appendHead(dst, majorUint, uint64(n))
}

// AppendBytes appends a byte string.
func AppendBytes(dst, content []byte) []byte {
	return append(appendHead(dst, majorBytes, uint64(len(content))), content...)
}

// AppendText appends a text string, which must be valid UTF-8.
func AppendText(dst []byte, text string) []byte {
	return append(appendHead(dst, majorText, uint64(len(text))), text...)
}

// AppendArray appends the head of an array of n elements, which the caller appends.
func AppendArray(dst []byte, n int) []byte { return appendHead(dst, majorArray, uint64(n)) }

// AppendMap appends the head of a map of n pairs, which the caller appends in order.
func AppendMap(dst []byte, n int) []byte { return appendHead(dst, majorMap, uint64(n)) }

func appendHead(dst []byte, major byte, arg uint64) []byte {
	major <<= 5
	switch {
	case arg < 24:
		return append(dst, major|byte(arg))
	case arg < 1<<8:
		return append(dst, major|24, byte(arg))
	case arg < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(arg))
	case arg < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(arg))
	default:
		return binary.BigEndian.AppendUint64(append(dst, major|27), arg)
	}
}
