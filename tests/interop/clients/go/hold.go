package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// hold makes one call and sends a ping whenever nothing has come for a while, of which grpc-go makes
// ten seconds where it is told less. It prints what came of the call.
func hold(address, method string) error {
	conn, err := grpc.NewClient(
		address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: time.Second, Timeout: timeout}),
	)
	if err != nil {
		return err
	}
	defer conn.Close()
	err = conn.Invoke(context.Background(), method, &emptypb.Empty{}, &emptypb.Empty{})
	fmt.Println(status.Code(err))
	return nil
}
