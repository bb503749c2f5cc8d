package jsonb_test

import (
	"errors"
	"strings"
	"testing"

	"binrelay/binlog/jsonb"
)

func TestPath_Find(t *testing.T) {
	const doc = `{"a": [1, [2, 3], {"b": 4}], "b": {"b": 5, "c d": 6}, "é": 7}`
	for _, c := range []struct{ path, want string }{
		{"$", doc},
		{" $ . a [ 0 ] ", "1"},
		{"$.a[1][1]", "3"},
		{"$.a[last].b", "4"},
		{"$.a[last-2]", "1"},
		{"$.a[last - 3]", ""},
		{"$.a[3]", ""},
		{`$.b."c d"`, "6"},
		{`$.b."c\u0020d"`, "6"},
		{"$.é", "7"},
		{"$.b[0].b", "5"}, // an object taken as an array
		{"$.b[last]", `{"b": 5, "c d": 6}`},
		{"$.b[1]", ""},
		{"$.a.b", ""},
		{"$.b.*", "5|6"},
		{"$.a[*]", `1|[2, 3]|{"b": 4}`},
		{"$.b[*]", ""},
		{"$.a[1 to 2]", `[2, 3]|{"b": 4}`},
		{"$.a[last-1 to last]", `[2, 3]|{"b": 4}`},
		{"$.a[1 to last]", `[2, 3]|{"b": 4}`},
		{"$.b[0 to 1].b", "5"},
		{"$**.b", `{"b": 5, "c d": 6}|4|5`},
		{"$.a**[0]", `1|2|3|{"b": 4}|4`},
	} {
		p, err := jsonb.ParsePath([]byte(c.path))
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		var got []string
		p.Find(open(t, fromText(t, doc)), func(v jsonb.Value) bool {
			got = append(got, string(v.AppendText(nil)))
			return true
		})
		if s := strings.Join(got, "|"); s != c.want {
			t.Errorf("%s: %s, want %s", c.path, s, c.want)
		}
	}
	for _, bad := range []string{"", "a", "$a", "$.", "$.1", "$.a-b", "$[", "$[1", "$[-1]", "$[last+1]", "$[2 to 1]", "$[last to last-1]", "$**", "$***.a", "$*", `$."a`, "$[99999999999]", "$.a b"} {
		if _, err := jsonb.ParsePath([]byte(bad)); !errors.As(err, new(*jsonb.PathError)) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// The results are what MySQL's manual and its functions' descriptions give.
func TestPath_Apply(t *testing.T) {
	const none = "unchanged"
	for _, c := range []struct {
		doc, path string
		edit      jsonb.Edit
		want      string
	}{
		{`{"a": 1}`, "$.a", jsonb.Set, `{"a": "new"}`},
		{`{"a": 1}`, "$.b", jsonb.Set, `{"a": 1, "b": "new"}`},
		{`{"a": 1}`, "$.b.c", jsonb.Set, none},
		{`{"a": 1}`, "$.a.c", jsonb.Set, none},
		{`{"a": 1}`, "$.a", jsonb.Insert, none},
		{`{"a": 1}`, "$.b", jsonb.Insert, `{"a": 1, "b": "new"}`},
		{`{"a": 1}`, "$.a", jsonb.Replace, `{"a": "new"}`},
		{`{"a": 1}`, "$.b", jsonb.Replace, none},
		{`{"a": 1}`, "$", jsonb.Set, `"new"`},
		{`[1, 2]`, "$[1]", jsonb.Set, `[1, "new"]`},
		{`[1, 2]`, "$[7]", jsonb.Set, `[1, 2, "new"]`},
		{`[1, 2]`, "$[last-7]", jsonb.Set, `["new", 1, 2]`},
		{`[]`, "$[0]", jsonb.Set, `["new"]`},
		{`{"a": 1}`, "$.a[0]", jsonb.Set, `{"a": "new"}`},
		{`{"a": 1}`, "$.a[1]", jsonb.Set, `{"a": [1, "new"]}`},
		{`{"a": 1}`, "$.a[last-1]", jsonb.Insert, `{"a": ["new", 1]}`},
		{`{"a": [1, {"b": [0, 1.0]}], "c": null}`, "$.a[1].b[0]", jsonb.Remove, `{"a": [1, {"b": [1.0]}], "c": null}`},
		{`{"a": 1, "b": 2}`, "$.a", jsonb.Remove, `{"b": 2}`},
		{`{"a": 1}`, "$.b", jsonb.Remove, none},
		{`["a", ["b", "c"], "d"]`, "$[1]", jsonb.ArrayAppend, `["a", ["b", "c", "new"], "d"]`},
		{`["a", ["b", "c"], "d"]`, "$[0]", jsonb.ArrayAppend, `[["a", "new"], ["b", "c"], "d"]`},
		{`{"a": 1}`, "$", jsonb.ArrayAppend, `[{"a": 1}, "new"]`},
		{`{"a": 1}`, "$.b", jsonb.ArrayAppend, none},
		{`["a", {"b": [1, 2]}, [3, 4]]`, "$[1]", jsonb.ArrayInsert, `["a", "new", {"b": [1, 2]}, [3, 4]]`},
		{`["a", {"b": [1, 2]}, [3, 4]]`, "$[100]", jsonb.ArrayInsert, `["a", {"b": [1, 2]}, [3, 4], "new"]`},
		{`["a", {"b": [1, 2]}, [3, 4]]`, "$[1].b[0]", jsonb.ArrayInsert, `["a", {"b": ["new", 1, 2]}, [3, 4]]`},
		{`["a", {"b": [1, 2]}, [3, 4]]`, "$[0][0]", jsonb.ArrayInsert, none},
	} {
		p, err := jsonb.ParsePath([]byte(c.path))
		if err != nil {
			t.Fatal(err)
		}
		var b jsonb.Builder
		changed := p.Apply(&b, open(t, fromText(t, c.doc)), c.edit, func(b *jsonb.Builder) { b.String([]byte("new")) })
		doc, err := b.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		got := string(open(t, doc).AppendText(nil))
		if !changed && got == c.doc {
			got = none
		}
		if got != c.want {
			t.Errorf("%d %s at %s: %s, want %s", c.edit, c.doc, c.path, got, c.want)
		}
	}
}

// The pairs are those of RFC 7396 and of the manual's JSON_MERGE_PRESERVE.
func TestMerge(t *testing.T) {
	for _, c := range []struct{ v, w, patched, preserved string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a": "c"}`, `{"a": ["b", "c"]}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a": "b", "b": "c"}`, `{"a": "b", "b": "c"}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b": "c"}`, `{"a": ["b", null], "b": "c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a": "c"}`, `{"a": ["b", "c"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a": {"b": "d"}}`, `{"a": {"b": ["c", "d"], "c": null}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1.0]}`, `{"a": [1.0]}`, `{"a": [{"b": "c"}, 1.0]}`},
		{`["a","b"]`, `["c","d"]`, `["c", "d"]`, `["a", "b", "c", "d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`, `[{"a": "b"}, "c"]`},
		{`{"a":"foo"}`, `null`, `null`, `[{"a": "foo"}, null]`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a": "b"}`, `[1, 2, {"a": "b", "c": null}]`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a": {"bb": {}}}`, `{"a": {"bb": {"ccc": null}}}`},
		{`1`, `true`, `true`, `[1, true]`},
	} {
		v, w := open(t, fromText(t, c.v)), open(t, fromText(t, c.w))
		for want, merge := range map[string]func(*jsonb.Builder, jsonb.Value, jsonb.Value){
			"patch " + c.patched: (*jsonb.Builder).MergePatch, "preserve " + c.preserved: (*jsonb.Builder).MergePreserve,
		} {
			var b jsonb.Builder
			merge(&b, v, w)
			doc, err := b.AppendTo(nil)
			if err != nil {
				t.Fatal(err)
			}
			_, text, _ := strings.Cut(want, " ")
			if got := string(open(t, doc).AppendText(nil)); got != text {
				t.Errorf("%s with %s: %s, want %s", c.v, c.w, got, want)
			}
		}
	}
}
