package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel can ask another process about each call of some kind before it makes
// it: seccomp_unotify(2). So a test stops a real process at any write, or has the
// write fail, without a line for it in what is tested, and without privileges.

// interface of the kernel, linux/seccomp.h.
const (
	flagTsync         = 1 << 0
	flagListener      = 1 << 3
	flagTsyncESRCH    = 1 << 4
	flagWaitKillable  = 1 << 5
	setModeFilter     = 1
	returnNotify      = 0x7fc00000
	returnAllow       = 0x7fff0000
	receiveNotice     = 0xc0502100
	sendAnswer        = 0xc0182101
	answerGoOn        = 1
	noticePoll        = 50 * time.Millisecond // how soon it is seen that a test's time is over
	longestPath       = 4096
	loadWord          = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	jumpEqual         = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	returnConstant    = unix.BPF_RET | unix.BPF_K
	inheritedSocket   = 3 // the first of exec.Cmd.ExtraFiles
	oneDescriptorSize = 4
)

type notice struct {
	ID    uint64
	Pid   uint32
	Flags uint32
	Call  int32
	Arch  uint32
	IP    uint64
	Args  [6]uint64
}

type answer struct {
	ID    uint64
	Value int64
	Error int32
	Flags uint32
}

// asked lists the calls that are asked about, and which argument names the file: a
// descriptor, or else a path.
var asked = map[int32]struct {
	name       string
	arg        int
	descriptor bool
}{
	unix.SYS_WRITE:           {"write", 0, true},
	unix.SYS_PWRITE64:        {"write", 0, true},
	unix.SYS_COPY_FILE_RANGE: {"write", 2, true},
	unix.SYS_FSYNC:           {"sync", 0, true},
	unix.SYS_FDATASYNC:       {"sync", 0, true},
	unix.SYS_FTRUNCATE:       {"truncate", 0, true},
	unix.SYS_RENAMEAT:        {"rename", 3, false},
	unix.SYS_MKDIRAT:         {"mkdir", 1, false},
}

// handOver lets the process at the other end of the socket decide on this one's
// calls, and those of all that it starts.
func handOver() error {
	if err := os.Unsetenv(callsVariable); err != nil { // what it starts is covered
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := []unix.SockFilter{{Code: loadWord}} // the number of the call
	for number := range asked {
		program = append(program,
			unix.SockFilter{Code: jumpEqual, K: uint32(number), Jf: 1},
			unix.SockFilter{Code: returnConstant, K: returnNotify})
	}
	program = append(program, unix.SockFilter{Code: returnConstant, K: returnAllow})
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, setModeFilter, flagTsync|flagListener|flagTsyncESRCH|flagWaitKillable, uintptr(unsafe.Pointer(&filter)))
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return errors.Join(unix.Sendmsg(inheritedSocket, nil, unix.UnixRights(int(fd)), nil, 0), unix.Close(int(fd)), unix.Close(inheritedSocket))
}

// ending is how a daybook ended.
type ending struct {
	out, err string
	code     int // -1 if it was killed
}

// decided runs a daybook whose calls that change files are decided on: 0 lets a
// call happen, anything else is the error that it fails with. Where decide has
// killed the process, its answer means nothing. It returns when the process and
// all that it started are gone. Where the kernel can't do it, the test is skipped.
func decided(tb testing.TB, cmd *exec.Cmd, decide func(call) syscall.Errno) ending {
	tb.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "calls")
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = &out, &problems, []*os.File{theirs}
	cmd.Env = append(cmd.Env, callsVariable+"="+strconv.Itoa(inheritedSocket))
	if err := errors.Join(cmd.Start(), theirs.Close()); err != nil {
		tb.Fatal(err)
	}
	listener, err := received(pair[0])
	if err != nil {
		_ = cmd.Wait() // it says why
		tb.Skipf("the kernel lets no test decide on calls: %v\n%s", err, problems.Bytes())
	}
	// Wait may wait for the pipes of a worker that outlives its runner, whose calls
	// are to be answered meanwhile.
	served := make(chan error, 1)
	go func() { served <- serveCalls(listener, decide) }()
	_ = cmd.Wait() // the exit code tells
	if err := errors.Join(<-served, unix.Close(listener), unix.Close(pair[0])); err != nil {
		tb.Fatal(err)
	}
	return ending{out.String(), problems.String(), cmd.ProcessState.ExitCode()}
}

// received takes the descriptor that handOver sent.
func received(socket int) (int, error) {
	var one [1]byte
	rights := make([]byte, unix.CmsgSpace(oneDescriptorSize))
	_, n, _, _, err := unix.Recvmsg(socket, one[:], rights, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return 0, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil || len(messages) == 0 {
		return 0, errors.Join(errors.New("no descriptor came"), err)
	}
	descriptors, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return 0, err
	}
	return descriptors[0], nil
}

// serveCalls answers until no process is left to ask.
func serveCalls(listener int, decide func(call) syscall.Errno) error {
	for {
		poll := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		_, err := unix.Poll(poll, int(noticePoll.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("poll: %w", err)
		}
		if poll[0].Revents&unix.POLLHUP != 0 {
			return nil
		}
		if poll[0].Revents&unix.POLLIN == 0 {
			continue
		}
		var n notice
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), receiveNotice, uintptr(unsafe.Pointer(&n))); errno != 0 {
			if errno == unix.ENOENT || errno == unix.EINTR { // its thread is gone
				continue
			}
			return fmt.Errorf("receive: %w", errno)
		}
		a := answer{ID: n.ID, Flags: answerGoOn}
		if c, ok := n.call(); ok {
			if errno := decide(c); errno != 0 {
				a = answer{ID: n.ID, Error: -int32(errno)}
			}
		}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), sendAnswer, uintptr(unsafe.Pointer(&a))); errno != 0 && errno != unix.ENOENT {
			return fmt.Errorf("answer: %w", errno)
		}
	}
}

// call looks up what a notice is about. It is not ok if that is no file, or if the
// thread is gone.
func (n *notice) call() (call, bool) {
	kind := asked[n.Call]
	c := call{name: kind.name}
	var err error
	if kind.descriptor {
		c.path, err = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", n.Pid, int32(n.Args[kind.arg])))
	} else {
		c.path, err = textOf(int(n.Pid), uintptr(n.Args[kind.arg]))
	}
	if err != nil || !filepath.IsAbs(c.path) {
		return c, false
	}
	c.pid, err = process(int(n.Pid))
	return c, err == nil
}

// textOf reads a C string of a process.
func textOf(pid int, at uintptr) (string, error) {
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return "", err
	}
	text := make([]byte, longestPath)
	n, err := memory.ReadAt(text, int64(at))
	if n > 0 {
		err = nil // the page after it may be nobody's
	}
	path, _, _ := bytes.Cut(text[:n], []byte{0})
	return string(path), errors.Join(err, memory.Close())
}

// process returns the process of a thread.
func process(thread int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", thread))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if id, ok := strings.CutPrefix(line, "Tgid:"); ok {
			return strconv.Atoi(strings.TrimSpace(id))
		}
	}
	return 0, fmt.Errorf("thread %d has no process", thread)
}
