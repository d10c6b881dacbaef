package dataset

import (
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
