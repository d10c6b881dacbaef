package cpu

// #include "kernels.h"
import "C"

// exp returns the exponentials that kernels of a variant compute.
func exp(variant int, x []float32) []float32 {
	out := make([]float32, len(x))
	C.math_exp(C.int(variant), (*C.float)(&x[0]), (*C.float)(&out[0]), C.int64_t(len(x)))
	return out
}

// log returns the logarithm that kernels compute.
func log(x float32) float32 { return float32(C.math_log(C.float(x))) }
