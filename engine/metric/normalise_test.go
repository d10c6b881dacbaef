package metric

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestNormalise(t *testing.T) {
	for in, want := range map[string]string{
		"10mg":                           "10 mg",
		"0.50 mg, .5mg":                  "0.5 mg 0.5 mg",
		"1,000 1,5 12,345.60 007 0.0":    "1000 1 5 12345.6 7 0",
		"1.2.3":                          "1.2 3",
		"½ tab":                          "1 / 2 tablet",
		"40 mg/day":                      "40 mg daily",
		"four to six":                    "4 6",
		"q4-6h":                          "every 4 6 hour",
		"b.i.d., TID; 4 times a day":     "2 time daily 3 time daily 4 time daily",
		"one time a day":                 "daily",
		"q8h PRN for pain":               "every 8 hour as needed pain",
		"8 hourly":                       "every 8 hour",
		"as needed pain":                 "as needed pain",
		"p.o. per os OD/OS":              "oral oral right eye per left eye",
		"subq SC sub-Q":                  "subcutaneous subcutaneous subcutaneous",
		"I'm fine, the patient’s wife's": "i'm fine patient wife",
		"hold for SBP <100":              "hold if sbp < 100",
		"below 5 %, less than 5 percent": "< 5 % < 5 %",
		"x7d":                            "during 7 day",
		"3x daily":                       "3 time daily",
		"µg μg mcg":                      "mcg mcg mcg",
		"Lasix furosemide":               "lasix furosemide",
		"twice daily q12h":               "2 time daily every 12 hour",
		"…":                              "",
	} {
		if got := strings.Join(normalise(in), " "); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestTableIsStable checks that each canonical form stands for itself, so that
// a value in canonical form is found.
func TestTableIsStable(t *testing.T) {
	section := ""
	for _, line := range strings.Split(tableText, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
			continue
		}
		to, variants, ok := strings.Cut(line, ":")
		if !ok || section == "[fillers]" {
			continue
		}
		number := func(s string) string { return strings.ReplaceAll(s, "N", "7") }
		want := normalise(number(to))
		for _, v := range strings.Split(variants, "|") {
			if got := normalise(number(v)); section == "[phrases]" && !slices.Equal(got, want) {
				t.Errorf("%q gives %q, but %q gives %q", v, got, to, want)
			}
		}
	}
}

func TestParseTableErrors(t *testing.T) {
	for text, says := range map[string]string{
		"a: b":                      "line 1: want a heading",
		"[words]\nab":               "line 2: want a heading",
		"[words]\na: b | b":         `" b" is listed twice`,
		"[words]\na: b c":           "not a single word",
		"[words]\na: b |":           "empty variant",
		"[phrases]\na: b c\nd: b c": `line 3: "b c" is listed twice`,
		"[phrases]\na N: b":         "different numbers",
		"[phrases]\na N: b N 2":     "different numbers",
		"[fillers]\na | | b":        "empty variant",
	} {
		if _, err := parseTable(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want %q in it", text, err, says)
		}
	}
}

// TestTableVersion makes a change of the table raise the version of invented,
// because scores kept under the old one would no longer be comparable.
func TestTableVersion(t *testing.T) {
	const version, digest = 1, "331f29dee00000234096eddae95e049b3557218a91cf32480e8c5a3b544f7a62"
	if got := fmt.Sprintf("%x", sha256.Sum256([]byte(tableText))); got != digest || kinds["invented"].version != version {
		t.Errorf("table %s has version %d; raise it, then note both here", got, kinds["invented"].version)
	}
}
