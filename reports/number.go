package reports

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// score writes a metric's value to three digits, without the zero before the
// point: .812, 1.234, 12.34, 123.4.
func score(v float64) string {
	digits := 3
	if a := math.Abs(v); a >= 99.995 {
		digits = 1
	} else if a >= 9.9995 {
		digits = 2
	}
	s := strconv.FormatFloat(v, 'f', digits, 64)
	switch {
	case strings.Trim(s, "-0.") == "":
		return ".000" // no negative zero
	case strings.HasPrefix(s, "0."):
		return s[1:]
	case strings.HasPrefix(s, "-0."):
		return "-" + s[2:]
	}
	return s
}

// signed writes a difference: +.123.
func signed(v float64) string {
	s := score(v)
	if v > 0 && s != ".000" {
		return "+" + s
	}
	return s
}

// bound writes the end of an interval. One that rounds to zero keeps its sign,
// since it matters whether the interval holds zero.
func bound(v float64) string {
	s := score(v)
	switch {
	case s == ".000" && v > 0:
		return "+" + s
	case s == ".000" && v < 0:
		return "-" + s
	}
	return s
}

// exact writes a number so that reading it gives the same number; "" for nil.
func exact(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}

// digits writes an amount so that reading it gives the same number, as digits
// alone: a column of them has one notation.
func digits(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// Tokens writes a count of tokens or parameters: 812, 76.8k, 1.2M.
func Tokens(n float64) string {
	switch {
	case n >= 999_950_000:
		return fmt.Sprintf("%.1fG", n/1e9)
	case n >= 999_950:
		return fmt.Sprintf("%.1fM", n/1e6)
	case n >= 9_999.5:
		return fmt.Sprintf("%.1fk", n/1e3)
	}
	return fmt.Sprintf("%.0f", n)
}

// Duration writes seconds: 4.2s, 45s, 1m12s, 3h05m.
func Duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < 9950*time.Millisecond:
		return fmt.Sprintf("%.1fs", seconds)
	case d < time.Minute-time.Second/2:
		return fmt.Sprintf("%.0fs", seconds)
	case d < time.Hour-time.Second/2:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// Bytes writes a size: 412 B, 412 KiB, 1.2 MiB.
func Bytes(bytes float64) string {
	switch {
	case bytes < 1<<10:
		return fmt.Sprintf("%.0f B", bytes)
	case bytes < 1<<20-1<<9:
		return fmt.Sprintf("%.0f KiB", bytes/(1<<10))
	case bytes < 1<<30-1<<19:
		return fmt.Sprintf("%.1f MiB", bytes/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", bytes/(1<<30))
}

// commas writes a whole number: 10,000.
func commas(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
