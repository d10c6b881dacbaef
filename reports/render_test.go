package reports

import (
	"fmt"
	"testing"
)

func TestGolden(t *testing.T) {
	r := must(New(clinical.results(), Options{}))(t)
	for _, width := range []int{60, 80, 120, 200, 0} {
		golden(t, fmt.Sprintf("clinical.%d.txt", width), rendered(t, r, FormatTable, width))
	}
	golden(t, "clinical.md", rendered(t, r, FormatMarkdown, 0))
	golden(t, "clinical.csv", rendered(t, r, FormatCSV, 0))
	golden(t, "clinical.json", rendered(t, r, FormatJSON, 0))
}

func BenchmarkNew(b *testing.B) {
	res := clinical.results()
	for b.Loop() {
		if _, err := New(res, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
