// The token of a secret that rotates, for purecloud-platform-client-v2, read with @aws-sdk/client-secrets-manager:
// useRotatedToken(platformClient.ApiClient.instance, "genesys/prod");

const { GetSecretValueCommand, SecretsManagerClient } = require("@aws-sdk/client-secrets-manager");

const MARGIN = 60_000; // milliseconds before expires_at from which the secret is read again
// Milliseconds without a read for the same reason; doubled while no read brings another token.
const [FIRST_PAUSE, LONGEST_PAUSE] = [500, 5_000];

class RotatedToken {
  #secrets = new SecretsManagerClient({
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 3_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
  });
  #expiresAt = Infinity;
  #reads = { true: { next: 0, pause: FIRST_PAUSE }, false: { next: 0, pause: FIRST_PAUSE } };
  #token;

  constructor(secretId) {
    this.secretId = secretId;
  }

  async current(rejected) {
    const isRejected = this.#token === rejected;
    const reads = this.#reads[isRejected];
    if ((isRejected || this.#expiresAt - Date.now() < MARGIN) && performance.now() >= reads.next) {
      reads.now ??= this.#read(reads).finally(() => (reads.now = undefined)); // parallel calls share one read
      await reads.now;
    }
    return this.#token;
  }

  async #read(reads) {
    const before = this.#token;
    try {
      const { SecretString } = await this.#secrets.send(new GetSecretValueCommand({ SecretId: this.secretId }));
      const { access_token: token, expires_at: expiresAt } = JSON.parse(SecretString);
      if (typeof token !== "string" || !token) throw new Error("it has no access_token");
      [this.#token, this.#expiresAt] = [token, typeof expiresAt === "string" ? Date.parse(expiresAt) : Infinity];
    } catch (error) {
      // The message of a SyntaxError quotes the secret.
      const reason = error instanceof SyntaxError ? "invalid JSON" : error.message;
      if (!before) throw new Error(`${this.secretId} cannot be read: ${reason}`);
      console.warn(`${this.secretId} cannot be read, its last token is used: ${reason}`);
    }
    if (this.#token !== before) [reads.next, reads.pause] = [0, FIRST_PAUSE];
    else [reads.next, reads.pause] = [performance.now() + reads.pause, Math.min(2 * reads.pause, LONGEST_PAUSE)];
  }
}

exports.useRotatedToken = (client, secretId) => {
  const source = new RotatedToken(secretId);
  const http = client.getHttpClient();
  const request = http.request.bind(http);
  http.request = async (options) => {
    const token = await source.current();
    options.headers.Authorization = `Bearer ${token}`;
    return request(options).catch(async (error) => {
      const other = error.response?.status === 401 ? await source.current(token) : token;
      if (other === token) throw error;
      options.headers.Authorization = `Bearer ${other}`;
      return request(options);
    });
  };
};
