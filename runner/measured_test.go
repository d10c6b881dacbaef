package runner_test

import (
	"testing"

	"daybook/runner"
)

func TestMeasuredText(t *testing.T) {
	third := 1. / 3
	for _, c := range []struct {
		metric string
		m      runner.Measured
		want   string
	}{
		{"loss", runner.Measured{Value: &third, Num: 1, Den: 3}, "0.3333"},
		{"loss", runner.Measured{}, "–"},
		{"invented(meds)", runner.Measured{Value: &third, Num: 11, Den: 33}, "11/33"},
		{"invented(meds)", runner.Measured{}, "0/0"},
	} {
		if got := c.m.Text(c.metric, 4); got != c.want {
			t.Errorf("%s of %+v is %s, want %s", c.metric, c.m, got, c.want)
		}
	}
}
