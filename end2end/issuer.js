// An issuer of OpenID Connect for the tests in Rust: oidc-provider, with its own forms. Whoever signs in as "grace" has the
// address grace@example.com, and so has "grace+other", who is somebody else; the address of "unverified" is not verified.
//
//     node issuer.js PORT REDIRECT_URI      (0: any free port)
//
// Its first line is its URL, and it ends when its standard input does.

import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const [port, redirect] = process.argv.slice(2);

const client = { redirect_uris: [redirect] };
const configuration = {
  clients: [
    { ...client, client_id: "sexton", client_secret: "a secret that only two know" },
    { ...client, client_id: "sexton-public", token_endpoint_auth_method: "none" },
  ],
  claims: { openid: ["sub"], email: ["email", "email_verified"] },
  pkce: { required: () => true },
  cookies: { keys: ["not a secret: this is a test"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id.split("+")[0]}@example.com`, email_verified: id !== "unverified" }),
  }),
};

const server = createServer();
server.listen(Number(port), "127.0.0.1", () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(url, configuration);
  server.on("request", provider.callback());
  process.stdout.write(`${url}\n`);
});
process.stdin.resume().on("end", () => process.exit());
