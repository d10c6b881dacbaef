package dataset

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"daybook/engine"
)

func TestNearID(t *testing.T) {
	of := func(content string) [32]byte { return NearID([]engine.Turn{{Role: "user", Content: content}}) }
	same := of("Straße nach  Köln, 5 mg fi")
	for _, content := range []string{"Straße nach Köln, 5 mg ﬁ", "STRASSE NACH KÖLN,\t5 MG FI", "\r\nstrasse nach Ko\u0308ln, 5\u00a0mg fi ", "Straße nach Köln, ５ mg fi"} {
		if of(content) != same {
			t.Errorf("%q is not near", content)
		}
	}
	for _, content := range []string{"Straße nachKöln, 5 mg fi", "Straße nach Köln, 5 mg f", "Strase nach Köln, 5 mg fi", ""} {
		if of(content) == same {
			t.Errorf("%q is near", content)
		}
	}
	if of("ABC def") != of("abc  DEF") || of("ſ") != of("s") {
		t.Error("letters without accents, or others, fold in another way")
	}
	if NearID([]engine.Turn{{Role: "user", Content: "a"}}) == NearID([]engine.Turn{{Role: "assistant", Content: "a"}}) {
		t.Error("who says it makes no difference")
	}
}

// TestNearVectors compares with what testdata/near.py makes, by other tables.
func TestNearVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/near.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Turns [][2]string
		Near  string
	}
	if err := json.Unmarshal(data, &vectors); err != nil || len(vectors) < 5 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, v := range vectors {
		var turns []engine.Turn
		for _, turn := range v.Turns {
			turns = append(turns, engine.Turn{Role: turn[0], Content: turn[1]})
		}
		if got := NearID(turns); hex.EncodeToString(got[:]) != v.Near {
			t.Errorf("%q: %x, want %s", v.Turns, got, v.Near)
		}
	}
}
