package runner

import (
	"testing"

	"daybook/engine/metric"
	"daybook/sweeps"
)

// TestMetricsAgree: sweeps names metrics as the engine does.
func TestMetricsAgree(t *testing.T) {
	for _, kind := range metric.Kinds() {
		for _, m := range []sweeps.Metric{
			{Kind: kind, List: "l", Match: []string{"name"}, Schema: []byte(`{}`)},
			{Kind: kind, List: "l", Match: []string{"dose", "name"}, Schema: []byte(`{}`)},
			{Kind: kind, Schema: []byte(`{}`)},
		} {
			built, err := metric.New(metric.Config{Kind: m.Kind, List: m.List, Match: m.Match, Schema: m.Schema})
			if err != nil {
				if m.List == "" {
					continue // it needs one
				}
				t.Fatal(err)
			}
			if built.Name() != m.Name() {
				t.Errorf("%s for sweeps is %s for the engine", m.Name(), built.Name())
			}
		}
		spec, err := sweeps.ParseSpec([]byte(`{"base": {"model": "b"}, "data": {"source": "d"}, "eval": {"metrics": ["` + kind + `"]}}`))
		if err == nil {
			_, err = Metrics(spec.Eval)
		} else if _, missing := metric.New(metric.Config{Kind: kind}); missing != nil {
			err = nil // neither takes it without parameters
		}
		if err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
