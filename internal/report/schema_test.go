package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/fleet"
)

// kinds are the results of verbs by the files of their schemas.
var kinds = map[string]any{
	"advise.v2.json": whittle.Advice{}, "baseline.v1.json": whittle.Baseline{}, "check.v1.json": whittle.Check{}, "compare.v2.json": whittle.Comparison{},
	"fix.v2.json": whittle.Repair{}, "forecast.v2.json": whittle.Forecasts{}, "gate.v1.json": whittle.Gate{}, "inspect.v2.json": whittle.Inspection{},
	"squeeze.v1.json": whittle.Squeeze{}, "verify.v1.json": whittle.TreeComparison{}, "certificate.v1.json": whittle.Certificate{},
	"lab.v2.json": whittle.Study{}, "simulate.v2.json": whittle.Simulation{}, "static.v1.json": whittle.StaticAdvice{}, "trace.v1.json": whittle.Trace{},
	"history.v1.json": whittle.HistoryList{}, "history-change.v1.json": whittle.HistoryChange{}, "blame.v1.json": whittle.Blame{}, "bisect.v1.json": whittle.Bisection{}, "prune.v1.json": whittle.Pruned{},
	"fleet.v1.json": fleet.Report{}, "fleet-find.v1.json": fleet.Found{}, "fleet-status.v1.json": fleet.Status{},
}

// TestSchemaKeys: the keys of each schema are those of the type, at every depth: no key
// of a result is without a description of its type, and none is described that no
// result has. The first is "schema".
func TestSchemaKeys(t *testing.T) {
	files := schemaFiles{t, map[string]map[string]any{}}
	for name, v := range kinds {
		typ := reflect.TypeOf(v)
		if key, _, _ := strings.Cut(typ.Field(0).Tag.Get("json"), ","); key != "schema" {
			t.Errorf("%s: the first key is %q", typ, key)
		}
		files.compare(name, files.file(name), typ, typ.Name(), map[reflect.Type]bool{})
	}
}

type schemaFiles struct {
	t      *testing.T
	parsed map[string]map[string]any
}

func (f schemaFiles) file(name string) map[string]any {
	if f.parsed[name] == nil {
		text, err := os.ReadFile(filepath.Join("../../schema", name))
		if err != nil {
			f.t.Fatal(err)
		}
		var doc map[string]any
		if err := json.Unmarshal(text, &doc); err != nil {
			f.t.Fatal(err)
		}
		f.parsed[name] = doc
	}
	return f.parsed[name]
}

// objects are the schemas of objects that a schema allows, references followed.
func (f schemaFiles) objects(file string, s map[string]any) (in string, found map[string]any) {
	if ref, _ := s["$ref"].(string); ref != "" {
		name, pointer, _ := strings.Cut(ref, "#")
		if name == "" {
			name = file
		}
		var node any = f.file(name)
		for key := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
			if key != "" {
				node = node.(map[string]any)[key]
			}
		}
		return f.objects(name, node.(map[string]any))
	}
	for _, union := range []string{"oneOf", "anyOf"} {
		all, _ := s[union].([]any)
		for _, one := range all {
			if in, found := f.objects(file, one.(map[string]any)); found["type"] != "null" {
				return in, found
			}
		}
	}
	return file, s
}

func (f schemaFiles) compare(file string, s map[string]any, typ reflect.Type, at string, above map[reflect.Type]bool) {
	file, s = f.objects(file, s)
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if _, own := reflect.New(typ).Interface().(json.Marshaler); own {
		return
	}
	switch typ.Kind() {
	case reflect.Slice:
		if items, ok := s["items"].(map[string]any); ok {
			f.compare(file, items, typ.Elem(), at+"[]", above)
		} else if typ.Elem().Kind() == reflect.Struct {
			f.t.Errorf("%s: %s: the schema says nothing of its items", file, at)
		}
	case reflect.Map:
		if values, ok := s["additionalProperties"].(map[string]any); ok {
			f.compare(file, values, typ.Elem(), at+".*", above)
		}
	case reflect.Struct:
		if above[typ] {
			return
		}
		above[typ] = true
		defer delete(above, typ)
		properties, _ := s["properties"].(map[string]any)
		var keys []string
		for _, field := range jsonFields(typ) {
			key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			keys = append(keys, key)
			if p, ok := properties[key].(map[string]any); !ok {
				f.t.Errorf("%s has no %s.%s", file, at, key)
			} else {
				f.compare(file, p, field.Type, at+"."+key, above)
			}
		}
		for key := range properties {
			if !slices.Contains(keys, key) {
				f.t.Errorf("%s has %s.%s, which no result has", file, at, key)
			}
		}
	}
}

// jsonFields are the fields of a type as JSON has them, those of embedded types too.
func jsonFields(typ reflect.Type) (out []reflect.StructField) {
	for field := range typ.Fields() {
		switch tag := field.Tag.Get("json"); {
		case tag == "-" || !field.IsExported() && !field.Anonymous:
		case field.Anonymous && tag == "":
			out = append(out, jsonFields(field.Type)...)
		default:
			out = append(out, field)
		}
	}
	return out
}
