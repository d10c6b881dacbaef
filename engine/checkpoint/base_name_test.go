package checkpoint

import "testing"

func TestReadName(t *testing.T) {
	for config, want := range map[string]string{
		`{}`: "",
		`{"_name_or_path": "meta-llama/Llama-3.2-1B"}`:      "meta-llama/Llama-3.2-1B",
		`{"_name_or_path": "/home/someone/models/llama"}`:   "llama",
		`{"_name_or_path": "../someone/llama/"}`:            "llama",
		`{"_name_or_path": "C:\\Users\\someone\\llama-1b"}`: "llama-1b",
	} {
		if got, err := readName([]byte(config)); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", config, got, err, want)
		}
	}
	if _, err := readName([]byte(`{"_name_or_path": 3}`)); err == nil {
		t.Error("a number is no name")
	}
}
