package sweeps

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzPlain feeds the decoder what no library has shaped. Whatever it accepts
// must come back the same from its own plain form.
func FuzzPlain(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `null`, `{"name":"s","runs":[]}`, `{"name":"s","axes":["a","a"],"runs":[{}]}`,
		`{"name":"s","axes":["rank"],"runs":[{"axes":{"rank":4},"spec":{"base":{"model":"m"},"data":{"source":"d"}}}]}`,
		`{"name":"s","runs":[{"spec":{"base":{"model":"m"},"data":{"source":"d","subset":{"op":"union","of":[{"op":"take","count":3,"where":{"a":[1,null,"x"]}}]}}}}]}`,
		`{"name":"s","runs":[{"spec":{"base":{"model":"m","quantization":"none"},"data":{"source":"d"},"seed":9007199254740991,
		  "eval":{"select":{"kind":"field_f1","list":"l","match":"k"},"metrics":[{"kind":"field_f1","list":"l","match":"k"},{"kind":"schema_valid","schema":true}],
		  "baselines":[{"kind":"k_shot","shots":2}]},"train":{"lora":{"targets":["down_proj","q_proj"],"rank":-0.0}}}}]}`,
		`{"name":"s","axes":[{"name":"a","values":[1e-7,true,"x y"]}],"runs":[{"axes":{"a":1e-7},"spec":{"train":{"epochs":1e400}}}]}`,
		`{"name":"\u0000","axes":[{"path":"train.+"}],"runs":[[[[{"":{"a b":{}}}]]]]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := parseJSON(data)
		if err != nil {
			return
		}
		p, fault := expand(in)
		sameCut(t, data, p, fault)
		if fault != nil {
			if !errors.Is(fault, ErrInvalid) || fault.Message == "" {
				t.Fatalf("%#v", fault)
			}
			pathTokens(fault.Path)
			return
		}
		s := &Sweep{Name: p.name, Axes: p.axes, Runs: p.runs}
		plain, err := s.Plain()
		if err != nil {
			t.Fatal(err)
		}
		in, err = parseJSON(plain)
		if err != nil {
			t.Fatal(err)
		}
		again, fault := expand(in)
		if fault != nil {
			t.Fatalf("refused its own plain form: %v\n%s", fault, plain)
		}
		for i := range p.runs {
			a, err1 := p.runs[i].Spec.Canonical()
			b, err2 := again.runs[i].Spec.Canonical()
			if err1 != nil || err2 != nil || !bytes.Equal(a, b) || p.runs[i].Label() != again.runs[i].Label() {
				t.Fatalf("run %d changed:\n%s %s %v\n%s %s %v", i, p.runs[i].Label(), a, err1, again.runs[i].Label(), b, err2)
			}
			spec, err := ParseSpec(a)
			if err != nil {
				t.Fatal(err)
			}
			if c, err := spec.Canonical(); err != nil || !bytes.Equal(a, c) {
				t.Fatalf("spec %d changed: %s, %v", i, c, err)
			}
		}
	})
}
