package cuda

import (
	"errors"
	"testing"

	"daybook/engine"
)

func TestBeyondWindow(t *testing.T) {
	b := &engine.Batch{}
	b.Add(make([]int32, 3), nil, 0)
	b.Add(make([]int32, 5), nil, 0)
	for window, fine := range map[int]bool{0: true, 4: false, 5: true, 6: true} {
		err := beyondWindow(b, engine.Shape{Window: window})
		var hint interface{ Hint() string }
		if (err == nil) != fine || err != nil && (!errors.As(err, &hint) || hint.Hint() == "") {
			t.Errorf("window of %d: %v", window, err)
		}
	}
}
