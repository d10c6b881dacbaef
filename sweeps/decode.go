package sweeps

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// maxSafe is the largest integer that a JSON number holds exactly (RFC 8785,
// appendix D).
const maxSafe = 1<<53 - 1

// decoder turns plain JSON data into structs, strictly: a key without a field
// and a value of the wrong type are errors. What is not in the data keeps the
// value that the struct already has, which is how defaults work.
type decoder struct {
	root string          // path of the spec, cut off before looking up hints
	seen map[string]bool // paths that the data has
	errs []*SpecError
}

func newDecoder(root string) *decoder { return &decoder{root: root, seen: map[string]bool{}} }

// custom is implemented by types with short forms.
type custom interface {
	decode(d *decoder, path string, in any)
}

func (d *decoder) fail(path, hint, format string, args ...any) {
	d.errs = append(d.errs, &SpecError{Path: path, Message: fmt.Sprintf(format, args...), Advice: hint})
}

// failed reports whether anything at path or below it is already an error.
func (d *decoder) failed(path string) bool {
	return slices.ContainsFunc(d.errs, func(e *SpecError) bool { return within(e.Path, path) })
}

// within reports whether path is prefix or lies below it.
func within(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (prefix == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// into decodes an object into the struct that out points to, without its short forms.
func (d *decoder) into(path string, in, out any) {
	d.object(path, in, reflect.ValueOf(out).Elem())
}

func (d *decoder) value(path string, in any, out reflect.Value) {
	d.seen[path] = true
	if in == nil {
		d.fail(path, "leave the key out to get its default", "is null")
		return
	}
	ok, want := true, ""
	switch to := out.Addr().Interface().(type) {
	case custom:
		to.decode(d, path, in)
	case *json.RawMessage:
		d.raw(path, in, to)
	case *map[string]any:
		*to, ok = in.(map[string]any)
		want = "an object"
	case *string:
		*to, ok = in.(string)
		want = "a string"
	case *bool:
		*to, ok = in.(bool)
		want = "true or false"
	case *float64:
		*to, ok = in.(float64)
		want = "a number"
	case *int:
		if f, whole := d.whole(path, in); whole && math.Abs(f) > math.MaxInt32 { // every count in a spec fits easily
			d.fail(path, "", "%s is too large", number(f))
		} else if whole {
			*to = int(f)
		}
	case *uint64:
		if f, whole := d.whole(path, in); whole && f < 0 {
			d.fail(path, "", "must not be negative, got %s", number(f))
		} else if whole && f > maxSafe {
			d.fail(path, "JSON holds integers exactly up to 9007199254740991", "%s is too large", number(f))
		} else if whole {
			*to = uint64(f)
		}
	default:
		if out.Kind() == reflect.Slice {
			d.list(path, in, out)
		} else {
			d.object(path, in, out)
		}
	}
	if !ok {
		d.wrongType(path, want, in)
	}
}

// whole returns a number without a fraction, or reports the error.
func (d *decoder) whole(path string, in any) (float64, bool) {
	f, ok := in.(float64)
	if !ok {
		d.wrongType(path, "a whole number", in)
		return 0, false
	}
	if f != math.Trunc(f) {
		d.fail(path, "", "must be a whole number, not %s", number(f))
		return 0, false
	}
	return f, true
}

func (d *decoder) list(path string, in any, out reflect.Value) {
	items, ok := in.([]any)
	if !ok {
		hint := ""
		if path == d.root+".train.lora.targets" {
			hint = "write d.all_linear or a list such as ['q_proj', 'v_proj']"
		}
		d.errs = append(d.errs, &SpecError{Path: path, Message: "must be a list, not " + describe(in), Advice: hint})
		return
	}
	list := reflect.MakeSlice(out.Type(), len(items), len(items))
	for i, item := range items {
		d.value(fmt.Sprintf("%s[%d]", path, i), item, list.Index(i))
	}
	out.Set(list)
}

func (d *decoder) object(path string, in any, out reflect.Value) {
	d.seen[path] = true
	m, ok := in.(map[string]any)
	if !ok {
		d.wrongType(path, "an object", in)
		return
	}
	fields, keys := fieldsOf(out.Type())
	unknown := make([]string, 0)
	for key := range m {
		if _, ok := fields[key]; !ok {
			unknown = append(unknown, key)
		}
	}
	slices.Sort(unknown)
	for _, key := range unknown {
		prefix := strings.TrimPrefix(strings.TrimPrefix(path, d.root), ".")
		d.fail(join(path, key), unknownKey(key, prefix, keys, specPaths), "unknown key")
	}
	for _, key := range keys {
		if v, ok := m[key]; ok {
			d.value(join(path, key), v, out.Field(fields[key]))
		}
	}
}

// raw keeps any JSON value, in canonical form.
func (d *decoder) raw(path string, in any, out *json.RawMessage) {
	data, err := Canonical(in)
	if err != nil {
		d.fail(path, "", "%v", err)
		return
	}
	*out = data
}

func (d *decoder) wrongType(path, want string, got any) {
	d.fail(path, "", "must be %s, not %s", want, describe(got))
}

// join appends a key to a path; one that is not a plain word is quoted.
func join(path, key string) string {
	if key == "" || strings.ContainsFunc(key, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		return path + "[" + strconv.Quote(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// fieldsOf returns the struct's field numbers by JSON name, and the names in order.
// They are shared: thousands of specs ask for those of a few types.
func fieldsOf(t reflect.Type) (fields map[string]int, keys []string) {
	type names struct {
		fields map[string]int
		keys   []string
	}
	known, _ := knownFields.Load(t)
	if n, ok := known.(names); ok {
		return n.fields, n.keys
	}
	fields = make(map[string]int, t.NumField())
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		fields[name] = i
		keys = append(keys, name)
	}
	knownFields.Store(t, names{fields, keys})
	return fields, keys
}

var knownFields sync.Map // by type

// specPaths lists the paths of all keys of a spec outside of lists.
var specPaths = pathsOf("", reflect.TypeFor[Spec]())

func pathsOf(prefix string, t reflect.Type) []string {
	var paths []string
	fields, keys := fieldsOf(t)
	for _, key := range keys {
		path := join(prefix, key)
		paths = append(paths, path)
		if f := t.Field(fields[key]).Type; f.Kind() == reflect.Struct {
			paths = append(paths, pathsOf(path, f)...)
		}
	}
	return paths
}

// describe names a JSON value in a message, without quoting much of it.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		if len(v) > 40 {
			v = strings.ToValidUTF8(v[:40], "") + "..."
		}
		return "the string " + strconv.Quote(v)
	case float64:
		return "the number " + number(v)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		return "a list"
	default:
		return "an object"
	}
}
