package reports

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{score(.8124), ".812"},
		{score(.9996), "1.000"},
		{score(1), "1.000"},
		{score(0), ".000"},
		{score(-.0001), ".000"},
		{score(-.0125), "-.013"},
		{score(1.2345), "1.234"},
		{score(9.9996), "10.00"},
		{score(12.345), "12.35"},
		{score(99.996), "100.0"},
		{score(-123.45), "-123.5"},
		{score(10), "10.00"},
		{signed(.123), "+.123"},
		{signed(-.123), "-.123"},
		{signed(.0001), ".000"},
		{signed(0), ".000"},
		{bound(-.0003), "-.000"},
		{bound(.0003), "+.000"},
		{bound(0), ".000"},
		{bound(-.146), "-.146"},
		{bound(.146), ".146"},
		{Tokens(812), "812"},
		{Tokens(9_999), "9999"},
		{Tokens(76_800), "76.8k"},
		{Tokens(999_950), "1.0M"},
		{Tokens(1_234_567), "1.2M"},
		{Tokens(2_500_000_000), "2.5G"},
		{Duration(.04), "0.0s"},
		{Duration(4.22), "4.2s"},
		{Duration(9.96), "10s"},
		{Duration(45.4), "45s"},
		{Duration(59.6), "1m00s"},
		{Duration(72), "1m12s"},
		{Duration(3599.7), "1h00m"},
		{Duration(11_100), "3h05m"},
		{Bytes(412), "412 B"},
		{Bytes(412 << 10), "412 KiB"},
		{Bytes(1<<20 - 1), "1.0 MiB"},
		{Bytes(5 << 29), "2.5 GiB"},
		{commas(0), "0"},
		{commas(999), "999"},
		{commas(10_000), "10,000"},
		{commas(1_234_567), "1,234,567"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestCells(t *testing.T) {
	v, sd := .8124, .0136
	apart := &Comparison{Difference: .123, Low: .1, High: .146, P: .0002, Adjusted: .0008}
	tied := &Comparison{Difference: -.004, Low: -.02, High: .012, P: .61, Adjusted: .9996}
	for _, c := range []struct {
		cell        Cell
		text, brief string
	}{
		{scoreCell{&v, &sd}, ".812 ± .014", ".812"},
		{scoreCell{&v, nil}, ".812", ".812"},
		{scoreCell{nil, nil}, "", ""},
		{differenceCell{Comparison: apart}, "+.123 [.100, .146]", "+.123"},
		{differenceCell{Comparison: tied}, "~ -.004 [-.020, .012]", "~ -.004"},
		{differenceCell{instead: "best"}, "best", "best"},
		{pCell{apart}, "<.001", "<.001"},
		{pCell{tied}, "1", "1"},
		{pCell{&Comparison{Adjusted: .0123}}, ".012", ".012"},
		{pCell{nil}, "", ""},
		{ratioCell{&Ratio{12, 843}}, "12/843", "12/843"},
		{ratioCell{nil}, "", ""},
		{listCell{"3", "3"}, "3", "3"},
		{listCell{"3", "2"}, "3,2", "3,2"},
		{listCell{}, "", ""},
		{seedsCell{1, 2}, "1/2", "1/2"},
		{valueCell{value: &v, marked: true, note: " (1/2)"}, ".812 (1/2)*", ".812 (1/2)*"},
		{amountCell{0, Bytes}, "", ""},
	} {
		if c.cell.Text() != c.text || c.cell.Brief() != c.brief {
			t.Errorf("%+v is %q or %q, want %q or %q", c.cell, c.cell.Text(), c.cell.Brief(), c.text, c.brief)
		}
	}
}

// TestScoreRounds: three digits are right to half a unit of the last.
func TestScoreRounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64Range(-9.99, 9.99).Draw(t, "v")
		back, err := strconv.ParseFloat(score(v), 64)
		if err != nil || math.Abs(back-v) > .0005000001 {
			t.Fatalf("%g is written %s", v, score(v))
		}
	})
}

func TestWrap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("ab é世 "))).Draw(t, "text")
		width := rapid.IntRange(10, 30).Draw(t, "width")
		joined := ""
		for i, line := range Wrap(text, width) {
			if i > 0 {
				line = line[len(indent):]
				joined += " "
			}
			joined += line
		}
		if want := strings.Join(strings.Fields(text), " "); joined != want {
			t.Fatalf("%q became %q", want, joined)
		}
	})
}

// TestFieldsOfAmounts: a column of counts has one notation.
func TestFieldsOfAmounts(t *testing.T) {
	for _, c := range []Cell{amountCell{1_442_986, Bytes}, ratioCell{&Ratio{1_442_986, 25_000_000}}} {
		if got := c.Fields(); strings.ContainsAny(strings.Join(got, ""), "e+.") || got[0] != "1442986" {
			t.Errorf("%v", got)
		}
	}
}
