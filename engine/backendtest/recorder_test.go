package backendtest

import (
	"reflect"
	"slices"
	"testing"

	"daybook/engine"
)

// TestMissing calls every method of a backend but one.
func TestMissing(t *testing.T) {
	backend := reflect.TypeFor[engine.Backend]()
	for left := range backend.NumMethod() {
		c := &calls{names: map[string]bool{}}
		for i := range backend.NumMethod() {
			if i != left {
				call(recorder{called: c}, backend.Method(i).Name)
			}
		}
		if got, want := c.missing(), []string{backend.Method(left).Name}; !slices.Equal(got, want) {
			t.Errorf("%v were not called, want %v", got, want)
		}
	}
}

// call calls a method with zero values, behind which there is no backend.
func call(r recorder, method string) {
	defer func() { _ = recover() }() // it is noted before that fails
	m := reflect.ValueOf(r).MethodByName(method)
	args := make([]reflect.Value, m.Type().NumIn())
	for i := range args {
		args[i] = reflect.Zero(m.Type().In(i))
	}
	m.Call(args)
}
