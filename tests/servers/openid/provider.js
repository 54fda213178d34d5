// An OpenID provider on the loopback, with a key of each kind and two clients.
//
// provider.js PORT CERTIFICATE KEY
//
// /sign/ALG has it sign by an algorithm from then on, /rotate/ALG by a new key, which it publishes
// in that moment. /callback is where browsers come back to, and answers with what they bring.
import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

import { calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

// What the packages want and Node.js 18 has not.
globalThis.crypto ??= webcrypto;
URL.parse ??= (text, base) => {
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
};

const [port, certificate, key] = process.argv.slice(2);
const issuer = `https://localhost:${port}`;
const secret = { client_secret: "a secret of clients that is long enough" };
const scope = "orders.read orders.write";
const keys = [];
let algorithm = "RS256";
let provider;

async function addKey(of) {
  const { privateKey } = await generateKeyPair(of, { extractable: true });
  const jwk = await exportJWK(privateKey);
  keys.unshift({ ...jwk, kid: await calculateJwkThumbprint(jwk), use: "sig" });
}

async function loadExistingGrant(context) {
  const { client, session, provider: own } = context.oidc;
  const grant = new own.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope("openid");
  grant.addResourceScope("urn:orders", scope);
  await grant.save();
  return grant;
}

function settings() {
  return {
    jwks: { keys: [...keys] },
    clients: [
      {
        client_id: "service",
        ...secret,
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
      { client_id: "web", ...secret, redirect_uris: [`${issuer}/callback`] },
    ],
    cookies: { keys: ["a key of cookies"] },
    pkce: { required: () => false },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    loadExistingGrant,
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource) => ({
          scope,
          audience: resource.replace("urn:", ""),
          accessTokenFormat: "jwt",
          accessTokenTTL: 600,
          jwt: { sign: { alg: algorithm } },
        }),
      },
    },
  };
}

async function answer(request, response) {
  const { pathname, search } = new URL(request.url, issuer);
  const [, what, which] = pathname.split("/");
  if (what === "callback") {
    response.end(search);
  } else if (what === "interaction") {
    const result = { login: { accountId: "alice" } };
    await provider.interactionFinished(request, response, result);
  } else if (what === "sign" || what === "rotate") {
    if (what === "rotate") await addKey(which);
    algorithm = which;
    provider = new Provider(issuer, settings());
    response.end();
  } else {
    await provider.callback()(request, response);
  }
}

for (const of of ["Ed25519", "ES256", "RS256"]) await addKey(of);
provider = new Provider(issuer, settings());
const files = { cert: readFileSync(certificate), key: readFileSync(key) };
createServer(files, answer).listen(Number(port), "127.0.0.1", () => console.log("serves"));
