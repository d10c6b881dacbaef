package cuda

import (
	"errors"
	"testing"

	"daybook/engine"
)

func TestSupports(t *testing.T) {
	var hint interface{ Hint() string }
	for _, c := range []struct {
		name  string
		shape engine.Shape
		fine  bool
	}{
		{"Llama", engine.Shape{}, true},
		{"Mistral", engine.Shape{Window: 4096}, true},
		{"Qwen2", engine.Shape{QKVBias: true}, false},
		{"Qwen3", engine.Shape{HeadNorm: true}, false},
	} {
		err := Supports(c.shape)
		if (err == nil) != c.fine {
			t.Errorf("%s: %v", c.name, err)
		}
		if !c.fine && (!errors.As(err, &hint) || hint.Hint() == "") {
			t.Errorf("%s: %v has no hint", c.name, err)
		}
	}
}

func TestBeyondWindow(t *testing.T) {
	b := &engine.Batch{}
	b.Add(make([]int32, 3), nil, 0)
	b.Add(make([]int32, 5), nil, 0)
	for window, fine := range map[int]bool{0: true, 4: false, 5: true, 6: true} {
		if err := beyondWindow(b, engine.Shape{Window: window}); (err == nil) != fine {
			t.Errorf("window of %d: %v", window, err)
		}
	}
}
