package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"daybook/runner"
	"daybook/runner/serve"
	"daybook/runner/talk"
)

// serveFlags are the flags of serve.
type serveFlags struct {
	sessionFlags
	listen      string
	allowRemote bool
	allowHosts  []string
	queue       int
	timeout     time.Duration
	parallel    int
	keep        int
}

// apiKeyVariable names a key that requests must bring.
const apiKeyVariable = "DAYBOOK_API_KEY"

// maxBody bounds a request: a conversation that fills a context of 128k tokens is
// smaller.
const maxBody = 4 << 20 // bytes

func newServeCommand(e *env) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve [SWEEP]",
		Short: "Answer OpenAI's chat completions with a base and its adapters",
		Long: `Serve keeps one base loaded and answers POST /v1/chat/completions with it, whole or
as a stream. The request's model says who answers: base, an adapter by name@version
or alias, or a name of --adapter. GET /v1/models lists them, those of the ledger as
it is at the moment; GET /health says whether it can answer. Clients of OpenAI's
interface need nothing but http://127.0.0.1:8080/v1 as their base URL.

The base is the one of --base or of SWEEP, else the one that the adapters belong to.

A request without a temperature is answered greedily, as evaluations are, and not
at temperature 1 as OpenAI does. Fields that would change the answer and are not
supported (tools, response_format, logprobs, n above 1) are refused by name.

Requests for one device wait in a queue in which models take turns. No prompt and
no answer is logged or kept. Ctrl-C completes what was begun, and ends.

Only this machine can connect, unless --allow-remote; then set DAYBOOK_API_KEY,
which requests must bring as a bearer token, as clients of OpenAI's do.`,
		Example: `  daybook serve
  daybook serve experiments/clinical/sweep.jsonnet --listen 127.0.0.1:9000
  daybook serve --base hf:org/name --adapter mine=./from-peft
  curl http://127.0.0.1:8080/v1/chat/completions -H 'Content-Type: application/json' \
    -d '{"model": "clinical@best", "messages": [{"role": "user", "content": "Hello"}]}'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(args); err != nil {
				return err
			}
			return runServe(cmd.Context(), e, f, args)
		},
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8080", "`address` to listen on; port 0 takes a free one")
	flags.BoolVar(&f.allowRemote, "allow-remote", false, "let --listen name an address that other machines reach")
	flags.StringArrayVar(&f.allowHosts, "allow-host", nil, "a `name` that clients may call this machine by, beside localhost and addresses (repeatable)")
	flags.IntVar(&f.queue, "queue", 64, "`requests` that may wait; more are told to come again")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Minute, "of a request, waiting included")
	flags.IntVar(&f.parallel, "parallel", 8, "`answers` of one adapter to generate side by side, which takes memory for the context of each")
	flags.IntVar(&f.keep, "keep", 8, "`adapters` to keep on the device")
	return cmd
}

func (f *serveFlags) check(args []string) error {
	for _, n := range []struct {
		flag string
		n    int
	}{{"queue", f.queue}, {"parallel", f.parallel}, {"keep", f.keep}} {
		if n.n < 1 {
			return usageError{runner.WithHint(fmt.Errorf("--%s: %d", n.flag, n.n), "it is a number of at least 1")}
		}
	}
	if f.timeout <= 0 {
		return usageError{runner.WithHint(fmt.Errorf("--timeout: %s", f.timeout), "it is a time such as 90s or 10m")}
	}
	if f.allowRemote {
		return f.sessionFlags.check(args)
	}
	host, _, err := net.SplitHostPort(f.listen)
	if err != nil {
		return usageError{runner.WithHint(fmt.Errorf("--listen: %w", err), "an address is HOST:PORT, such as 127.0.0.1:8080")}
	}
	if at, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !at.IsLoopback()) {
		return usageError{runner.WithHint(fmt.Errorf("--listen %s: other machines could reach it", f.listen), "listen on 127.0.0.1, or say --allow-remote and set "+apiKeyVariable)}
	}
	return f.sessionFlags.check(args)
}

func runServe(ctx context.Context, e *env, f serveFlags, args []string) (err error) {
	// An address that is taken is no reason to load gigabytes.
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.listen)
	if err != nil {
		return usageError{runner.WithHint(fmt.Errorf("--listen: %w", err), "choose another port, or 0 for a free one")}
	}
	defer func() { _ = l.Close() }() // Serve may have done so
	s, err := openSession(ctx, e, f.sessionFlags, args, talk.Options{Adapters: f.keep, Parallel: f.parallel})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	models, err := s.List(ctx)
	if err != nil {
		return err
	}
	digest := s.host.Base().Digest()
	server := serve.New(serve.Options{
		Models: s.catalog, Host: s.host, Base: hex.EncodeToString(digest[:]), Folder: filepath.Dir(s.host.Base().Template.Origin()),
		Queue: f.queue, Timeout: f.timeout, MaxBody: maxBody, Names: lowered(f.allowHosts), APIKey: os.Getenv(apiKeyVariable), Now: e.now,
		Log: func(line string) { e.say("%s %s", e.now().Format(time.TimeOnly), line) },
	})
	if f.allowRemote && os.Getenv(apiKeyVariable) == "" {
		e.say("warning: whoever reaches %s can ask the adapters about their data; %s is not set", l.Addr(), apiKeyVariable)
	}
	e.say("serving %s on http://%s/v1", count(len(models), "model"), l.Addr())
	stop := context.AfterFunc(ctx, func() { e.say("completing what was begun; Ctrl-C again ends at once") })
	defer stop()
	return server.Serve(ctx, l)
}

func lowered(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.ToLower(n)
	}
	return out
}
