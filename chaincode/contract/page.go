// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/anchorline/anchorline/chaincode/record"
)

// Page sizes: the number of records that a query returns when the request names none, and at
// most; and the size of the largest page in bytes, which keeps the answer below the 4 MiB that a
// gRPC client accepts by default.
const (
	defaultPage  = 100
	maxPage      = 1000
	maxPageBytes = 3 << 20
)

// paging is the part of a list's request that says which page.
type paging struct {
	size     int
	bookmark string
}

// rows is the number of records on a page.
func (p paging) rows() int {
	if p.size == 0 {
		return defaultPage
	}
	return p.size
}

// check validates a page request; size 0 stands for the default.
func (p paging) check() error {
	if p.size < 0 || p.size > maxPage {
		return fmt.Errorf("field \"pageSize\": must be within 1 and %d", maxPage)
	}
	// What is not UTF-8 cannot be sent to the peer.
	if key, err := base64.RawURLEncoding.DecodeString(p.bookmark); err != nil || !utf8.Valid(key) {
		return errors.New("field \"bookmark\": must be the bookmark of the page before")
	}
	return nil
}

// page walks over one page of the records under a partial composite key, in the order of their
// keys, and returns the bookmark of the next page, "" after the last. The peer refuses it in a
// transaction that writes.
func (tx *transaction) page(p paging, object string, attributes []string, each func(key string, value []byte) error) (string, error) {
	start, err := base64.RawURLEncoding.DecodeString(p.bookmark)
	if err != nil {
		return "", record.Errorf(record.InvalidArgument, "field \"bookmark\": %v", err)
	}
	size := p.rows()
	rows, meta, err := tx.stub.GetStateByPartialCompositeKeyWithPagination(object, attributes, int32(size), string(start))
	if err != nil {
		return "", record.Errorf(record.Internal, "read a page of %s: %v", object, err)
	}
	defer rows.Close() //nolint:errcheck // nothing was written; the peer frees it at the end anyway
	prefix := record.CompositeKey(object, attributes...)
	bytes := 0
	for rows.HasNext() {
		row, err := rows.Next()
		if err != nil {
			return "", record.Errorf(record.Internal, "read a page of %s: %v", object, err)
		}
		if !strings.HasPrefix(row.GetKey(), prefix) {
			return "", record.Errorf(record.InvalidArgument, "field \"bookmark\": is of another list")
		}
		if bytes += len(row.GetValue()); bytes > maxPageBytes {
			return "", pageTooLarge(p)
		}
		if err := each(row.GetKey(), row.GetValue()); err != nil {
			return "", err
		}
	}
	return base64.RawURLEncoding.EncodeToString([]byte(meta.GetBookmark())), nil
}

// collect returns one page of the records of one type under a partial composite key.
func collect[Record any](tx *transaction, p paging, object string, attributes ...string) ([]Record, string, error) {
	records := []Record{}
	bookmark, err := tx.page(p, object, attributes, func(key string, value []byte) error {
		var r Record
		if err := decodeState(key, value, &r); err != nil {
			return err
		}
		records = append(records, r)
		return nil
	})
	return records, bookmark, err
}

// given returns the parts of a partial composite key up to the first empty one.
func given(parts ...string) []string {
	if i := slices.Index(parts, ""); i >= 0 {
		return parts[:i]
	}
	return parts
}

// pageTooLarge refuses a page whose records are too large to be sent together.
func pageTooLarge(p paging) error {
	return record.Errorf(record.InvalidArgument, "field \"pageSize\": the page exceeds %d bytes; ask for fewer than %d", maxPageBytes, p.rows())
}
