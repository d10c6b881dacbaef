package runner

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// processSpace identifies what process numbers are unique in: a boot of the
// kernel and a namespace of processes. It is "" if that is not known.
func processSpace() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + space
}

// processStart returns when a process of this space began, in clock ticks since
// the boot, and whether it is alive. One that has ended and waits for its parent
// to notice is not.
func processStart(pid int) (start string, alive bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false
	}
	// The name, in parentheses, may hold anything; state is the 3rd field and the
	// start the 22nd, proc_pid_stat(5).
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 20 {
		return "", false
	}
	return fields[19], fields[0] != "Z" && fields[0] != "X"
}
