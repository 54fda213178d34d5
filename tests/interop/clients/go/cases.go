package main

import (
	"context"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

const (
	concurrentCalls = 1000
	largeRequest    = 271828
	largeReply      = 314159
)

func newLargeRequest() *testpb.SimpleRequest {
	return &testpb.SimpleRequest{
		ResponseSize: largeReply,
		Payload:      &testpb.Payload{Body: make([]byte, largeRequest)},
	}
}

// largeUnary makes one call and checks its reply.
func largeUnary(ctx context.Context, to *target, request *testpb.SimpleRequest, options ...grpc.CallOption) error {
	reply, err := to.UnaryCall(ctx, request, options...)
	if err != nil {
		return err
	}
	if size := len(reply.GetPayload().GetBody()); size != largeReply {
		return fmt.Errorf("got %d bytes in the place of %d", size, largeReply)
	}
	return nil
}

func thousandConcurrentLargeUnary(ctx context.Context, to *target) error {
	ended := make(chan error)
	for i := 0; i < concurrentCalls; i++ {
		go func() { ended <- largeUnary(ctx, to, newLargeRequest()) }()
	}
	var failed error
	for i := 0; i < concurrentCalls; i++ {
		if err := <-ended; err != nil {
			failed = err
		}
	}
	return failed
}

func clientCompressedUnary(ctx context.Context, to *target) error {
	request := newLargeRequest()
	request.ExpectCompressed = &testpb.BoolValue{Value: true}
	if err := largeUnary(ctx, to, request); status.Code(err) != codes.InvalidArgument {
		return fmt.Errorf("the probe ended with %v", err)
	}
	if err := largeUnary(ctx, to, request, grpc.UseCompressor(gzip.Name)); err != nil {
		return err
	}
	request.ExpectCompressed.Value = false
	return largeUnary(ctx, to, request)
}

func serverCompressedUnary(ctx context.Context, to *target) error {
	for _, compressed := range []bool{true, false} {
		request := newLargeRequest()
		request.ResponseCompressed = &testpb.BoolValue{Value: compressed}
		if err := largeUnary(ctx, to, request); err != nil {
			return err
		}
	}
	return nil
}

func serverCompressedStreaming(ctx context.Context, to *target) error {
	sizes := []int32{31415, 92653}
	request := &testpb.StreamingOutputCallRequest{}
	for i, size := range sizes {
		request.ResponseParameters = append(request.ResponseParameters, &testpb.ResponseParameters{
			Size: size, Compressed: &testpb.BoolValue{Value: i == 0},
		})
	}
	stream, err := to.StreamingOutputCall(ctx, request)
	if err != nil {
		return err
	}
	for _, size := range sizes {
		reply, err := stream.Recv()
		if err != nil {
			return err
		}
		if got := len(reply.GetPayload().GetBody()); got != int(size) {
			return fmt.Errorf("got %d bytes in the place of %d", got, size)
		}
	}
	if _, err := stream.Recv(); err != io.EOF {
		return fmt.Errorf("got %v in the place of the end", err)
	}
	return nil
}
