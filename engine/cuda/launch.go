package cuda

// fn returns the kernel of operation op that is name with the compute type
// behind it: fn("rmsnorm", "rmsnorm_forward") is rmsnorm_forward_bf16 or
// rmsnorm_forward_f32. The operation's image is loaded at the first call.
func (b *Backend) fn(op, name string) (*function, error) {
	return b.kernel(op, name+"_"+b.suffix)
}

// launch queues f on the backend's stream. Each of args becomes one parameter of
// the kernel, by type:
//
//	matrix     two: the address, and the row stride in elements as int64_t
//	pointer    a device address
//	int        int64_t
//	int32      int32_t
//	uint32     uint32_t
//	float32    float
//	[2]uint32  two: uint32_t each
func (b *Backend) launch(f *function, grid [3]int, threads, sharedBytes int, args ...any) error {
	return b.queue(f, grid, threads, sharedBytes, false, args)
}

// launchEarly is launch for a kernel that itself waits for the one in front of it
// (griddepcontrol.wait), as images for Hopper can: the device may start its blocks
// while that one still runs. With other images it is launch.
func (b *Backend) launchEarly(f *function, grid [3]int, threads, sharedBytes int, args ...any) error {
	return b.queue(f, grid, threads, sharedBytes, b.arch == "sm_90a", args)
}
