package runner

import "testing"

func TestBestOf(t *testing.T) {
	lucky := []candidate{{"a", .9, 1}, {"b", .7, 2}, {"a", .1, 3}, {"b", .8, 4}, {"c", .75, 5}}
	for _, c := range []struct {
		why, metric string
		all         []candidate
		want        int
	}{
		{"the best run is in a worse row", "field_f1(x)", lucky, 4},
		{"less is better", "loss", lucky, 3},
		{"the first of equal ones", "field_f1(x)", []candidate{{"a", .5, 1}, {"b", .5, 2}, {"a", .5, 3}}, 1},
		{"a row of one", "field_f1(x)", []candidate{{"a", .5, 1}, {"b", .6, 2}}, 2},
	} {
		if got := bestOf(c.metric, c.all); got != c.want {
			t.Errorf("%s: v%d, want v%d", c.why, got, c.want)
		}
	}
}
