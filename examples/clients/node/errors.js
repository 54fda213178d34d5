// What an error of a call says beyond its code: the google.rpc details.

import grpc from '@grpc/grpc-js';

import { contract } from './contract.js';

const ERROR_INFO = 'type.googleapis.com/google.rpc.ErrorInfo';
const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';

/** Of a google.protobuf.Duration. */
export function seconds(duration) {
  return Number(duration.seconds ?? 0) + (duration.nanos ?? 0) / 1e9;
}

/**
 * Reads a grpc.ServiceError.
 *
 * `reason` is the ErrorInfo's constant for programs, empty if the error has none; `retryAfter_s` is
 * when to try again by RetryInfo, undefined if the error does not say.
 */
export function readRefusal(error) {
  // Not there where the error was not made by the server, such as a connection that failed.
  const [bytes] = error.metadata?.get('grpc-status-details-bin') ?? [];
  const details = bytes ? contract.google.rpc.Status.deserialize(bytes).details : [];
  const find = (type) => details.find((detail) => detail['@type'] === type);
  const retryInfo = find(RETRY_INFO);
  return {
    code: grpc.status[error.code],
    reason: find(ERROR_INFO)?.reason ?? '',
    message: error.details,
    retryAfter_s: retryInfo && seconds(retryInfo.retry_delay),
  };
}

/** A grpc.ServiceError in one line; what is no such error is thrown on. */
export function describe(error) {
  if (!(error.metadata instanceof grpc.Metadata)) throw error;
  const { code, reason, message, retryAfter_s } = readRefusal(error);
  const wait = retryAfter_s === undefined ? '' : `, retry after ${retryAfter_s.toFixed(3)} s`;
  return `${code} ${reason}: ${message}${wait}`;
}
