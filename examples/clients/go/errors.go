package main

import (
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// describe puts the error of a call in one line: its code, the reason for programs that ErrorInfo
// gives, its message, and where RetryInfo is there, when to try again.
func describe(err error) string {
	if err == nil {
		return "none"
	}
	refusal := status.Convert(err)
	reason, wait := "", ""
	for _, detail := range refusal.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			reason = detail.Reason
		case *errdetails.RetryInfo:
			wait = fmt.Sprintf(", retry after %.3f s", detail.RetryDelay.AsDuration().Seconds())
		}
	}
	return fmt.Sprintf("%s %s: %s%s", code.Code(refusal.Code()), reason, refusal.Message(), wait)
}
