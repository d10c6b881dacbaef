package metric

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// loss is the mean negative log-likelihood of a target token; perplexity is e to it.
func loss(c Case) Score { return Score{c.NLL, float64(c.Targets)} }

func tokenAccuracy(c Case) Score { return Score{float64(c.Hits), float64(c.Targets)} }

func exactMatch(c Case) Score {
	return yes(strings.TrimSpace(c.Prediction) == strings.TrimSpace(c.Reference))
}

func jsonValid(c Case) Score { return yes(json.Valid([]byte(c.Prediction))) }

func yes(ok bool) Score {
	if ok {
		return Score{1, 1}
	}
	return Score{0, 1}
}

// schemaValid compiles a JSON Schema (draft 2020-12 unless it names another).
// References to other documents are refused: a score may not depend on a file
// or a server that the ledger doesn't know.
func schemaValid(schema json.RawMessage) (func(Case) Score, error) {
	if len(bytes.TrimSpace(schema)) == 0 {
		return nil, errors.New("needs a JSON Schema")
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	const url = "schema.json"
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	if err := c.AddResource(url, doc); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	compiled, err := c.Compile(url)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return func(c Case) Score {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(c.Prediction))
		return yes(err == nil && compiled.Validate(v) == nil)
	}, nil
}

type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is another document; put its definitions under $defs", url)
}
