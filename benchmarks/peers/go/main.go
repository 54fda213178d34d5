// The echo server of grpc-go. Prints its port and serves until SIGTERM.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	echo "example.com/echo/echov1"
)

type server struct {
	echo.UnimplementedEchoServiceServer
}

func (server) Echo(_ context.Context, request *echo.Message) (*echo.Message, error) {
	return request, nil
}

func (server) EchoLater(_ context.Context, request *echo.Message) (*echo.Message, error) {
	runtime.Gosched()
	return request, nil
}

func (server) Expand(
	request *echo.ExpandRequest, stream grpc.ServerStreamingServer[echo.Message],
) error {
	reply := &echo.Message{Payload: request.Payload}
	for range request.Count {
		if err := stream.Send(reply); err != nil {
			return err
		}
	}
	return nil
}

func (server) Collect(
	stream grpc.ClientStreamingServer[echo.Message, echo.CollectResponse],
) error {
	reply := &echo.CollectResponse{}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(reply)
		}
		if err != nil {
			return err
		}
		reply.Messages++
		reply.PayloadBytes += uint64(len(message.Payload))
	}
}

func (server) Converse(stream grpc.BidiStreamingServer[echo.Message, echo.Message]) error {
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(message); err != nil {
			return err
		}
	}
}

func main() {
	certificate := flag.String("cert", "", "PEM file; with it the server speaks TLS")
	key := flag.String("key", "", "PEM file")
	flag.Parse()
	var options []grpc.ServerOption
	if *certificate != "" {
		tls, err := credentials.NewServerTLSFromFile(*certificate, *key)
		if err != nil {
			log.Fatal(err)
		}
		options = append(options, grpc.Creds(tls))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	serving := grpc.NewServer(options...)
	echo.RegisterEchoServiceServer(serving, server{})
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	go func() {
		<-told
		serving.Stop()
	}()
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	if err := serving.Serve(listener); err != nil {
		log.Fatal(err)
	}
}
