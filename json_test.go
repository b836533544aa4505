package whittle

import (
	"encoding/json"
	"errors"
	"testing"
)

func TestParseJSON(t *testing.T) {
	type inner struct {
		Size int64
		Tags []string
		Sub  map[string]string
		OK   bool
		Name string
	}
	for text, want := range map[string]string{
		``: "it is JSON whose end is missing", `{"Size": `: "it is JSON whose end is missing", `hello`: "it is not JSON (at byte 1)", `{"Size": 1}}`: "it is not JSON (at byte 12)",
		`[]`: "it is a list, and an object is wanted", `5`: "it is a number, and an object is wanted", `{"Size": "a"}`: "Size is a text, and a number is wanted",
		`{"Size": 1.5}`: "Size is the number 1.5, and a whole number is wanted", `{"Tags": {}}`: "Tags is an object, and a list is wanted", `{"Sub": true}`: "Sub is true or false, and an object is wanted",
		`{"OK": 1}`: "OK is a number, and true or false is wanted", `{"Name": []}`: "Name is a list, and a text is wanted", `{}`: "", `null`: "",
	} {
		var v inner
		err, plain := ParseJSON([]byte(text), &v), json.Unmarshal([]byte(text), &v)
		if (err == nil) != (plain == nil) || err == nil && want != "" || err != nil && err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
		var syntax *json.SyntaxError
		var kind *json.UnmarshalTypeError
		if err != nil && !errors.As(err, &syntax) && !errors.As(err, &kind) {
			t.Errorf("%s: the cause is lost", text)
		}
	}
}
