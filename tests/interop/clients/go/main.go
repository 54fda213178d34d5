// The interop client on grpc-go: client [-ca FILE] ADDRESS CASE..., or client -load ADDRESS METHOD,
// or client -hold ADDRESS METHOD.
//
// It prints a line for each case: "CASE ok", or "CASE failed: REASON". Where grpc-go's own interop
// package has a case, that is used. It ends the process when one fails, so each has its own.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
)

const (
	timeout      = time.Minute
	soakCalls    = 100
	soakChannels = 20
)

// A target is the server that a case is done with.
type target struct {
	address string
	options []grpc.DialOption
	conn    *grpc.ClientConn
	testgrpc.TestServiceClient
}

func dial(address, ca string) (*target, error) {
	transport := insecure.NewCredentials()
	if ca != "" {
		var err error
		if transport, err = credentials.NewClientTLSFromFile(ca, ""); err != nil {
			return nil, err
		}
	}
	options := []grpc.DialOption{grpc.WithTransportCredentials(transport)}
	conn, err := grpc.NewClient(address, options...)
	if err != nil {
		return nil, err
	}
	return &target{address, options, conn, testgrpc.NewTestServiceClient(conn)}, nil
}

type testCase func(context.Context, *target) error

// ofPackage makes a case of one of the interop package's, which ends the process if it fails.
func ofPackage(do func(context.Context, testgrpc.TestServiceClient, ...grpc.CallOption)) testCase {
	return func(ctx context.Context, to *target) error {
		do(ctx, to)
		return nil
	}
}

// soak makes many large calls, on one connection or on a new one for each.
func soak(newChannels bool, calls int) testCase {
	return func(ctx context.Context, to *target) error {
		const largeRequest, largeReply = 271828, 314159
		interop.DoSoakTest(ctx, to, to.address, to.options, newChannels, calls, 0,
			largeRequest, largeReply, timeout, 0)
		return nil
	}
}

var cases = map[string]testCase{
	"empty_unary":                 ofPackage(interop.DoEmptyUnaryCall),
	"large_unary":                 ofPackage(interop.DoLargeUnaryCall),
	"client_streaming":            ofPackage(interop.DoClientStreaming),
	"server_streaming":            ofPackage(interop.DoServerStreaming),
	"ping_pong":                   ofPackage(interop.DoPingPong),
	"empty_stream":                ofPackage(interop.DoEmptyStream),
	"custom_metadata":             ofPackage(interop.DoCustomMetadata),
	"status_code_and_message":     ofPackage(interop.DoStatusCodeAndMessage),
	"special_status_message":      ofPackage(interop.DoSpecialStatusMessage),
	"cancel_after_begin":          ofPackage(interop.DoCancelAfterBegin),
	"cancel_after_first_response": ofPackage(interop.DoCancelAfterFirstResponse),
	"timeout_on_sleeping_server":  ofPackage(interop.DoTimeoutOnSleepingServer),
	"unimplemented_method": func(ctx context.Context, to *target) error {
		interop.DoUnimplementedMethod(ctx, to.conn)
		return nil
	},
	"unimplemented_service": func(ctx context.Context, to *target) error {
		interop.DoUnimplementedService(ctx, testgrpc.NewUnimplementedServiceClient(to.conn))
		return nil
	},
	"rpc_soak":                        soak(false, soakCalls),
	"channel_soak":                    soak(true, soakChannels),
	"thousand_concurrent_large_unary": thousandConcurrentLargeUnary,
	"client_compressed_unary":         clientCompressedUnary,
	"server_compressed_unary":         serverCompressedUnary,
	"server_compressed_streaming":     serverCompressedStreaming,
}

// doOne does a case in this process.
func doOne(name, address, ca string) error {
	to, err := dial(address, ca)
	if err != nil {
		return err
	}
	defer to.conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return cases[name](ctx, to)
}

// doEach does every case in a process of its own.
func doEach(names []string, address, ca string) {
	for _, name := range names {
		var output bytes.Buffer
		child := exec.Command(os.Args[0], "-one", "-ca", ca, address, name)
		child.Stdout, child.Stderr = &output, &output
		if err := child.Run(); err != nil {
			fmt.Printf("%s failed: %v %s\n", name, err, strings.ReplaceAll(output.String(), "\n", " "))
		} else {
			fmt.Printf("%s ok\n", name)
		}
	}
}

func main() {
	ca := flag.String("ca", "", "the certificate to trust; plain text without one")
	one := flag.Bool("one", false, "do the one case in this process")
	loading := flag.Bool("load", false, "call the method until standard input ends")
	holding := flag.Bool("hold", false, "make one call, with pings while it lasts")
	flag.Parse()
	address, names := flag.Arg(0), flag.Args()[1:]
	if *loading {
		if err := load(address, names[0]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	} else if *holding {
		if err := hold(address, names[0]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	} else if !*one {
		doEach(names, address, *ca)
	} else if err := doOne(names[0], address, *ca); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
