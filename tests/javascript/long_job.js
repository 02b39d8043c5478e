// A job that outlives its token, with Genesys's own JavaScript SDK (purecloud-platform-client-v2), started by `exec --serve`.
//
// Logs in once. For each line on standard input it makes ten calls and prints the number of those that failed.

const readline = require("node:readline");
const genesys = require("purecloud-platform-client-v2");

async function main(environment) {
  const client = genesys.ApiClient.instance;
  client.setGateway({
    host: environment.GENESYSCLOUD_GATEWAY_HOST,
    protocol: environment.GENESYSCLOUD_GATEWAY_PROTOCOL,
    port: Number(environment.GENESYSCLOUD_GATEWAY_PORT),
  });
  await client.loginClientCredentialsGrant(
    environment.GENESYSCLOUD_OAUTHCLIENT_ID,
    environment.GENESYSCLOUD_OAUTHCLIENT_SECRET,
  );
  console.log("logged in");
  for await (const _ of readline.createInterface({ input: process.stdin })) {
    let failed = 0;
    for (let number = 0; number < 10; number += 1) {
      try {
        await (number % 2
          ? new genesys.UsersApi().getUsers({ pageSize: 25, pageNumber: 1 })
          : new genesys.TokensApi().getTokensMe());
      } catch (error) {
        console.error(error);
        failed += 1;
      }
    }
    console.log(failed);
  }
}

main(process.env);
