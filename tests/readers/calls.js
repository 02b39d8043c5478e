// Ten calls for each line on standard input, by the client of docs/readers. Prints the number of those that failed.
//
// The calls of the line `together` are made at the same time.

const path = require("node:path");
const readline = require("node:readline");
const genesys = require("purecloud-platform-client-v2");

async function fails(number) {
  try {
    await (number % 2
      ? new genesys.UsersApi().getUsers({ pageSize: 25, pageNumber: 1 })
      : new genesys.TokensApi().getTokensMe());
  } catch (error) {
    console.error(error.status ?? error);
    return 1;
  }
  return 0;
}

async function main(environment) {
  const { useRotatedToken } = require(path.join(environment.READERS, "rotated_token.js"));
  const client = genesys.ApiClient.instance;
  client.setGateway({ host: environment.GATEWAY_HOST, protocol: "http", port: Number(environment.GATEWAY_PORT) });
  useRotatedToken(client, environment.SECRET);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const failed = [];
    if (line === "together") failed.push(...(await Promise.all([...Array(10).keys()].map(fails))));
    else for (let number = 0; number < 10; number += 1) failed.push(await fails(number));
    console.log(failed.reduce((sum, one) => sum + one));
  }
}

main(process.env);
