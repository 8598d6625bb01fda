// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
)

// maxPageBytes is the size of the largest page in bytes, which keeps the answer below the 4 MiB that a
// gRPC client accepts by default.
const maxPageBytes = 3 << 20

// page walks over one page of the records under a partial composite key, in the order of their
// keys, and returns the bookmark of the next page, "" after the last. The peer refuses it in a
// transaction that writes.
func (tx *transaction) page(p call.Page, object string, attributes []string, each func(key string, value []byte) error) (string, error) {
	start, err := p.Start()
	if err != nil {
		return "", record.Invalid(err)
	}
	size := p.Rows()
	rows, meta, err := tx.stub.GetStateByPartialCompositeKeyWithPagination(object, attributes, int32(size), start)
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
			return "", record.Invalid(record.Faultf("bookmark", "is of another list"))
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
func collect[Record any](tx *transaction, p call.Page, object string, attributes ...string) ([]Record, string, error) {
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
func pageTooLarge(p call.Page) error {
	return &record.Error{
		Code: record.TooLarge, Field: "pageSize",
		Message: fmt.Sprintf("the page exceeds %d bytes; ask for fewer than %d", maxPageBytes, p.Rows()),
	}
}
