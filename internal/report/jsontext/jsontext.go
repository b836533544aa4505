// Package jsontext writes values as JSON, whatever bytes the names in them have.
package jsontext

import (
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"

	"whittle.dev/whittle"
)

// Write writes a value as indented JSON. Names in an image may be any bytes and
// JSON has only Unicode: in a text, a byte that is not UTF-8 is written \xHH.
// Paths (every "path", and the names of groups of files) can be read back: in
// them a backslash before an x is written \x5c.
func Write(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(unicodeOnly(reflect.ValueOf(v), false).Interface())
}

// unicodeOnly is a copy of a value whose strings are valid UTF-8; path says
// that they are paths. A list of nothing is empty, and not null.
func unicodeOnly(v reflect.Value, path bool) reflect.Value {
	switch v.Kind() {
	case reflect.String:
		if s, changed := escapeName(v.String(), path); changed {
			return reflect.ValueOf(s).Convert(v.Type())
		}
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() || marshals(v) {
			return v
		}
		in := unicodeOnly(v.Elem(), path)
		if v.Kind() == reflect.Interface {
			return in
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(in)
		return out
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v
		}
		out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			out.Index(i).Set(unicodeOnly(v.Index(i), path))
		}
		return out
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		out := reflect.MakeMapWithSize(v.Type(), v.Len())
		for _, k := range v.MapKeys() {
			out.SetMapIndex(k, unicodeOnly(v.MapIndex(k), path))
		}
		return out
	case reflect.Struct:
		return unicodeFields(v, path)
	}
	return v
}

func unicodeFields(v reflect.Value, path bool) reflect.Value {
	if marshals(v) {
		return v
	}
	if g, ok := v.Interface().(whittle.Grouping); ok {
		path = g.Key == "directory" || g.Key == "extension"
	}
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); f.IsExported() {
			out.Field(i).Set(unicodeOnly(v.Field(i), path || name == "path"))
		}
	}
	return out
}

// marshals says whether a value makes its own JSON.
func marshals(v reflect.Value) bool {
	switch v.Interface().(type) {
	case json.Marshaler, encoding.TextMarshaler:
		return true
	}
	return false
}

// escapeName writes bytes that are not UTF-8 as \xHH and, in a path, a
// backslash that would look like one of these as \x5c, so that no two paths
// become one.
func escapeName(s string, path bool) (escaped string, changed bool) {
	if utf8.ValidString(s) && !(path && strings.Contains(s, `\x`)) {
		return s, false
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case path && strings.HasPrefix(s[i:], `\x`):
			b.WriteString(`\x5c`)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String(), true
}
