package metric

import (
	"testing"

	"daybook/engine"
	"daybook/engine/dataset"
)

// TestClinicalGold holds the metrics against the worked experiment: the clean
// gold answers are right by construction, so nothing in them may look invented.
func TestClinicalGold(t *testing.T) {
	d, err := dataset.Open("../../experiments/clinical/data/notes.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	invented, f1 := build(t, Config{Kind: "invented", List: "medications"}), build(t, Config{Kind: "field_f1", List: "medications"})
	var clean, noisy, total Score
	for i := range d.Records {
		r := &d.Records[i]
		turns, err := r.Turns()
		if err != nil {
			t.Fatal(err)
		}
		c := gold(turns)
		s := invented.Score(c)
		total = total.Add(f1.Score(c))
		if quality, _ := r.Field("quality"); quality != "clean" {
			noisy = noisy.Add(s)
			continue
		}
		clean = clean.Add(s)
		if s.Num > 0 {
			t.Errorf("line %d: %v of %v gold values look invented\n%s\n%s", r.Line, s.Num, s.Den, c.Source, c.Reference)
		}
	}
	if total.Num == 0 || total.Num != total.Den {
		t.Errorf("gold against itself: F1 is %v over %v", total.Num, total.Den)
	}
	if clean.Den == 0 || noisy.Num < noisy.Den/50 {
		t.Errorf("clean %v, noisy %v: annotation faults include drugs that aren't in the text", clean, noisy)
	}
}

func gold(turns []engine.Turn) Case {
	var c Case
	for _, turn := range turns {
		if turn.Role == "assistant" {
			c.Reference, c.Prediction = turn.Content, turn.Content
		} else {
			c.Source += turn.Content + "\n"
		}
	}
	return c
}

func BenchmarkInvented(b *testing.B) {
	m := build(b, Config{Kind: "invented", List: "medications"})
	c := Case{
		Source:     "28M red eye, ibuprofen held for low BP, start Timoptic 1 gtt ophth BID OS, wt 81. Continues Zestril 40mg p.o. daily",
		Prediction: `{"medications":[{"name":"Timoptic","dose":"1 drop","frequency":"twice daily","route":"ophthalmic","instructions":"left eye"},{"name":"Zestril","dose":"40 mg","frequency":"once daily","route":"oral","instructions":null}]}`,
	}
	for b.Loop() {
		m.Score(c)
	}
}
