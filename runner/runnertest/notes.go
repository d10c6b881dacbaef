package runnertest

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Marker is a word in every note and in no configuration: wherever else it
// turns up, record text has leaked.
const Marker = "Quillfeather"

// Notes returns n records as JSON Lines in messages form, three to a patient,
// every third of them noisy: its gold answer swaps the fields.
func Notes(n int) []byte {
	drugs := []string{"lisinopril", "metformin", "warfarin", "atenolol", "naproxen"}
	type turn struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	var out bytes.Buffer
	lines := json.NewEncoder(&out)
	for i := range n {
		drug, dose, quality := drugs[i%len(drugs)], fmt.Sprintf("%d mg", 5*(1+i%7)), "clean"
		name, amount := drug, dose
		if i%3 == 2 {
			quality = "noisy"
			name, amount = dose, drug
		}
		record := struct {
			ID       string `json:"id"`
			Patient  string `json:"patient"`
			Quality  string `json:"quality"`
			Messages []turn `json:"messages"`
		}{
			fmt.Sprintf("n%02d", i+1), fmt.Sprintf("p%02d", i/3+1), quality, []turn{
				{"user", fmt.Sprintf("%s %d: %s %s PO", Marker, i+1, drug, dose)},
				{"assistant", fmt.Sprintf(`{"meds":[{"name":%q,"dose":%q}]}`, name, amount)},
			},
		}
		if err := lines.Encode(record); err != nil {
			panic(err) // strings always encode
		}
	}
	return out.Bytes()
}
