package dataset

import (
	"errors"
	"testing"
)

func TestIdentify(t *testing.T) {
	usual := []byte(`{"prompt": "a", "completion": "b", "id": "n1"}`)
	want, err := ParseRecord(usual)
	if err != nil {
		t.Fatal(err)
	}
	got, ok, err := Identify(usual, Fields{})
	if err != nil || !ok || got.ID != want.ID || got.ContentID != want.ContentID {
		t.Errorf("got %v, %t, %v", got.ID, ok, err)
	}
	named := []byte(`{"question": "a", "answer": "b"}`)
	alone, ok, err := Identify(named, Fields{})
	if err != nil || ok || alone.ID == want.ID || alone.ContentID != ([32]byte{}) {
		t.Errorf("without fields: %v, %t, %v", alone, ok, err)
	}
	got, ok, err = Identify(named, Fields{Prompt: "question", Completion: "answer"})
	if err != nil || !ok || got.ID != alone.ID || got.ContentID != want.ContentID {
		t.Errorf("with fields: %v, %t, %v", got.ID, ok, err)
	}
	if _, _, err := Identify([]byte(`["a"]`), Fields{}); !errors.Is(err, ErrNotObject) {
		t.Errorf("got %v", err)
	}
}
