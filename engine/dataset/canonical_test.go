package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"
	"pgregory.net/rapid"

	"daybook/engine"
)

func canonical(text string) (string, any, error) {
	p := parser{keys: map[string]string{}}
	v, err := p.parse([]byte(text))
	if err != nil {
		return "", nil, err
	}
	return string(appendCanonical(nil, v)), plain(v), nil
}

func TestCanonical(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		// RFC 8785 section 3.2.2, 3.2.3 and appendix B.
		{
			`{"numbers":[333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`,
			`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
		},
		{
			`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`,
			"{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"}",
		},
		{`[-0, -0.0, 0e9, 9007199254740992, 1e-6, 1e-7, 1e21, 5e-324, 1.7976931348623157e308]`, `[0,0,0,9007199254740992,0.000001,1e-7,1e+21,5e-324,1.7976931348623157e+308]`},
		{" \t\r\n[ ] ", `[]`},
		{`{ }`, `{}`},
		{`"\b\t\f\u007f"`, `"\b\t\f` + "\x7f\""},
	} {
		got, _, err := canonical(test.in)
		if err != nil {
			t.Fatalf("%s: %v", test.in, err)
		}
		if got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
		if again, _, err := canonical(got); err != nil || again != got {
			t.Errorf("canonical form of %s is %s, %v", got, again, err)
		}
	}
}

// value draws JSON values within what the parser accepts.
func value(depth int) *rapid.Generator[any] {
	scalars := []*rapid.Generator[any]{
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		rapid.String().AsAny(),
		rapid.Custom(func(t *rapid.T) any { return float64(rapid.Int64Range(-maxInteger, maxInteger).Draw(t, "integer")) }),
		rapid.Custom(func(t *rapid.T) any {
			f := rapid.Float64().Draw(t, "float")
			if a := abs(f); a > maxInteger && a < exponentFrom {
				return 0.25
			}
			return f
		}),
	}
	if depth == 0 {
		return rapid.OneOf(scalars...)
	}
	return rapid.OneOf(append(scalars,
		rapid.SliceOfN(value(depth-1), 0, 4).AsAny(),
		rapid.MapOfN(rapid.String(), value(depth-1), 0, 5).AsAny())...)
}

func TestCanonicalAgreesWithJCS(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := value(3).Draw(t, "value")
		text, err := json.MarshalIndent(v, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		want, err := jcs.Transform(text)
		if err != nil {
			t.Fatal(err)
		}
		got, decoded, err := canonical(string(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got != string(want) {
			t.Fatalf("got %s, jcs says %s", got, want)
		}
		var expect any
		if err := json.Unmarshal(text, &expect); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(expect, decoded); diff != "" {
			t.Fatal(diff)
		}
	})
}

// shuffled writes v with the members of every object in random order and random
// white space.
func shuffled(dst *bytes.Buffer, v any, r *rand.Rand) {
	space := func() { dst.WriteString([]string{"", " ", "\t", "  "}[r.IntN(4)]) }
	space()
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		dst.WriteByte('{')
		for i, k := range keys {
			if i > 0 {
				dst.WriteByte(',')
			}
			shuffled(dst, k, r)
			dst.WriteByte(':')
			shuffled(dst, v[k], r)
		}
		dst.WriteByte('}')
	case []any:
		dst.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				dst.WriteByte(',')
			}
			shuffled(dst, e, r)
		}
		dst.WriteByte(']')
	default:
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		dst.Write(text)
	}
	space()
}

func TestIdentityIgnoresKeyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rec := rapid.MapOfN(rapid.StringMatching(`[a-e]{1,3}`), value(2), 0, 6).Draw(t, "fields")
		rec["messages"] = []any{
			map[string]any{"role": "user", "content": rapid.String().Draw(t, "question")},
			map[string]any{"role": "assistant", "content": "A" + rapid.String().Draw(t, "answer")},
		}
		r := rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "shuffle")))
		var a, b bytes.Buffer
		shuffled(&a, rec, r)
		shuffled(&b, rec, r)
		x, err := ParseRecord(a.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		y, err := ParseRecord(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if x.ID != y.ID || x.ContentID != y.ContentID {
			t.Fatalf("two identities:\n%s\n%s", &a, &b)
		}
		rec["zz"] = "another field"
		var c bytes.Buffer
		shuffled(&c, rec, r)
		z, err := ParseRecord(c.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if z.ID == x.ID || z.ContentID != x.ContentID {
			t.Fatal("a new field should change the record ID alone")
		}
	})
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		good, good + "\n\n" + good, "", "\xef\xbb\xbf" + good, `{"messages":[]}`, `{"a":1e17}`, `{"a":-0.0e-5,"b":[[],{}]}`,
		`{"a":"\ud83d\ude00\u0000","a ":"é"}`, "version https://git-lfs.github.com/spec/v1\n", "[" + good + "]", "{\"a\":\"\xff\"}",
		`{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y","weight":1}]}`, `{"a":1,"\u0061":2}`,
		`{"messages":[{"role":"assistant","content":"\r\n x \r"}],"n":9007199254740992,"t":{"q":[true,null,"s"]}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Read("fuzz", bytes.NewReader(data))
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 0 || e.Line > bytes.Count(data, []byte("\n"))+1 || e.Column > len(data)+1 {
				t.Fatalf("bad error %#v", err)
			}
			return
		}
		if d.Bytes != int64(len(data)) {
			t.Fatalf("read %d of %d bytes", d.Bytes, len(data))
		}
		if d.Bytes > 0 && bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(data, bom), " \t\r\n"), []byte("[")) {
			return // an array, see FuzzFormats
		}
		lines := strings.Split(strings.TrimPrefix(string(data), "\xef\xbb\xbf"), "\n")
		for _, r := range d.Records {
			line := lines[r.Line-1]
			want, err := jcs.Transform([]byte(line))
			if err != nil {
				t.Fatalf("jcs refuses %q: %v", line, err)
			}
			got, _, err := canonical(line)
			if err != nil || got != string(want) {
				t.Fatalf("canonical form of %q is %q, %v; jcs says %q", line, got, err, want)
			}
			if !json.Valid([]byte(line)) {
				t.Fatalf("accepted %q, which is not JSON", line)
			}
			if turns := turnsOf(t, &r); turns[len(turns)-1].Role != "assistant" && turns[0].Role != engine.PlainText {
				t.Fatal("last turn is not the assistant's")
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	var text strings.Builder
	note := strings.Repeat(`Pt is a 67 y/o with \"CHF\" on lisinopril 10 mg PO daily.\n`, 10)
	for i := range 2200 {
		text.WriteString(`{"id":"note-` + strings.Repeat("x", i%7) + `","patient":"p17","quality":"clean","tags":["a","b"],"messages":[{"role":"system","content":"Extract."},{"role":"user","content":"` + note + `"},{"role":"assistant","content":"{\"medications\":[]}"}]}` + "\n")
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		read(b, text.String())
	}
}
