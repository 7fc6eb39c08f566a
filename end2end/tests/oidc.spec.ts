// Signing in with OpenID Connect in a real browser: the cookies that must come along from another site. For a browser,
// localhost and 127.0.0.1 are two sites.

import { spawn } from "node:child_process";
import { once } from "node:events";

import { expect, test } from "./fixtures.ts";

test("who signs in at another site comes back signed in, to the page that they asked for, without JavaScript", async ({
  server,
  sql,
  browserOf,
}) => {
  const home = server.baseURL.replace("127.0.0.1", "localhost");
  const issuer = spawn(process.execPath, ["issuer.js", "0", `${home}/login/oidc/callback`], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  try {
    const [url] = await once(issuer.stdout.setEncoding("utf8"), "data");
    await server.kill();
    await server.start({
      SEXTON_PUBLIC_URL: home,
      SEXTON_OIDC_ISSUER: String(url).trim(),
      SEXTON_OIDC_CLIENT_ID: "sexton-public",
      SEXTON_OIDC_NAME: "Acme",
    });
    await sql.query("insert into users (id, email) values (gen_random_uuid(), 'hopper@example.com')");
    // Their cookie is for 127.0.0.1: here they are nobody.
    const page = await browserOf({ javaScriptEnabled: false });
    // The issuer's forms ask for a font elsewhere.
    await page.route(/fonts\./, (route) => route.fulfill({ contentType: "text/css", body: "" }));
    await page.goto(`${home}/account`);
    await page.getByRole("link", { name: "Sign in with Acme" }).click();
    await page.getByPlaceholder("Enter any login").fill("hopper");
    await page.getByPlaceholder("and password").fill("any");
    await page.getByRole("button", { name: "Sign-in" }).click();
    await page.getByRole("button", { name: "Continue" }).click();
    await expect(page).toHaveURL(`${home}/account`);
    await expect(page.getByText("hopper@example.com").first()).toBeVisible();
    const cookies = await page.context().cookies(home);
    expect(cookies.map((cookie) => cookie.name).sort()).toEqual(["sexton", "sexton-device"]);
  } finally {
    issuer.kill();
  }
});
