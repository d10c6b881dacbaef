package serve

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"testing"

	"daybook/runner/talk"
)

// pythonVariable names a Python that has the package of testdata/client.py.
const pythonVariable = "DAYBOOK_TEST_PYTHON"

// TestOpenAIClient asks through OpenAI's own client.
func TestOpenAIClient(t *testing.T) {
	python := os.Getenv(pythonVariable)
	if python == "" {
		t.Skipf("%s names no Python with the package of testdata/client.py", pythonVariable)
	}
	base := openBase(t)
	models := catalog{{Name: BaseName}, random(t, base, 1), random(t, base, 2)}
	all := questions(t, base, models)
	r := start(t, Options{Host: load(t, base, talk.Options{Adapters: 2, Parallel: 4}), Models: models, Queue: 2 * len(all), APIKey: "k"})
	var asked []map[string]string
	for _, q := range all {
		asked = append(asked, map[string]string{"model": q.model, "prompt": q.prompt})
	}
	in, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(t.Context(), python, "testdata/client.py", r.url)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, problems.Bytes(), r.log())
	}
	got := decode[struct {
		Version string
		Models  []string
		Answers []struct {
			Whole, Finish, Streamed string
			Usage                   int
		}
		Errors []string
		GoesOn bool `json:"goes_on"`
	}](t, out.String())
	t.Logf("openai %s", got.Version)
	if want := []string{"base", "random@v1", "random@v2"}; !slices.Equal(got.Models, want) {
		t.Errorf("models %v", got.Models)
	}
	for i, a := range got.Answers {
		if q := all[i]; a.Whole != q.want || a.Streamed != q.want || a.Finish != q.finish || a.Usage == 0 {
			t.Errorf("%s: %+v, want %q", q.model, a, q.want)
		}
	}
	if want := []string{"NotFoundError model_not_found model", "BadRequestError None n", "BadRequestError context_length_exceeded messages"}; !slices.Equal(got.Errors, want) {
		t.Errorf("errors %q, want %q", got.Errors, want)
	}
	if len(got.Answers) != len(all) || !got.GoesOn {
		t.Errorf("%d answers of %d; goes on: %t", len(got.Answers), len(all), got.GoesOn)
	}
}
