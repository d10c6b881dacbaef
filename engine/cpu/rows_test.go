package cpu

import (
	"slices"
	"testing"
)

func TestGatherAndScatterRows(t *testing.T) {
	be := open(t, million(), Options{})
	x, y := upload(t, be, numbers(12, 1)), upload(t, be, numbers(12, 2))
	from := download(t, be, x)
	rows := []int32{1, 2, 5}
	if err := be.Gather(y, x, rows, 2); err != nil {
		t.Fatal(err)
	}
	if got, want := download(t, be, y)[:6], slices.Concat(from[2:6], from[10:12]); !slices.Equal(got, want) {
		t.Errorf("gathered %v, want %v", got, want)
	}
	if err := be.Scatter(y, rows, 6, 2); err != nil {
		t.Fatal(err)
	}
	want := slices.Concat(make([]float32, 2), from[2:6], make([]float32, 4), from[10:12])
	if got := download(t, be, y); !slices.Equal(got, want) {
		t.Errorf("scattered %v, want %v", got, want)
	}
	for name, err := range map[string]error{
		"a row beyond the source":  be.Gather(y, x, []int32{6}, 2),
		"more rows than fit":       be.Gather(y, x, []int32{0, 0, 0, 0, 0, 0, 0}, 2),
		"more rows than there are": be.Scatter(y, nil, 7, 2),
		"a row beyond the last":    be.Scatter(y, []int32{6}, 6, 2),
		"rows that go back":        be.Scatter(y, []int32{2, 1}, 6, 2),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
