// The client walks the road of a new user against a running server.
//
// PASSWORD is what the server printed at its first start, or what it was changed to since;
// NEW_PASSWORD replaces it where the server asks for that. ADDRESS is 127.0.0.1:50051 if not set.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/durationpb"

	blrcs "example.com/blrcs-client/gen/blrcs/v1"
)

const callsAtOnce = 500

func main() {
	log.SetFlags(0)
	if err := walk(context.Background()); err != nil {
		log.Fatal(describe(err))
	}
}

func walk(ctx context.Context) error {
	address := os.Getenv("ADDRESS")
	if address == "" {
		address = "127.0.0.1:50051"
	}
	channel, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer channel.Close()
	run := randomHex(4) // lets the program run as often as one likes
	ctx, err = signIn(ctx, channel, os.Getenv("PASSWORD"), os.Getenv("NEW_PASSWORD"))
	if err != nil {
		return err
	}
	if err := grantAccess(ctx, channel, run); err != nil {
		return err
	}
	if err := consumeLimit(ctx, channel, run); err != nil {
		return err
	}
	exceedMethodLimit(ctx, channel)
	return useCache(ctx, channel, run)
}

// bearer returns a context whose calls carry the access token.
func bearer(ctx context.Context, tokens *blrcs.Tokens) context.Context {
	return metadata.NewOutgoingContext(
		ctx, metadata.Pairs("authorization", "Bearer "+tokens.AccessToken))
}

// signIn signs in as admin; a one-time password is good for nothing but being changed.
func signIn(
	ctx context.Context, channel *grpc.ClientConn, password, newPassword string,
) (context.Context, error) {
	service := blrcs.NewAuthServiceClient(channel)
	reply, err := service.SignIn(ctx, &blrcs.SignInRequest{UserId: "admin", Password: password})
	if err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(reply.Session, "/sessions/")
	fmt.Println("signed in:", name)
	if !reply.PasswordChangeRequired {
		return bearer(ctx, reply.Tokens), nil
	}
	_, err = blrcs.NewUserServiceClient(channel).ChangePassword(
		bearer(ctx, reply.Tokens),
		&blrcs.ChangePasswordRequest{
			Name: name, OldPassword: password, NewPassword: newPassword,
		})
	if err != nil {
		return nil, err
	}
	// The access token in hand still asks for the change: take another.
	refreshed, err := service.Refresh(
		ctx, &blrcs.RefreshRequest{RefreshToken: reply.Tokens.RefreshToken})
	if err != nil {
		return nil, err
	}
	fmt.Println("changed the password")
	return bearer(ctx, refreshed.Tokens), nil
}

// grantAccess creates a role and a user, gives the user the role, and asks what the user may do.
func grantAccess(ctx context.Context, channel *grpc.ClientConn, run string) error {
	service := blrcs.NewAccessServiceClient(channel)
	newRole := &blrcs.CreateRoleRequest{
		RoleId: "reader-" + run, Role: &blrcs.Role{Permissions: []string{"documents.read"}},
	}
	role, err := service.CreateRole(ctx, newRole)
	if err != nil {
		return err
	}
	fmt.Println("created", role.Name)
	_, err = service.CreateRole(ctx, newRole)
	fmt.Println("refused:", describe(err))
	alice, err := blrcs.NewUserServiceClient(channel).CreateUser(ctx, &blrcs.CreateUserRequest{
		UserId: "alice-" + run, User: &blrcs.User{}, Password: randomHex(16),
	})
	if err != nil {
		return err
	}
	fmt.Println("created", alice.Name)
	_, err = service.CreateBinding(ctx, &blrcs.CreateBindingRequest{Binding: &blrcs.Binding{
		Role: role.Name, Members: []string{alice.Name}, Resource: "documents",
	}})
	if err != nil {
		return err
	}
	for _, permission := range []string{"documents.read", "documents.delete"} {
		reply, err := service.Check(ctx, &blrcs.CheckRequest{
			Principal: alice.Name, Permission: permission, Resource: "documents/7",
		})
		if err != nil {
			return err
		}
		answer := "denied"
		if reply.Allowed {
			answer = "allowed"
		}
		fmt.Printf("%s on documents/7: %s\n", permission, answer)
	}
	return nil
}

