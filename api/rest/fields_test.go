// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"reflect"
	"strings"
)

// fields are the names of a record's fields in JSON, and of those that are always there.
func fields(v any) (all, required []string) {
	kind := reflect.TypeOf(v)
	for i := range kind.NumField() {
		name, options, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
		if name == "-" || !kind.Field(i).IsExported() {
			continue
		}
		all = append(all, name)
		if options == "" {
			required = append(required, name)
		}
	}
	return all, required
}
