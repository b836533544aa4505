package whittle

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// ParseJSON is [json.Unmarshal] of what others have written: its errors say in
// plain words what is wrong with the text, not what Go wanted of it.
func ParseJSON(b []byte, v any) error {
	err := json.Unmarshal(b, v)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax) && strings.Contains(syntax.Error(), "unexpected end"):
		return jsonError{"it is JSON whose end is missing", err}
	case errors.As(err, &syntax):
		return jsonError{fmt.Sprintf("it is not JSON (at byte %d)", syntax.Offset), err}
	case errors.As(err, &kind) && kind.Field != "":
		return jsonError{fmt.Sprintf("%s is %s, and %s is wanted", kind.Field, jsonKind(kind.Value), goKind(kind)), err}
	case errors.As(err, &kind):
		return jsonError{fmt.Sprintf("it is %s, and %s is wanted", jsonKind(kind.Value), goKind(kind)), err}
	}
	return err
}

type jsonError struct {
	text string
	error
}

func (e jsonError) Error() string { return e.text }
func (e jsonError) Unwrap() error { return e.error }

// jsonKind names what a value is, of the words that package json has for it.
func jsonKind(value string) string {
	switch word, number, _ := strings.Cut(value, " "); word {
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "number":
		if number != "" {
			return "the number " + Shorten(number, 40)
		}
		return "a number"
	case "string":
		return "a text"
	case "bool":
		return "true or false"
	}
	return "another value"
}

// goKind names what was wanted.
func goKind(err *json.UnmarshalTypeError) string {
	switch t := err.Type; {
	case t == nil:
		return "another value"
	case t.Kind() == reflect.Slice, t.Kind() == reflect.Array:
		return "a list"
	case t.Kind() == reflect.Struct, t.Kind() == reflect.Map:
		return "an object"
	case t.Kind() == reflect.String:
		return "a text"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uintptr && strings.HasPrefix(err.Value, "number "):
		return "a whole number"
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Float64:
		return "a number"
	}
	return "another value"
}