// consumeLimit allows three exports a minute for each user: the fourth is refused, by an answer,
// not an error.
func consumeLimit(ctx context.Context, channel *grpc.ClientConn, run string) error {
	service := blrcs.NewLimitServiceClient(channel)
	domain := "exports-" + run
	_, err := service.CreateLimitRule(ctx, &blrcs.CreateLimitRuleRequest{
		LimitRule: &blrcs.LimitRule{
			Domain:   domain,
			Match:    []*blrcs.LimitEntry{{Key: "user"}},
			Requests: 3,
			Period:   &durationpb.Duration{Seconds: 60},
		},
	})
	if err != nil {
		return err
	}
	user := &blrcs.LimitDescriptor{Entries: []*blrcs.LimitEntry{{Key: "user", Value: "alice"}}}
	request := &blrcs.ConsumeRequest{Domain: domain, Descriptors: []*blrcs.LimitDescriptor{user}}
	for {
		reply, err := service.Consume(ctx, request)
		if err != nil {
			return err
		}
		if !reply.Allowed {
			fmt.Printf("used up, retry after %.0f s\n", reply.RetryAfter.AsDuration().Seconds())
			return nil
		}
		fmt.Println("consumed, remaining:", reply.Statuses[0].Remaining)
	}
}

// exceedMethodLimit calls a method that has a limit of its own in its policy; such a refusal is an
// error with RetryInfo.
func exceedMethodLimit(ctx context.Context, channel *grpc.ClientConn) {
	service := blrcs.NewAuthServiceClient(channel)
	errs := make(chan error)
	for i := 0; i < callsAtOnce; i++ {
		go func() {
			_, err := service.GetJwks(ctx, &blrcs.GetJwksRequest{})
			errs <- err
		}()
	}
	var refusal error
	for i := 0; i < callsAtOnce; i++ {
		if err := <-errs; err != nil {
			refusal = err
		}
	}
	fmt.Println("refused:", describe(refusal))
}

// useCache sets, gets and watches an entry; a version guards against overwriting what one never
// saw.
func useCache(ctx context.Context, channel *grpc.ClientConn, run string) error {
	service := blrcs.NewCacheServiceClient(channel)
	namespace, key := "greetings-"+run, "hello"
	first, err := service.Set(ctx, &blrcs.SetRequest{
		Namespace: namespace, Key: key, Value: []byte("world"),
		Condition: &blrcs.SetRequest_IfAbsent{IfAbsent: true},
	})
	if err != nil {
		return err
	}
	got, err := service.Get(ctx, &blrcs.GetRequest{Namespace: namespace, Key: key})
	if err != nil {
		return err
	}
	fmt.Println("got:", string(got.Entry.Value))

	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := service.Watch(watching, &blrcs.WatchRequest{Namespace: namespace})
	if err != nil {
		return err
	}
	if _, err := events.Recv(); err != nil { // STARTED: from here on no change is missed
		return err
	}
	change := &blrcs.SetRequest{
		Namespace: namespace, Key: key, Value: []byte("moon"),
		Condition: &blrcs.SetRequest_IfVersion{IfVersion: first.Version},
	}
	if _, err := service.Set(ctx, change); err != nil {
		return err
	}
	event, err := events.Recv()
	if err != nil {
		return err
	}
	fmt.Println("watched:", event.Type, event.Key)
	_, err = service.Set(ctx, change)
	fmt.Println("refused:", describe(err))
	return nil
}

func randomHex(size int) string {
	bytes := make([]byte, size)
	if _, err := rand.Read(bytes); err != nil {
		log.Fatal(err)
	}
	return hex.EncodeToString(bytes)
}
