// Walks the road of a new user against a running server.
//
// PASSWORD is what the server printed at its first start, or what it was changed to since;
// NEW_PASSWORD replaces it where the server asks for that. ADDRESS is 127.0.0.1:50051 if not set.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';

import grpc from '@grpc/grpc-js';

import { contract } from './contract.js';
import { describe, seconds } from './errors.js';

const CALLS_AT_ONCE = 500;

const { ADDRESS = '127.0.0.1:50051', PASSWORD, NEW_PASSWORD = '' } = process.env;
const run = randomBytes(4).toString('hex'); // lets the program run as often as one likes

const credentials = grpc.credentials.createInsecure();
const clients = ['Access', 'Auth', 'Cache', 'Limit', 'User'].map(
  (name) => new contract.blrcs.v1[`${name}Service`](ADDRESS, credentials),
);
const [access, auth, cache, limit, user] = clients;

/** A unary call as a promise. */
function call(client, method, request, token) {
  return new Promise((resolve, reject) => {
    client[method](request, token ?? new grpc.Metadata(), (error, reply) =>
      error ? reject(error) : resolve(reply),
    );
  });
}

/** Makes a call that is going to be refused, and shows how. */
async function showRefusal(refused) {
  const line = await refused.then(() => 'none', describe);
  console.log('refused:', line);
}

function bearer(tokens) {
  const metadata = new grpc.Metadata();
  metadata.set('authorization', `Bearer ${tokens.access_token}`);
  return metadata;
}

/** Signs in as admin; a one-time password is good for nothing but being changed. */
async function signIn() {
  const reply = await call(auth, 'SignIn', { user_id: 'admin', password: PASSWORD });
  console.log('signed in:', reply.session.split('/sessions/')[0]);
  if (!reply.password_change_required) return bearer(reply.tokens);
  const change = { name: 'users/admin', old_password: PASSWORD, new_password: NEW_PASSWORD };
  await call(user, 'ChangePassword', change, bearer(reply.tokens));
  // The access token in hand still asks for the change: take another.
  const refreshed = await call(auth, 'Refresh', { refresh_token: reply.tokens.refresh_token });
  console.log('changed the password');
  return bearer(refreshed.tokens);
}

/** Creates a role and a user, gives the user the role, and asks what the user may do. */
async function grantAccess(token) {
  const newRole = { role_id: `reader-${run}`, role: { permissions: ['documents.read'] } };
  const role = await call(access, 'CreateRole', newRole, token);
  console.log('created', role.name);
  await showRefusal(call(access, 'CreateRole', newRole, token));
  const password = randomBytes(16).toString('base64url');
  const newUser = { user_id: `alice-${run}`, user: {}, password };
  const alice = await call(user, 'CreateUser', newUser, token);
  console.log('created', alice.name);
  const binding = { role: role.name, members: [alice.name], resource: 'documents' };
  await call(access, 'CreateBinding', { binding }, token);
  for (const permission of ['documents.read', 'documents.delete']) {
    const question = { principal: alice.name, permission, resource: 'documents/7' };
    const { allowed } = await call(access, 'Check', question, token);
    console.log(`${permission} on documents/7:`, allowed ? 'allowed' : 'denied');
  }
}

/** Three exports a minute for each user: the fourth is refused, by an answer, not an error. */
async function consumeLimit(token) {
  const domain = `exports-${run}`;
  const limit_rule = { domain, match: [{ key: 'user' }], requests: 3, period: { seconds: 60 } };
  await call(limit, 'CreateLimitRule', { limit_rule }, token);
  const request = { domain, descriptors: [{ entries: [{ key: 'user', value: 'alice' }] }] };
  for (;;) {
    const reply = await call(limit, 'Consume', request, token);
    if (!reply.allowed) {
      console.log(`used up, retry after ${seconds(reply.retry_after).toFixed(0)} s`);
      return;
    }
    console.log('consumed, remaining:', reply.statuses[0].remaining ?? 0);
  }
}

/** GetJwks has a limit of its own in its policy; such a refusal is an error with RetryInfo. */
async function exceedMethodLimit() {
  await showRefusal(
    Promise.all(Array.from({ length: CALLS_AT_ONCE }, () => call(auth, 'GetJwks', {}))),
  );
}

/** Sets, gets and watches an entry; a version guards against overwriting what one never saw. */
async function useCache(token) {
  const entry = { namespace: `greetings-${run}`, key: 'hello' };
  const world = { ...entry, value: Buffer.from('world'), if_absent: true };
  const { version } = await call(cache, 'Set', world, token);
  const got = await call(cache, 'Get', entry, token);
  console.log('got:', got.entry.value.toString());

  const watch = cache.Watch({ namespace: entry.namespace }, token);
  await once(watch, 'data'); // STARTED: from here on no change is missed
  const change = { ...entry, value: Buffer.from('moon'), if_version: version };
  const [[event]] = await Promise.all([once(watch, 'data'), call(cache, 'Set', change, token)]);
  console.log('watched:', event.type, event.key);
  watch.on('error', () => {}); // it is told of its own cancelling
  watch.cancel();
  await showRefusal(call(cache, 'Set', change, token));
}

try {
  const token = await signIn();
  await grantAccess(token);
  await consumeLimit(token);
  await exceedMethodLimit();
  await useCache(token);
} catch (error) {
  console.error(describe(error));
  process.exitCode = 1;
} finally {
  for (const client of clients) client.close();
}
