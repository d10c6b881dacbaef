package sweeps

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sameCut fails unless text that is cut into runs first gives what it gives decoded
// whole: a plan, or what is wrong.
func sameCut(t interface{ Fatalf(string, ...any) }, text []byte, want *plan, wrong *SpecError) {
	in, err := parseSweep(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	got, fault := expand(in)
	if (fault == nil) != (wrong == nil) || fault != nil && (fault.Error() != wrong.Error() || fault.Advice != wrong.Advice || !reflect.DeepEqual(fault.Axes, wrong.Axes)) {
		t.Fatalf("cut: %v, whole: %v\n%s", fault, wrong, text)
	}
	if fault == nil && (got.name != want.name || !reflect.DeepEqual(got.axes, want.axes) || !reflect.DeepEqual(got.runs, want.runs)) {
		t.Fatalf("cut: %+v\nwhole: %+v\n%s", got, want, text)
	}
}

// TestCut draws sweeps from parts some of which are wrong in some place.
func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// one draws mostly right parts, or a wrong one now and then.
		one := func(name string, right []string, wrong ...string) string {
			if rapid.IntRange(0, 60).Draw(t, name+" is wrong") == 60 {
				return rapid.SampledFrom(wrong).Draw(t, name)
			}
			return rapid.SampledFrom(right).Draw(t, name)
		}
		var runs []string
		for i := range rapid.IntRange(1, 12).Draw(t, "runs") {
			members := []string{
				one("base", []string{`"base": {"model": "m"}`, `"base": { "model" : "m\u0041 \\" }`, `"base":{"model":"m","quantization":"none"}`}, `"base": {"model": 1}`, `"base": null`, `"bases": {}`),
				one("data", []string{`"data": {"source": "d"}`, `"data": {"source": "d", "subset": {"op": "take", "count": 3, "where": {"a": [1, null, "}]"]}}}`}, `"data": {"source": ["d"], "subset": {"op": "no"}}`, `"data": []`),
				one("train", []string{`"train": {}`, `"train": {"lora": {"rank": 8, "targets": ["down_proj", "q_proj"]}, "learning_rate": 1e-4}`}, `"train": {"epochs": 0}`, `"train": {"lora": {"rank": "8"}}`),
				one("seed", []string{fmt.Sprintf(`"seed": %d`, i), `"seed": 0`, `"seed" : 9007199254740991 `, `"seed": 3.0`, `"seed": 1e2`}, `"seed": -1`, `"seed": 1.5`, `"seed": "1"`, `"seed": 9007199254740992`, `"seed": null`),
			}
			if rapid.Bool().Draw(t, "default seed") {
				members = members[:3]
			}
			axes := one("axes", []string{fmt.Sprintf(`"axes": {"a": %d}`, i)}, `"axes": {"b": 1}`, `"axes": null`, `"axes": {"a": 0}`, `"axes": 3`)
			spec := one("spec", []string{`"spec": {` + strings.Join(rapid.Permutation(members).Draw(t, "order"), ", ") + "}"}, `"spec": null`, `"spec": {}`, `"spec": []`)
			runs = append(runs, one("run", []string{"{" + axes + ",\n\t" + spec + " }"}, "{"+axes+"}", "{"+spec+"}", "7", `{"axes": {}, "spec": {}, "more": 1}`))
		}
		text := []byte(one("sweep", []string{`{"name": "s", "axes": ["a"], "runs": [` + strings.Join(runs, " , ") + "] }\n"}, `{"name": "s", "runs": []}`, `{"name": "s", "runs": {}}`, `[]`, `{"runs": [`+runs[0]+`]}`))
		in, err := parseJSON(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		p, fault := expand(in)
		sameCut(t, text, p, fault)
	})
}
