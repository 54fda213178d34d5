package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

const (
	loadChannels        = 2
	loadCallsOfAChannel = 2
)

// load calls a method all the time, from several connections, until standard input ends. It prints
// a line once there was a reply on each, and at the end the number of calls and every other status.
func load(address, method string) error {
	var over atomic.Bool
	var calls, answering atomic.Int64
	var callers sync.WaitGroup
	for i := 0; i < loadChannels; i++ {
		to, err := dial(address, "")
		if err != nil {
			return err
		}
		defer to.conn.Close()
		var first sync.Once
		answered := func() {
			if answering.Add(1) == loadChannels {
				fmt.Println("answered")
			}
		}
		for j := 0; j < loadCallsOfAChannel; j++ {
			callers.Add(1)
			go func() {
				defer callers.Done()
				for !over.Load() {
					if err := empty(to.conn, method); err != nil {
						fmt.Printf("failed: %v\n", status.Convert(err))
					} else {
						first.Do(answered)
					}
					calls.Add(1)
				}
			}()
		}
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	over.Store(true)
	callers.Wait()
	fmt.Printf("calls: %d\n", calls.Load())
	return err
}

// empty makes one call without anything in it.
func empty(conn *grpc.ClientConn, method string) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return conn.Invoke(ctx, method, &emptypb.Empty{}, &emptypb.Empty{})
}
