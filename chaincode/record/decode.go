// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/anchorline/anchorline/reading/name"
)

// maxDepth is how deep free-form JSON (a policy request's context) may nest.
const maxDepth = 16

// Decode reads one JSON document into v, a pointer to a struct, and is strict where
// encoding/json is lenient: it refuses invalid UTF-8, unknown and duplicate fields, names that
// differ in case, null, wrong types, fractions, numbers beyond MaxNumber, trailing data and
// documents of more than MaxDocument bytes. The error names the field. A missing field is left
// as it is: what is required is for Validate to say.
func Decode(data []byte, v any) error {
	switch {
	case len(data) == 0:
		return errors.New("empty document; a JSON object is expected")
	case len(data) > MaxDocument:
		return fmt.Errorf("document of %d bytes; at most %d are allowed", len(data), MaxDocument)
	case !utf8.Valid(data):
		return errors.New("document is not valid UTF-8")
	}
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Pointer {
		return fmt.Errorf("record: decode into %T: a pointer is needed", v)
	}
	if !json.Valid(data) {
		return syntaxError(data)
	}
	w := walker{tokens: json.NewDecoder(bytes.NewReader(data))}
	w.tokens.UseNumber()
	if err := w.value(t.Elem(), ""); err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("record: decode: %w", err)
	}
	return nil
}

// syntaxError says where data stops being JSON.
func syntaxError(data []byte) error {
	var discard any
	err := json.Unmarshal(data, &discard)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("not a JSON document: %s at byte %d", syntax.Error(), syntax.Offset)
	}
	return errors.New("not a JSON document")
}

// walker compares the tokens of a syntactically valid document with the type that it shall
// fill, before encoding/json fills it.
type walker struct {
	tokens *json.Decoder
}

// value checks the next value against t. path names it in errors.
func (w *walker) value(t reflect.Type, path string) error {
	token, err := w.tokens.Token()
	if err != nil {
		return fmt.Errorf("not a JSON document: %w", err)
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if token == nil {
		return Faultf(path, "must not be null; leave it out instead")
	}
	if t == reflect.TypeFor[json.RawMessage]() {
		return w.free(token, path, 0)
	}
	if t == reflect.TypeFor[name.Name]() {
		return fullName(token, path)
	}
	switch t.Kind() {
	case reflect.Struct:
		return w.object(token, t, path)
	case reflect.Map:
		return w.table(token, t, path)
	case reflect.Slice:
		return w.list(token, t, path)
	default:
		return scalar(token, t.Kind(), path)
	}
}

// object checks the members of a struct.
func (w *walker) object(token json.Token, t reflect.Type, path string) error {
	fields := jsonFields(t)
	return w.members(token, path, func(name, at string) error {
		field, known := fields[name]
		if !known {
			return Faultf(at, "is unknown")
		}
		return w.value(field, at)
	})
}

// table checks the members of a map with string keys.
func (w *walker) table(token json.Token, t reflect.Type, path string) error {
	return w.members(token, path, func(_, at string) error {
		return w.value(t.Elem(), at)
	})
}

// members walks over the members of an object and refuses a name that comes twice.
func (w *walker) members(token json.Token, path string, each func(name, at string) error) error {
	if token != json.Delim('{') {
		return Faultf(path, "must be an object")
	}
	seen := map[string]bool{}
	for w.tokens.More() {
		key, err := w.tokens.Token()
		if err != nil {
			return fmt.Errorf("not a JSON document: %w", err)
		}
		member, _ := key.(string)
		at := join(path, member)
		if err := checkString(member, at); err != nil {
			return err
		}
		if seen[member] {
			return Faultf(at, "comes twice")
		}
		seen[member] = true
		if err := each(member, at); err != nil {
			return err
		}
	}
	_, err := w.tokens.Token()
	return err
}

// list checks the elements of an array.
func (w *walker) list(token json.Token, t reflect.Type, path string) error {
	if token != json.Delim('[') {
		return Faultf(path, "must be an array")
	}
	for i := 0; w.tokens.More(); i++ {
		if err := w.value(t.Elem(), path+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	_, err := w.tokens.Token()
	return err
}

// free checks a value of any type: no null, no duplicates, no fractions, no deep nesting.
func (w *walker) free(token json.Token, path string, depth int) error {
	if depth > maxDepth {
		return Faultf(path, "is nested more than %d deep", maxDepth)
	}
	next := func(at string) error {
		token, err := w.tokens.Token()
		if err != nil {
			return fmt.Errorf("not a JSON document: %w", err)
		}
		return w.free(token, at, depth+1)
	}
	switch value := token.(type) {
	case json.Delim:
		if value == '{' {
			return w.members(token, path, func(_, at string) error { return next(at) })
		}
		for i := 0; w.tokens.More(); i++ {
			if err := next(path + "[" + strconv.Itoa(i) + "]"); err != nil {
				return err
			}
		}
		_, err := w.tokens.Token()
		return err
	case string:
		return checkString(value, path)
	case json.Number:
		return integer(value, path, -MaxNumber)
	case bool:
		return nil
	default:
		return Faultf(path, "must not be null; leave it out instead")
	}
}

// fullName checks the text of a name.
func fullName(token json.Token, path string) error {
	text, ok := token.(string)
	if !ok {
		return Faultf(path, "must be a string, owner/id")
	}
	if _, err := name.Parse(text); err != nil {
		return Faultf(path, "%v", err)
	}
	return nil
}

// scalar checks a string, a boolean or an integer.
func scalar(token json.Token, kind reflect.Kind, path string) error {
	switch kind {
	case reflect.String:
		s, ok := token.(string)
		if !ok {
			return Faultf(path, "must be a string")
		}
		return checkString(s, path)
	case reflect.Bool:
		if _, ok := token.(bool); !ok {
			return Faultf(path, "must be true or false")
		}
		return nil
	case reflect.Int, reflect.Int64, reflect.Uint64:
		n, ok := token.(json.Number)
		if !ok {
			return Faultf(path, "must be an integer")
		}
		return integer(n, path, 0)
	default:
		return fmt.Errorf("record: decode: field %q has the unsupported kind %s", path, kind)
	}
}

// integer checks that n is written as a whole number of min to MaxNumber.
func integer(n json.Number, path string, min int64) error {
	i, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil || i < min || i > MaxNumber || n.String() == "-0" {
		return Faultf(path, "must be an integer within %d and %d", min, int64(MaxNumber))
	}
	return nil
}

// checkString refuses U+FFFD: it is what encoding/json makes of an escaped half of a surrogate
// pair, so two different documents would decode to the same string.
func checkString(s, path string) error {
	if strings.ContainsRune(s, utf8.RuneError) {
		return Faultf(path, "must not hold U+FFFD or half a surrogate pair")
	}
	return nil
}

// jsonFields returns the exact JSON names of a struct's fields with their types. Those of an embedded
// struct count as its own, as encoding/json has them.
func jsonFields(t reflect.Type) map[string]reflect.Type {
	fields := make(map[string]reflect.Type, t.NumField())
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Anonymous && field.Tag == "" && field.Type.Kind() == reflect.Struct {
			maps.Copy(fields, jsonFields(field.Type))
			continue
		}
		member, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.IsExported() && member != "" && member != "-" {
			fields[member] = field.Type
		}
	}
	return fields
}

// join appends a member's name to the path of its object.
func join(path, name string) string {
	switch {
	case path == "":
		return name
	case name == "" || name[0] == '[':
		return path + name
	}
	return path + "." + name
}
